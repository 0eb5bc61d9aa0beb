"""Bins of a continuous target, for an over-sampler of classes.

The bins are the classes, and the target is one more column of the rows. Rows are
over-sampled where the target is rare, and each synthetic row has its own target.

References
----------
Torgo et al., "SMOTE for Regression", EPIA 2013. Branco, Torgo and Ribeiro, "SMOGN: a
Pre-processing Approach for Imbalanced Regression", PMLR 74, 2017.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.table.columns import check_magnitude
from gen_augment.modalities.table.dtypes import is_number
from gen_augment.validation import check_choice, check_finite, check_positive_int, check_same_length

__all__ = ["BINNINGS", "MIN_ROWS", "TargetBins", "as_floats", "joined", "parted", "read_target"]

BINNINGS = ("uniform", "quantile")
#: Rows in a bin, at least: one row and the five neighbours that SMOTE uses.
MIN_ROWS = 6


@dataclass(frozen=True)
class TargetBins:
    """Intervals of a target, closed below; the last one is closed above as well.

    Attributes
    ----------
    edges : ndarray of shape (n_bins + 1,), float64
        In rising order, from the smallest to the largest value that was fitted.

    Examples
    --------
    >>> bins = TargetBins.fit(np.arange(12.0), 2)
    >>> bins.edges.tolist(), bins.number(np.array([0, 5, 5.5, 11])).tolist()
    ([0.0, 5.5, 11.0], [0, 0, 1, 1])
    """

    edges: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, n_bins: int, binning: str = "uniform") -> Self:
        """Cut the range of `values` into bins of equal width ("uniform") or size ("quantile").

        There may be fewer bins than `n_bins`: a bin of fewer than `MIN_ROWS` rows is joined
        with the next one, the last with the one before, and equal edges are merged.

        Raises
        ------
        InputError
            There are fewer distinct values than bins, or all rows are in one bin.
        """
        check_choice("binning", binning, BINNINGS)
        check_magnitude(values, "y", whole=False)
        distinct = len(np.unique(values))
        if distinct < 2:
            raise InputError(f"y is {values[0]!r} in every row: there is nothing to bin.")
        if check_positive_int("n_bins", n_bins) > distinct:
            raise InputError(
                f"n_bins={n_bins}, but y has {distinct} distinct values: ask for at most as many "
                "bins."
            )
        if binning == "quantile":
            edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
        else:
            edges = np.linspace(values.min(), values.max(), n_bins + 1)
        bins = cls(
            _without_small(edges, np.bincount(cls(edges).number(values), minlength=len(edges) - 1))
        )
        if len(bins.edges) < 3:
            raise InputError(
                f"n_bins={n_bins}, binning={binning!r}: the {len(values)} rows of y make only one "
                "bin "
                f"of at least {MIN_ROWS} rows. Ask for more bins, or give more rows."
            )
        return bins

    def number(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value, from 0; -1 or the number of bins outside of all."""
        found = np.searchsorted(self.edges, values, side="right") - 1
        return np.where(values == self.edges[-1], len(self.edges) - 2, found)


def _without_small(edges: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return edges such that no bin has fewer than `MIN_ROWS` rows."""
    ends, rows = [], 0
    for count, end in zip(counts, edges[1:], strict=True):
        rows += count
        if rows >= MIN_ROWS:
            ends.append(end)
            rows = 0
    return np.array([edges[0], *ends[:-1], edges[-1]])  # the last bin includes what is left over


def read_target(y: Any) -> "pd.Series[Any]":
    """Return a numeric target as a Series of its dtype with an index from 0, or raise."""
    if isinstance(y, Tensor):
        y = y.detach().cpu()
        y = (y.float() if y.dtype == torch.bfloat16 else y).numpy()
    values = y.reset_index(drop=True) if isinstance(y, pd.Series) else np.asarray(y)
    if values.ndim != 1:
        raise InputError(
            f"y has shape {values.shape}: give one number for each row, for example y.ravel()."
        )
    if not len(values):
        raise InputError(
            "y is empty: Found array with 0 sample(s) while a minimum of 1 is required."
        )
    if not is_number(values.dtype) or values.dtype.kind == "b":
        raise InputError(
            f"y has dtype {values.dtype}, and task='regression' is for numbers: convert it."
        )
    target: pd.Series[Any] = pd.Series(values)
    check_finite(as_floats(target), "y")
    return target


def as_floats(target: "pd.Series[Any]") -> np.ndarray:
    """Return values of any numeric dtype as float64, NaN where missing."""
    return target.to_numpy(dtype=np.float64, na_value=np.nan)


def joined(X: Any, target: "pd.Series[Any]") -> pd.DataFrame:
    """Return a table of `X` followed by the target; each column keeps its dtype."""
    check_same_length(len(X), len(target))
    if isinstance(X, pd.DataFrame):
        frame = X.reset_index(drop=True)
    else:
        if isinstance(X, Tensor):
            X = (X.float() if X.dtype == torch.bfloat16 else X).detach().cpu().numpy()
        rows = np.asarray(X)
        if rows.ndim != 2 or rows.dtype.kind not in "biuf":
            raise InputError(
                f"X of shape {rows.shape} and dtype {rows.dtype}: task='regression' is for tables, "
                "arrays of numbers of shape (n_samples, n_columns) or a DataFrame."
            )
        frame = pd.DataFrame(rows)
    frame.insert(frame.shape[1], _free_name(frame, target.name), target)
    return frame


def parted(frame: pd.DataFrame, X: Any, y: Any) -> tuple[Any, Any]:
    """Split rows of `joined` into the containers and dtypes of `X` and of `y`."""
    rows, target = frame.iloc[:, :-1], frame.iloc[:, -1]
    made: Any
    if isinstance(X, list):
        made = rows.to_numpy().tolist()
    elif isinstance(X, Tensor):
        made = torch.from_numpy(rows.to_numpy(copy=True)).to(X.device, X.dtype)
    else:
        made = rows if isinstance(X, pd.DataFrame) else rows.to_numpy(dtype=X.dtype)
    if isinstance(y, Tensor):
        return made, torch.from_numpy(target.to_numpy(copy=True)).to(y.device, y.dtype)
    if isinstance(y, pd.Series):
        return made, pd.Series(target, name=y.name)
    return made, target.tolist() if isinstance(y, list) else target.to_numpy(dtype=y.dtype)


def _free_name(frame: pd.DataFrame, name: Any) -> str | int:
    """Return a name for one more column, a string or number like the others."""
    if all(isinstance(column, str) for column in frame.columns):
        name = name if isinstance(name, str) else "target"
        while name in frame.columns:
            name += "_"
        return str(name)
    try:
        return max(int(column) for column in frame.columns if not isinstance(column, str)) + 1
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(
            f"the columns of X are called {frame.columns.tolist()[:3]!r}: name them by strings or "
            "by "
            "numbers, for example with X.columns.map(str)."
        ) from error

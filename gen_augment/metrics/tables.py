"""Comparison of the columns of a synthetic table with those of a real one.

Tables are DataFrames, or arrays of shape (n_rows, n_columns). Numbers and dates are
compared as numbers, everything else as categories. A missing number counts as smaller than
all others, and a missing category as a category of its own.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.metrics.samples import two_sample_auc

__all__ = ["as_numbers", "column_shapes", "detection_auc", "is_number", "pair_correlations"]

_BINS = 10
#: The most frequent categories get an indicator column each; rarer ones share zeros.
_MAX_CATEGORIES = 30
_NANOSECONDS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}


def column_shapes(real: Any, fake: Any) -> "pd.Series[float]":
    """Measure how similar the distribution of each column is in both tables.

    Parameters
    ----------
    real, fake : DataFrame or array-like of shape (n_rows, n_columns)
        Tables with the same columns.

    Returns
    -------
    Series of float in [0, 1]
        One value per column; 1 if the distributions are equal. For numbers: 1 minus the
        Kolmogorov-Smirnov statistic, the largest difference of the distribution functions.
        For categories: 1 minus the total variation distance, half the sum of the absolute
        differences of the shares.

    Raises
    ------
    InputError
        The columns differ, a column is numeric in only one table, or there are no rows.

    Examples
    --------
    >>> real = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "a", "b", "b"]})
    >>> fake = pd.DataFrame({"size": [1.0, 2.0, 9.0, 9.0], "kind": ["a", "a", "a", "b"]})
    >>> column_shapes(real, fake).to_dict()
    {'size': 0.5, 'kind': 0.75}
    """
    columns = _columns(real, fake)
    return pd.Series({name: 1 - column.distance() for name, column in columns.items()}, dtype=float)


def pair_correlations(real: Any, fake: Any) -> "pd.Series[float]":
    """Measure how similar the association of each pair of columns is in both tables.

    Parameters
    ----------
    real, fake : DataFrame or array-like of shape (n_rows, n_columns)
        Tables with the same columns, at least two.

    Returns
    -------
    Series of float in [0, 1], indexed by two column names
        1 if the associations are equal. For two numbers: 1 minus half the absolute
        difference of the Pearson correlations, over rows without missing values. With a
        category: 1 minus the absolute difference of Cramér's V, where numbers are put into
        ten bins with equal numbers of real rows. A constant column has association 0.

    Raises
    ------
    InputError
        As in `column_shapes`.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", Journal of the Korean
    Statistical Society 42, 2013: without the correction V depends on the number of rows.

    Examples
    --------
    >>> real = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]})
    >>> fake = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]})
    >>> pair_correlations(real, fake).to_dict()
    {('a', 'b'): 0.0}
    """
    columns = _columns(real, fake)
    if len(columns) < 2:
        raise InputError(f"there is one column, {next(iter(columns))!r}: correlations need two.")
    numbers = {name: column for name, column in columns.items() if column.is_number}
    place = {name: i for i, name in enumerate(numbers)}
    pearson = [_pearson([column.sides[side] for column in numbers.values()]) for side in (0, 1)]
    found = {}
    for one, other in combinations(columns, 2):
        if one in numbers and other in numbers:
            r, s = (table[place[one], place[other]] for table in pearson)
            found[one, other] = 1 - abs(r - s) / 2
        else:
            v, w = (
                _cramers_v(columns[one].bins(side), columns[other].bins(side)) for side in (0, 1)
            )
            found[one, other] = 1 - abs(v - w)
    return pd.Series(found, dtype=float)


def detection_auc(real: Any, fake: Any, random_state: int = 0) -> float:
    """Measure how well classifiers distinguish the rows of both tables.

    This is `two_sample_auc` of all columns, with indicators of missing values.

    Parameters
    ----------
    real, fake : DataFrame or array-like of shape (n_rows, n_columns)
        Tables with the same columns, at least 3 rows each.
    random_state : int
        Seeds the classifiers.

    Returns
    -------
    float in [0, 1]
        0.5 if the tables cannot be distinguished, 1 if every row can.

    Raises
    ------
    InputError
        As in `column_shapes`.

    Examples
    --------
    >>> real, fake = (pd.DataFrame({"kind": kinds * 20}) for kinds in (["a", "b"], ["c", "d"]))
    >>> detection_auc(real, fake)
    1.0
    """
    columns = list(_columns(real, fake).values())
    r, f = (np.concatenate([column.dummies(side) for column in columns], axis=1) for side in (0, 1))
    return two_sample_auc(r, f, random_state=random_state)


class _Column:
    """One column of both tables.

    Attributes
    ----------
    sides : list of two ndarrays
        Real and synthetic values: float64 with NaN for missing numbers, or integer codes
        of categories, with a code for missing ones.
    """

    def __init__(self, real: "pd.Series[Any]", fake: "pd.Series[Any]") -> None:
        self.is_number = is_number(real)
        if self.is_number:
            self.sides = [as_numbers(side) for side in (real, fake)]
        else:
            codes = pd.factorize(
                pd.concat([real.astype(object), fake.astype(object)]), use_na_sentinel=True
            )[0]
            codes[codes < 0] = codes.max() + 1
            self.sides = [codes[: len(real)], codes[len(real) :]]

    def distance(self) -> float:
        """Return the Kolmogorov-Smirnov statistic, or the total variation distance."""
        real, fake = self.sides
        if not self.is_number:
            size = max(real.max(), fake.max()) + 1
            shares = (np.bincount(side, minlength=size) / len(side) for side in self.sides)
            return float(abs(np.subtract(*shares)).sum() / 2)
        real, fake = (
            np.sort(np.nan_to_num(side, nan=-np.inf, posinf=np.inf, neginf=-np.inf))
            for side in self.sides
        )
        where = np.concatenate([real, fake])
        below = (np.searchsorted(side, where, side="right") / len(side) for side in (real, fake))
        return float(abs(np.subtract(*below)).max())

    def bins(self, side: int) -> np.ndarray:
        """Return category codes; numbers are put into bins, missing ones into an extra bin."""
        values = self.sides[side]
        if not self.is_number:
            return values
        real = self.sides[0][~np.isnan(self.sides[0])]
        edges = (
            np.unique(np.quantile(real, np.arange(1, _BINS) / _BINS)) if len(real) else np.empty(0)
        )
        found = np.searchsorted(edges, values, side="right")
        found[np.isnan(values)] = len(edges) + 1
        return found

    def dummies(self, side: int) -> np.ndarray:
        """Return the column as inputs of a classifier, of shape (n_rows, n)."""
        values = self.sides[side]
        if self.is_number:
            missing = np.isnan(values)
            return np.stack([np.where(missing, 0, values), missing], axis=1)
        frequent = np.bincount(np.concatenate(self.sides)).argsort()[::-1][:_MAX_CATEGORIES]
        return np.asarray(values[:, None] == frequent, dtype=float)


def _columns(real: Any, fake: Any) -> dict[Any, _Column]:
    tables = [_as_frame("real", real), _as_frame("fake", fake)]
    names = [list(table.columns) for table in tables]
    if set(names[0]) != set(names[1]):
        raise InputError(
            "the tables have different columns: only one of them has "
            f"{sorted(map(str, set(names[0]) ^ set(names[1])))}."
        )
    for name in names[0]:
        kinds = ["number" if is_number(table[name]) else "category" for table in tables]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"column {name!r} is a {kinds[0]} in real and a {kinds[1]} in fake: give both the "
                "same dtype."
            )
    return {name: _Column(tables[0][name], tables[1][name]) for name in names[0]}


def _as_frame(name: str, table: Any) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        array = np.asarray(table.detach().cpu() if isinstance(table, Tensor) else table)
        if array.ndim != 2:
            raise InputError(
                f"{name} has shape {array.shape}: give a table of shape (n_rows, n_columns)."
            )
        frame = pd.DataFrame(array)
    if not frame.size:
        raise InputError(f"{name} has shape {frame.shape}: there is nothing to compare.")
    if frame.columns.has_duplicates:
        raise InputError(
            f"{name} has duplicate columns: {frame.columns[frame.columns.duplicated()].tolist()}."
        )
    return frame


def is_number(values: "pd.Series[Any]") -> bool:
    """Whether the values of a column are compared as numbers."""
    types = pd.api.types
    if types.is_bool_dtype(values.dtype):
        return False
    return (
        types.is_numeric_dtype(values.dtype)
        or types.is_datetime64_any_dtype(values.dtype)
        or types.is_timedelta64_dtype(values.dtype)
    )


def as_numbers(values: "pd.Series[Any]") -> np.ndarray:
    """Return numbers or dates as float64, with NaN for missing values."""
    if not pd.api.types.is_numeric_dtype(values.dtype):  # times of any unit, in nanoseconds
        missing = values.isna().to_numpy()
        return np.where(
            missing,
            np.nan,
            values.astype("int64").to_numpy(dtype=float) * _NANOSECONDS[values.dt.unit],
        )
    return values.to_numpy(dtype=float, na_value=np.nan)


def _pearson(columns: list[np.ndarray]) -> np.ndarray:
    """Return pairwise correlations over complete rows, of shape (n, n); 0 for constants."""
    table: np.ndarray = pd.DataFrame(dict(enumerate(columns))).corr().fillna(0).to_numpy()
    return table


def _cramers_v(one: np.ndarray, other: np.ndarray) -> float:
    """Return the bias-corrected Cramér's V of two columns of category codes."""
    (rows, one), (columns, other) = (
        np.unique(values, return_inverse=True) for values in (one, other)
    )
    n, r, k = len(one), len(rows), len(columns)
    if min(n - 1, r - 1, k - 1) < 1:
        return 0.0
    table = np.bincount(one * k + other, minlength=r * k).reshape(r, k) / n
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    phi = ((table - expected) ** 2 / expected).sum() - (r - 1) * (k - 1) / (n - 1)
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(max(0.0, phi) / smaller)) if smaller > 0 else 0.0

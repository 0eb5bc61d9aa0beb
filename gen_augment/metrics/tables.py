"""How the columns of a synthetic table compare with those of a real one: each by itself, two at a time, and all.

Tables are DataFrames, or arrays of shape (n_rows, n_columns). A column holds numbers, dates among them, or
categories: text, bools and all else. A missing number counts as lower than all others, a missing category as one more.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.metrics.samples import two_sample_auc

__all__ = ["column_shapes", "detection_auc", "pair_correlations"]

_BINS = 10
#: Categories that a classifier sees one by one; rarer ones are one.
_MOST_CATEGORIES = 30
_NANOSECONDS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}


def column_shapes(real: Any, fake: Any) -> "pd.Series[float]":
    """How alike each column's distribution is in both tables.

    Parameters
    ----------
    real, fake : DataFrame or array-like of shape (n_rows, n_columns)
        With the same columns.

    Returns
    -------
    Series of float in [0, 1]
        One value a column; 1 where the distributions are equal. For numbers 1 less the Kolmogorov-Smirnov statistic,
        the largest difference of the distribution functions; for categories 1 less the total variation distance, half
        the sum of the differences of shares.

    Raises
    ------
    InputError
        The tables have other columns, a column is a number in one and a category in the other, or there are no rows.

    Examples
    --------
    >>> real = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "a", "b", "b"]})
    >>> column_shapes(real, pd.DataFrame({"size": [1.0, 2.0, 9.0, 9.0], "kind": ["a", "a", "a", "b"]})).to_dict()
    {'size': 0.5, 'kind': 0.75}
    """
    columns = _columns(real, fake)
    return pd.Series({name: 1 - column.distance() for name, column in columns.items()}, dtype=float)


def pair_correlations(real: Any, fake: Any) -> "pd.Series[float]":
    """How alike the association of each two columns is in both tables.

    Parameters
    ----------
    real, fake : DataFrame or array-like of shape (n_rows, n_columns)
        With the same columns, two or more.

    Returns
    -------
    Series of float in [0, 1], indexed by two column names
        1 where the associations are equal. For two numbers 1 less half the difference of their Pearson correlations,
        over rows that have both; with a category 1 less the difference of Cramér's V, where numbers are put into ten
        bins that the real ones fill equally. A column of one value goes with nothing: its association is 0.

    Raises
    ------
    InputError
        As in `column_shapes`.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", Journal of the Korean Statistical Society 42, 2013:
    without it V would depend on the number of rows.

    Examples
    --------
    >>> real = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]})
    >>> pair_correlations(real, pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]})).to_dict()
    {('a', 'b'): 0.0}
    """
    columns = _columns(real, fake)
    if len(columns) < 2:
        raise InputError(f"there is one column, {next(iter(columns))!r}: correlations are of two.")
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
    """How well classifiers tell rows of the two tables apart: `two_sample_auc` of all columns, missing values included.

    Parameters
    ----------
    real, fake : DataFrame or array-like of shape (n_rows, n_columns)
        With the same columns, at least 3 rows each.
    random_state : int

    Returns
    -------
    float in [0, 1]
        0.5 where nobody can tell, 1 where all can be told.

    Raises
    ------
    InputError
        As in `column_shapes`.

    Examples
    --------
    >>> detection_auc(pd.DataFrame({"kind": ["a", "b"] * 20}), pd.DataFrame({"kind": ["c", "d"] * 20}))
    1.0
    """
    columns = list(_columns(real, fake).values())
    r, f = (np.concatenate([column.dummies(side) for column in columns], axis=1) for side in (0, 1))
    return two_sample_auc(r, f, random_state=random_state)


class _Column:
    """One column of both tables.

    `sides` are the values of the real and of the synthetic one: float64 with NaN where they are missing, or numbers of
    categories, with one for what is missing.
    """

    def __init__(self, real: "pd.Series[Any]", fake: "pd.Series[Any]") -> None:
        self.is_number = _is_number(real)
        if self.is_number:
            self.sides = [_as_numbers(side) for side in (real, fake)]
        else:
            codes = pd.factorize(
                pd.concat([real.astype(object), fake.astype(object)]), use_na_sentinel=True
            )[0]
            codes[codes < 0] = codes.max() + 1
            self.sides = [codes[: len(real)], codes[len(real) :]]

    def distance(self) -> float:
        """Kolmogorov-Smirnov statistic, or total variation distance."""
        real, fake = self.sides
        if not self.is_number:
            size = max(real.max(), fake.max()) + 1
            return float(
                abs(
                    np.bincount(real, minlength=size) / len(real)
                    - np.bincount(fake, minlength=size) / len(fake)
                ).sum()
                / 2
            )
        real, fake = (
            np.sort(np.nan_to_num(side, nan=-np.inf, posinf=np.inf, neginf=-np.inf))
            for side in self.sides
        )
        where = np.concatenate([real, fake])
        below = (np.searchsorted(side, where, side="right") / len(side) for side in (real, fake))
        return float(abs(np.subtract(*below)).max())

    def bins(self, side: int) -> np.ndarray:
        """Numbers of categories, or of bins of equally many real values; one more for what is missing."""
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
        """Columns for a classifier: of shape (n_rows, n)."""
        values = self.sides[side]
        if self.is_number:
            missing = np.isnan(values)
            return np.stack([np.where(missing, 0, values), missing], axis=1)
        often = np.bincount(np.concatenate(self.sides)).argsort()[::-1][:_MOST_CATEGORIES]
        return np.asarray(values[:, None] == often, dtype=float)


def _columns(real: Any, fake: Any) -> dict[Any, _Column]:
    tables = [_as_frame("real", real), _as_frame("fake", fake)]
    names = [list(table.columns) for table in tables]
    if set(names[0]) != set(names[1]):
        raise InputError(
            f"the tables have different columns: {sorted(map(str, set(names[0]) ^ set(names[1])))} are in one alone."
        )
    for name in names[0]:
        kinds = ["number" if _is_number(table[name]) else "category" for table in tables]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"column {name!r} is a {kinds[0]} in real and a {kinds[1]} in fake: give both one dtype."
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
            f"{name} has columns that occur twice: {frame.columns[frame.columns.duplicated()].tolist()}."
        )
    return frame


def _is_number(values: "pd.Series[Any]") -> bool:
    types = pd.api.types
    if types.is_bool_dtype(values.dtype):
        return False
    return (
        types.is_numeric_dtype(values.dtype)
        or types.is_datetime64_any_dtype(values.dtype)
        or types.is_timedelta64_dtype(values.dtype)
    )


def _as_numbers(values: "pd.Series[Any]") -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(values.dtype):  # times, whose units differ, as nanoseconds
        missing = values.isna().to_numpy()
        return np.where(
            missing,
            np.nan,
            values.astype("int64").to_numpy(dtype=float) * _NANOSECONDS[values.dt.unit],
        )
    return values.to_numpy(dtype=float, na_value=np.nan)


def _pearson(columns: list[np.ndarray]) -> np.ndarray:
    """Correlations of columns over rows that have both, of shape (n, n); 0 for a column of one value."""
    table: np.ndarray = pd.DataFrame(dict(enumerate(columns))).corr().fillna(0).to_numpy()
    return table


def _cramers_v(one: np.ndarray, other: np.ndarray) -> float:
    """Bias-corrected Cramér's V of two columns of category numbers."""
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

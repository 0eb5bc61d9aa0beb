"""What is publicly known of a table: names and dtypes, and given bounds and categories.

The encoding of a private table is learned from rows that are made up: evenly spaced numbers
between public bounds, or quantiles of a noisy histogram; and each category that is public, or that
was bought.
"""

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import as_pandas, converted_from, stack_rows, to_library
from gen_augment.errors import InputError
from gen_augment.modalities.table.column_kinds import column_kinds
from gen_augment.modalities.table.dates import MISSING_TIME, DateColumn, ticks_of
from gen_augment.modalities.table.dtypes import has_missing, numpy_dtype
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.table.frames import columns_of
from gen_augment.modalities.table.steps import MAX_INT

__all__ = ["KnownTable"]

#: Values that show a distribution, and bins of the histogram that is bought.
N_SHOWN, N_BINS = 512, 64
#: Powers of two that bound numbers without public bounds: 2**-30 to 2**40, of both signs, and 0.
LOWEST, HIGHEST = -30, 40
_PAY = "or pay for it with Private(bounds={{{0!r}: 'paid'}})"


class KnownTable:
    """What is known of each column.

    Parameters
    ----------
    modality : Table
    X : table
    bounds : {column: (low, high), (low, high, None), list of categories, or "paid"}, or "paid"

    Attributes
    ----------
    n_histograms, n_sets : int
        See `gen_augment.modalities.views.Known`.
    """

    def __init__(self, modality: Any, X: Any, bounds: Any) -> None:
        X = as_pandas(stack_rows(X))
        self._X, self._modality = X, modality
        self._container, self._dtype, self._series = columns_of(X)
        given = dict(bounds) if isinstance(bounds, Mapping) else {}
        for name in given:
            if name not in self._series:
                raise InputError(
                    f"bounds name a column {name!r} that X does not have; it has "
                    f"{list(self._series)}."
                )
        default = "paid" if isinstance(bounds, str) else None
        self._kinds = column_kinds(self._series, dict(modality._pairs()))
        self._dates: dict[Any, tuple[DateColumn, np.ndarray]] = {}
        #: "paid", two ends, dates as ticks, or a list of categories.
        self._bounds: dict[Any, Any] = {}
        self._may_be_missing: dict[Any, bool] = {}
        for name in self._series:
            bound, self._may_be_missing[name] = self._checked(name, given.get(name, default))
            self._bounds[name] = bound
        paid = [name for name, bound in self._bounds.items() if isinstance(bound, str)]
        self.n_sets = sum(self._kinds[name] == "category" for name in paid)
        self.n_histograms = 2 * len(paid) - self.n_sets

    def _checked(self, name: Any, bound: Any) -> tuple[Any, bool]:
        """Return what is known of a column, and whether its values may be missing."""
        column, kind = self._series[name], self._kinds[name]
        dtype = column.dtype
        if kind == "category":
            return _categories(name, column, bound)
        if kind == "date":
            date, _ = self._dates[name] = DateColumn.fit(column, name)
            remedy = (
                f"give Private(bounds={{{name!r}: (first, last)}}) with first < last, and with a "
                "time zone only if the column has one"
            )
            if isinstance(bound, str):
                raise InputError(
                    f"the range of the dates in column {name!r} cannot be paid for: {remedy}."
                )
            return _range(name, bound, partial(_dates, date), f"a range of {dtype}", remedy)
        if getattr(dtype, "kind", "O") not in "iuf":
            raise InputError(
                f"column {name!r} holds numbers as {dtype}, which has no private encoding: "
                "convert it with astype(float), or durations to seconds."
            )
        if isinstance(bound, str):
            return bound, True
        held, can_be_missing = _numpy(dtype)
        remedy = f"give Private(bounds={{{name!r}: (low, high)}}) with low < high"
        remedy += ", " + _PAY.format(name)
        what = f"a finite range of {dtype}"
        what += "" if held.kind == "f" else ", less than 2**53 wide"
        ends, may_be_missing = _range(name, bound, partial(_numbers, held), what, remedy)
        return ends, may_be_missing and can_be_missing

    def codec(self, ledger: Any) -> tuple[Any, Tensor, Tensor]:
        """Learn the encoding from made-up rows; see `Known`."""
        shown = {name: self._shown(name, ledger) for name in self._series}
        n = max(N_SHOWN, *(len(values) for values in shown.values()))
        columns = {
            name: pd.Series(
                [values[i % len(values)] for i in range(n)], dtype=self._type(name, values)
            )
            for name, values in shown.items()
        }
        types = {
            name: "continuous" if kind == "number" else kind
            for name, kind in self._kinds.items()
            if kind != "date"
        }
        file = self._modality.file
        file = None if file is None else TableFile.of(file).coarse()
        codec, encoded = type(self._modality)(types, file).fit(self._table(columns))
        return codec, encoded.amin(dim=0), encoded.amax(dim=0)

    def _table(self, columns: "dict[Any, pd.Series[Any]]") -> Any:
        if self._container == "dataframe":
            return to_library(pd.DataFrame(columns), converted_from(self._X))
        array = np.stack([column.to_numpy() for column in columns.values()], axis=1)
        if self._container == "tensor":
            return torch.from_numpy(array).to(getattr(torch, str(self._dtype)))
        return array.astype(self._dtype)

    def _type(self, name: Any, values: list[Any]) -> Any:
        """Return the dtype of a column; that of categories lists those that are known alone."""
        dtype = self._series[name].dtype
        if not isinstance(dtype, pd.CategoricalDtype):
            return dtype
        known = [value for value in values if value is not None]
        if dtype.ordered:
            order = [value for value in dtype.categories if value in known]
            known = order + [value for value in known if value not in order]
        return pd.CategoricalDtype(known, dtype.ordered)

    def _shown(self, name: Any, ledger: Any) -> list[Any]:
        """Return values that show all that is known of a column."""
        column, bound, kind = self._series[name], self._bounds[name], self._kinds[name]
        may_be_missing = self._may_be_missing[name]
        if isinstance(bound, str) and kind == "category":
            found = ledger.discover(column).index.tolist()
            if not found:
                raise InputError(
                    f"no category of column {name!r} has enough rows to be released: give its "
                    "categories, or drop it."
                )
            return [None if pd.isna(value) else value for value in found]
        if isinstance(bound, str):
            values, may_be_missing = self._bought(name, ledger)
        elif kind == "category":
            values = bound
        elif kind == "date":
            date, ticks = self._dates[name][0], np.array(_evenly(*bound))
            # Nanoseconds would be one more number to learn.
            values = list(date.write(ticks - ticks % 1000 if "[ns" in str(date.dtype) else ticks))
        elif column.dtype.kind == "f":
            values = np.linspace(bound[0], bound[1], N_SHOWN).tolist()
        else:
            values = _evenly(*bound)
        return [*values, None] if may_be_missing else list(values)

    def _bought(self, name: Any, ledger: Any) -> tuple[list[Any], bool]:
        """Buy powers of two that bound a column, then a histogram between them."""
        column = self._series[name]
        known = column.to_numpy(dtype=np.float64, na_value=np.nan)
        low, high, missing = self._magnitude(name, known, ledger)
        inside = known[~np.isnan(known)].clip(low, high)
        width = (high - low) / N_BINS if high > low else 1.0
        codes = ((inside - low) / width).astype(np.int64).clip(0, N_BINS - 1)
        counts = np.maximum(ledger.histogram(codes, N_BINS), 0)
        if not counts.any():
            counts += 1
        heights = np.concatenate([[0], counts.cumsum()]) / counts.sum()
        ends = low + width * np.arange(N_BINS + 1)
        u = (np.arange(N_SHOWN) + 0.5) / N_SHOWN
        values = np.interp(u, heights, ends).clip(low, high)
        held, can_be_missing = _numpy(column.dtype)
        if held.kind != "f":
            limits = np.iinfo(held)
            values = np.rint(values).clip(limits.min, limits.max).astype(np.int64)
        return values.tolist(), missing and can_be_missing

    def _magnitude(self, name: Any, known: np.ndarray, ledger: Any) -> tuple[float, float, bool]:
        """Buy powers of two that bound the values, and whether some are missing."""
        powers = 2.0 ** np.arange(LOWEST, HIGHEST + 1)
        edges = np.concatenate([-powers[::-1], [0], powers])
        # Bin i holds the values from edge i - 1 to edge i; the last one holds missing values.
        place = np.searchsorted(edges, known, side="left").clip(0, len(edges) - 1)
        place[np.isnan(known)] = len(edges)
        found = ledger.histogram(place, len(edges) + 1) > ledger.surprising(len(edges) + 1)
        bins = np.flatnonzero(found[:-1])
        if not len(bins):  # which depends on noisy counts alone
            raise InputError(
                f"the noise hides the range of column {name!r}: give its public bounds, "
                f"Private(bounds={{{name!r}: (low, high)}}), or more epsilon or fewer columns."
            )
        return edges[max(bins[0] - 1, 0)], edges[bins[-1]], bool(found[-1])

    def violations(self) -> dict[str, int]:
        """Count values beyond public bounds, of unknown categories, or missing without leave."""
        counts = {}
        for name, bound in self._bounds.items():
            if isinstance(bound, str):
                continue
            column = self._series[name]
            missing = column.isna()
            if self._kinds[name] == "category":
                wrong = ~missing & ~column.isin(bound)
            else:
                values = pd.Series(self._dates[name][1]) if name in self._dates else column
                beyond = (values < bound[0]) | (values > bound[1])
                wrong = ~missing & beyond.fillna(False).to_numpy(dtype=bool)
            n = int(wrong.sum()) + (0 if self._may_be_missing[name] else int(missing.sum()))
            if n:
                counts[str(name)] = n
        return counts


def _categories(name: Any, column: "pd.Series[Any]", bound: Any) -> tuple[Any, bool]:
    """Return the categories that are known, or "paid", and whether they may be missing."""
    if bound is None and getattr(column.dtype, "kind", "O") == "b":
        return [False, True], False
    if bound is None or isinstance(bound, tuple):
        raise InputError(
            f"the categories of column {name!r} are not public: give all of them as a "
            f"list, Private(bounds={{{name!r}: [...]}}), {_PAY.format(name)}."
        )
    if isinstance(bound, str):
        return bound, True
    known = [value for value in dict.fromkeys(bound) if value is not None]
    if not known:
        raise InputError(f"bounds[{name!r}]={bound!r} is empty: list all categories.")
    present = column[column.notna()]
    if len(present) and not present.isin(known).any():
        raise InputError(
            f"bounds[{name!r}]={bound[:10]!r}: no value of the column, of {column.dtype}, is one "
            "of these categories. List its possible values, in its type."
        )
    is_full = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biu"
    return known, None in bound and not is_full


def _range(
    name: Any, bound: Any, read: Callable[[Any, Any], Any], what: str, remedy: str
) -> tuple[Any, bool]:
    """Return public bounds as `read` has them, and whether values may be missing."""
    if bound is None:
        raise InputError(f"column {name!r} has no public bounds: {remedy}.")
    try:
        low, high, *rest = bound
        ends = read(low, high)
    except (OverflowError, TypeError, ValueError):
        ends = None
    if ends is None or rest not in ([], [None]):
        raise InputError(f"bounds[{name!r}]={bound!r} is not {what}: {remedy}.")
    return ends, bool(rest)


def _dates(known: DateColumn, low: Any, high: Any) -> tuple[int, int] | None:
    """Return dates as ticks of a column, or None if they are none."""
    if isinstance(low, Real) or isinstance(high, Real):
        return None
    ends = pd.Series([pd.Timestamp(low), pd.Timestamp(high)], dtype=known.dtype)
    first, last = ticks_of(ends).tolist()
    return (first, last) if MISSING_TIME < first < last else None


def _numbers(dtype: "np.dtype[Any]", low: Any, high: Any) -> tuple[Any, Any] | None:
    """Return bounds as numbers that a column of `dtype` can hold, or None if it cannot."""
    low, high = float(low), float(high)
    if not 0 < high - low < np.inf:
        return None
    if dtype.kind == "f":
        return (low, high) if max(-low, high) <= float(np.finfo(dtype).max) else None
    limits = np.iinfo(dtype)
    low, high = max(round(low), int(limits.min)), min(round(high), int(limits.max))
    return (low, high) if 0 <= high - low < MAX_INT else None


def _numpy(dtype: Any) -> tuple["np.dtype[Any]", bool]:
    """Return the NumPy dtype of a column of numbers, and whether it can have missing values."""
    dense = getattr(dtype, "subtype", dtype)  # of sparse numbers
    return numpy_dtype(dense), has_missing(dense)


def _evenly(low: int, high: int) -> list[int]:
    """Return all whole numbers of a range, or evenly spaced ones if it is wide."""
    if high - low < N_SHOWN:
        return list(range(low, high + 1))
    return [low + (high - low) * i // (N_SHOWN - 1) for i in range(N_SHOWN)]

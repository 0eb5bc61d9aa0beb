"""Learning the columns of a table that arrives in parts.

Each column is fitted to a random sample of its values and to those values that a fit to the others
would not represent: bounds, categories, missing values, and values between the steps of the others.
Bounds, steps and categories are thus those of all rows. Quantiles are those of the sample.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gen_augment.containers import concatenate, stack_rows, take
from gen_augment.errors import InputError
from gen_augment.modalities.table.category import CategoryColumn
from gen_augment.modalities.table.codec import TableCodec, columns_of, fit_column
from gen_augment.modalities.table.column_kinds import column_kinds
from gen_augment.modalities.table.columns import Column, DateColumn
from gen_augment.modalities.table.dates import MISSING_TIME, split_ticks
from gen_augment.modalities.table.dtypes import numpy_dtype
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.table.steps import SLACK, precision
from gen_augment.types import ColumnTypes

__all__ = ["TableScan"]

#: Known values of a column that its step is first found from.
FIRST_VALUES = 4096
#: Most categories of a column.
MAX_CATEGORIES = 100_000
#: Values between the steps that are kept at a time. Each makes the steps finer.
KEPT_VALUES = 16


class TableScan:
    """The columns of a table that arrives in parts; see `gen_augment.modalities.scan.Scan`.

    Parameters
    ----------
    types : {column: word}, optional
        As in `Table`.
    file : TableFile

    Examples
    --------
    >>> scan = TableScan(None, TableFile())
    >>> for part in ([0.5, 1.0], [7.0, np.nan]):
    ...     scan.add(pd.DataFrame({"age": part}))
    >>> codec = scan.codec(pd.DataFrame({"age": [0.5, 1.0, 7.0]}))
    >>> codec.parts[0].scale.x[[0, -1]].tolist(), codec.parts[0].marked
    ([0.5, 7.0], True)
    """

    def __init__(self, types: ColumnTypes, file: TableFile) -> None:
        self.types = types
        self.file = file
        self._columns: dict[Any, _ColumnScan] = {}

    def add(self, X: Any) -> None:
        """Look at a part of the table; raise `InputError` if it does not fit the others."""
        X = stack_rows(X)
        series = columns_of(X)[2]
        if not self._columns:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # `codec` warns
                kinds = column_kinds(series, self.types)
            self._columns = {name: _ColumnScan(name, kinds[name]) for name in series}
        if list(series) != list(self._columns):
            raise InputError(
                f"X has the columns {list(series)}, and the rows before have "
                f"{list(self._columns)}: give all parts the same columns."
            )
        for place, (name, values) in enumerate(series.items()):
            self._columns[name].add(_cells(X, place), values)

    def codec(self, sample: Any) -> TableCodec:
        """Return the encoding of all rows, from a random sample of them."""
        sample = stack_rows(sample)
        container, dtype, series = columns_of(sample)
        column_kinds(series, self.types)  # warns of identifiers
        parts = [
            scan.fitted(_cells(sample, place)) for place, scan in enumerate(self._columns.values())
        ]
        return TableCodec(container, list(series), tuple(parts), dtype, self.file)


class _ColumnScan:
    """What is known of one column: values that a fit to others would not represent.

    Parameters
    ----------
    name : str or int
    kind : str
        See `column_kinds`.
    """

    def __init__(self, name: Any, kind: str) -> None:
        self.name = name
        self.kind = kind
        self._first: list[Any] = []
        self._n_first = 0
        self._kept: list[Any] = []
        self._part: Any = None

    def add(self, cells: Any, values: "pd.Series[Any]") -> None:
        """Keep the values that those before do not represent."""
        if self._n_first < FIRST_VALUES:
            known = np.flatnonzero(values.notna().to_numpy(dtype=bool))
            known = known[: FIRST_VALUES - self._n_first]
            if self._part is None and not len(known):
                known = np.array([0])
            if len(known):
                self._first.append(take(cells, known))
                self._n_first += len(known)
                self._part = self._fit([*self._first, *self._kept])
        self._part = self._completed(self._part, cells, values, self._first)

    def fitted(self, sample: Any) -> Column:
        """Return the column fitted to a random sample and the kept values."""
        part = self._fit([sample, *self._kept], quiet=False)
        first = concatenate(self._first)
        return self._completed(part, first, _series(first), [sample])

    def _completed(self, part: Column, cells: Any, values: Any, others: list[Any]) -> Column:
        """Keep values that `part` does not represent, and fit it again until there are none."""
        for _ in range(FIRST_VALUES):
            unusual = self._unusual(part, values)
            if not len(unusual):
                break
            self._kept.append(take(cells, unusual))
            part = self._fit([*others, *self._kept])
        return part

    def _fit(self, cells: list[Any], *, quiet: bool = True) -> Column:
        with warnings.catch_warnings():
            if quiet:
                warnings.simplefilter("ignore")
            part: Column = fit_column(_series(concatenate(cells)), self.name, self.kind)[0]
        if isinstance(part, CategoryColumn) and len(part.values) > MAX_CATEGORIES:
            raise InputError(
                f"column {self.name!r} of X has more than {MAX_CATEGORIES:,} categories: leave it "
                "out, or group its values."
            )
        return part

    def _unusual(self, part: Column, column: "pd.Series[Any]") -> np.ndarray:
        """Return positions of values that `part` does not represent, enough to fit it again."""
        try:
            values = part.read(column)
        except (InputError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"column {self.name!r} of X {error}.") from error
        if isinstance(part, CategoryColumn):
            new = np.flatnonzero(values == -2)
            new = new[~column.iloc[new].duplicated().to_numpy(dtype=bool)]
            missing = values == -1
            return np.concatenate([new, _first(missing & ~part.has_missing)])
        if isinstance(part, DateColumn):
            missing = values == MISSING_TIME
            found = _between_dates(part, values[~missing])
        else:
            missing = np.isnan(values)
            if np.isinf(values).any():
                row = int(np.argmax(np.isinf(values)))
                raise InputError(f"column {self.name!r} of X contains infinity (row {row}).")
            found = _between_numbers(part, values[~missing])
        known = np.flatnonzero(~missing)
        gap = missing & (not part.blocks and not part.is_empty)
        return np.unique(np.concatenate([known[found], _first(gap)]))


def _cells(X: Any, place: int) -> Any:
    """Return one column as a table, in the container of `X`."""
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, [place]]
    return X.select([place]) if isinstance(X, pa.Table) else X[:, [place]]


def _series(cells: Any) -> "pd.Series[Any]":
    (column,) = columns_of(cells)[2].values()
    return column


def _first(flags: np.ndarray) -> np.ndarray:
    return np.flatnonzero(flags)[:1]


def _bounds(values: np.ndarray, low: float, high: float, slack: float = 0.0) -> list[int]:
    """Return positions of the lowest and the highest value, if they are outside of the bounds."""
    ends = [(int(values.argmin()), -1), (int(values.argmax()), 1)]
    return [i for i, sign in ends if sign * (values[i] - (low if sign < 0 else high)) > slack]


def _between_numbers(part: Any, values: np.ndarray) -> list[int]:
    """Return positions of known numbers beyond the bounds or between the steps."""
    if part.is_empty:
        return list(range(min(len(values), FIRST_VALUES)))
    if not len(values):
        return []
    dtype = np.dtype(np.float64) if part.dtype.kind == "m" else numpy_dtype(part.dtype)
    rounding = SLACK * precision(dtype if dtype.kind == "f" else np.dtype(np.float64))
    low, high = part.scale.x[[0, -1]].tolist()
    found: list[int] = []
    if part.steps is not None:
        nearest = part.steps.nearest(values)
        between = np.abs(nearest - values) > rounding * np.abs(values)
        between &= nearest.astype(dtype) != values.astype(dtype)
        found = np.flatnonzero(between)[:KEPT_VALUES].tolist()
        values = np.where(between, values, nearest)
    return [*found, *_bounds(values, low, high, 2 * rounding * max(abs(low), abs(high)))]


def _between_dates(part: DateColumn, ticks: np.ndarray) -> list[int]:
    """Return positions of known dates beyond the bounds or between the steps of their parts."""
    if part.is_empty:
        return list(range(min(len(ticks), FIRST_VALUES)))
    if not len(ticks):
        return []
    found = _bounds(ticks, part.low, part.high)
    for values, scale, step in zip(
        split_ticks(ticks, part.dtype), part.parts, part.steps, strict=True
    ):
        found += _bounds(values, *scale.x[[0, -1]].tolist())
        found += np.flatnonzero(values % step)[:KEPT_VALUES].tolist()
    return found

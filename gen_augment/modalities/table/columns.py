"""Columns of a table, by what they hold: numbers, dates or categories.

Each kind converts a column of the user to *values*, an array that holds all its
information (floats, whole ticks of time, or indices of categories). It encodes values as
numbers and one-hot blocks, and does all of this in reverse.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.category import CategoryColumn
from gen_augment.modalities.table.dates import (
    MISSING_TIME,
    DateColumn,
    coarsest,
    durations,
    ticks_of,
)
from gen_augment.modalities.table.dtypes import (
    check_flag,
    dtype_from_json,
    dtype_to_json,
    has_missing,
    is_number,
    numpy_dtype,
)
from gen_augment.modalities.table.quantile import QuantileMap
from gen_augment.modalities.table.steps import MAX_INT, Steps
from gen_augment.modalities.table.storage import Storage
from gen_augment.types import JSON
from gen_augment.user_warnings import warn

__all__ = [
    "KINDS",
    "MISSING_TIME",
    "CategoryColumn",
    "Column",
    "DateColumn",
    "NumberColumn",
    "check_magnitude",
]

_FLOAT = np.finfo(np.float64)
#: Floats in a relative range of so many roundings are one value.
_ROUNDINGS = 4


class Column(Protocol):
    """One column of a table."""

    kind: ClassVar[str]
    dtype: Any

    @property
    def word(self) -> str | None:
        """Type of the column in `Table(types=...)`; None for dates."""

    @property
    def n_numbers(self) -> int:
        """Number of encoded numbers of a row."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """Width of each one-hot block of a row."""

    @property
    def field(self) -> "np.dtype[Any]":
        """NumPy dtype of the values in a file."""

    @property
    def is_empty(self) -> bool:
        """Whether every value was missing."""

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        """Values of a column of the user, of shape (n,)."""

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Arrays of numbers, and for each block the index of its 1.

        The index -1 leaves the block empty.
        """

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values from numbers ``(n, n_numbers)`` and indices ``(n, len(blocks))``."""

    def write(self, values: np.ndarray) -> Any:
        """A column of the user's dtype."""

    def to_json(self) -> JSON:
        """The column as JSON values."""


@dataclass(frozen=True)
class NumberColumn:
    """Numbers, whole numbers, or durations as numbers of their unit; NaN where missing.

    Attributes
    ----------
    dtype : dtype
        A dtype of NumPy or pandas.
    scale : QuantileMap or None
        None where every value is missing.
    marked : bool
        Whether a block says if the value is missing: some were and some were not.
    unit : int
        Ticks of a duration that count as 1.
    steps : Steps or None
        The grid on which all values lie; None for continuous numbers.
    origin : int
        Subtracted from whole numbers and ticks of durations that are too large for float64.
    storage : Storage or None
        The user's dtype, if it is not `dtype`.
    """

    kind: ClassVar[str] = "number"
    n_numbers: ClassVar[int] = 1
    dtype: Any
    scale: QuantileMap | None = None
    marked: bool = False
    unit: int = 1
    steps: Steps | None = None
    origin: int = 0
    storage: Storage | None = None

    @classmethod
    def fit(
        cls, column: "pd.Series[Any]", name: Any, *, continuous: bool = False
    ) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values.

        With `continuous`, floats have no step, and whole numbers a step of 1.
        """
        storage = Storage.of_column(column)
        try:
            stored = column if storage is None else storage.read(column)
        except (OverflowError, pd.errors.OutOfBoundsTimedelta):
            raise _too_large(name, column.dropna().map(abs).max()) from None
        dtype = stored.dtype
        unit = coarsest(ticks_of(stored), durations(dtype)) if dtype.kind == "m" else 1
        blank = cls(dtype, unit=unit, origin=_origin(stored, unit), storage=storage)
        values = blank.read(column)
        missing = np.isnan(values)
        known = values[~missing]
        if not len(known):
            return blank, values
        _check_finite(values, name)
        is_float = dtype.kind == "f"
        if not is_float:
            check_magnitude(known, name, whole=True)
        if is_float and _is_rounding(known):
            _warn_if_lost(column, name)
            known = known[:1]
        steps = None if is_float else Steps(0, 1)
        if not continuous:
            steps = Steps.find(known, numpy_dtype(dtype))
        if steps is not None:
            known = steps.nearest(known)
        marked = bool(missing.any())
        return replace(blank, scale=QuantileMap.fit(known), marked=marked, steps=steps), values

    @property
    def word(self) -> str | None:
        whole = self.dtype.kind != "f" and self.steps == Steps(0, 1)
        return "continuous" if whole or self.steps is None else "number"

    @property
    def blocks(self) -> tuple[int, ...]:
        return (2,) if self.marked else ()

    @property
    def is_empty(self) -> bool:
        return self.scale is None

    @property
    def field(self) -> "np.dtype[Any]":
        if self.dtype.kind == "m" or self.origin:
            return np.dtype(np.float64)
        if self.dtype.kind in "biu" and has_missing(self.dtype):
            return np.dtype(np.float64)
        return numpy_dtype(self.dtype)

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        if self.storage is not None:
            column = self.storage.read(column)
        if self.dtype.kind == "m":
            ticks = ticks_of(column.astype(self.dtype))
            return np.where(ticks == MISSING_TIME, np.nan, (ticks - self.origin) / self.unit)
        if not is_number(column.dtype):
            raise InputError(f"holds {column.dtype}, and numbers were fitted")
        if self.origin:
            column = column.map(lambda value: int(value) - self.origin, na_action="ignore")
        return column.to_numpy(dtype=np.float64, na_value=np.nan)

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        missing = np.isnan(values)
        numbers = np.zeros(len(values))
        if self.scale is not None:
            known = values[~missing]
            known = known if self.steps is None else self.steps.snapped(known)
            numbers[~missing] = self.scale.encode(known)
        return [numbers], [missing.astype(np.int64)] if self.marked else []

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        if self.scale is None:
            return np.full(len(numbers), np.nan)
        values = self.scale.decode(numbers[:, 0])
        if self.steps is not None:
            values = self.steps.nearest(values)
        if self.marked:
            values[places[:, 0] == 1] = np.nan
        return values

    def write(self, values: np.ndarray) -> Any:
        if self.dtype.kind == "m":
            missing = np.isnan(values)
            ticks = np.where(missing, 0, values).astype(np.int64) * self.unit + self.origin
            ticks = np.where(missing, MISSING_TIME, ticks).view(self.dtype.str)
            array: Any = pd.array(ticks, dtype=self.dtype)
        elif self.origin:
            whole = [None if v != v else int(v) + self.origin for v in values.tolist()]
            array = pd.array(whole, dtype=self.dtype)
        else:
            array = pd.array(values, dtype=self.dtype)
        return array if self.storage is None else self.storage.write(array)

    def to_json(self) -> JSON:
        parts = {"scale": self.scale, "steps": self.steps, "storage": self.storage}
        return {
            "dtype": dtype_to_json(self.dtype),
            "marked": self.marked,
            "unit": self.unit,
            "origin": self.origin,
            **{name: part and part.to_json() for name, part in parts.items()},
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        kinds: dict[str, Any] = {"scale": QuantileMap, "steps": Steps, "storage": Storage}
        parts = {
            name: None if record[name] is None else kind.from_json(record[name])
            for name, kind in kinds.items()
        }
        dtype, unit, origin = dtype_from_json(record["dtype"]), record["unit"], record["origin"]
        column = cls(dtype, marked=check_flag(record["marked"]), unit=unit, origin=origin, **parts)
        if not is_number(dtype) and getattr(dtype, "kind", "O") != "m":
            raise InputError(f"{dtype} is not a dtype of numbers.")
        if type(unit) is not int or unit < 1 or (unit > 1 and dtype.kind != "m"):
            raise InputError(f"unit={unit!r} does not fit a column of {dtype}.")
        if type(origin) is not int or (origin and dtype.kind not in "ium"):
            raise InputError(f"origin={origin!r} does not fit a column of {dtype}.")
        column._check_parts()
        return column

    def _check_parts(self) -> None:
        """Raise if the parts do not fit each other."""
        dtype, scale = self.dtype, self.scale
        if (scale is None or self.marked) and not has_missing(dtype) and dtype.kind != "m":
            raise InputError(f"a column of {dtype} has no missing values.")
        if scale is None:
            if self.marked or self.steps is not None:
                raise InputError("a column without values has a mark or a step.")
            return
        if dtype.kind == "f":
            return
        if self.steps is None:
            raise InputError(f"a column of {dtype} has no step.")
        low, high = (int(bound) * self.unit + self.origin for bound in scale.x[[0, -1]])
        kind = np.dtype(np.int64) if dtype.kind == "m" else numpy_dtype(dtype)
        limits = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        if not limits[0] <= low <= high <= limits[1]:
            raise InputError(f"bounds {low} and {high} do not fit a column of {dtype}.")


#: Kinds of columns by the name in an archive.
KINDS: dict[str, Any] = {
    column.kind: column for column in (NumberColumn, DateColumn, CategoryColumn)
}


def check_magnitude(values: np.ndarray, name: Any, *, whole: bool) -> None:
    """Raise for finite numbers whose range overflows, or that float64 cannot distinguish."""
    with np.errstate(over="ignore"):
        span, largest = np.ptp(values), np.abs(values).max()
    if not np.isfinite(span) or (whole and largest >= MAX_INT):
        raise _too_large(name, largest)


def _too_large(name: Any, largest: Any) -> InputError:
    shown = f"{float(largest):g}" if isinstance(largest, (int, float, np.number)) else largest
    return InputError(
        f"column {name!r} of X has values up to {shown}, too large to compute with: scale or "
        "drop it, or make it a category."
    )


def _check_finite(values: np.ndarray, name: Any) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise InputError(
            f"column {name!r} of X contains infinity (first seen in row {np.argmax(infinite)}; "
            f"{infinite.sum()} rows in all): drop those rows, or replace the value by a large "
            "number or a missing one."
        )


def _origin(column: "pd.Series[Any]", unit: int) -> int:
    """The lowest of whole numbers or ticks that are too large for float64, else 0."""
    if column.dtype.kind not in "ium" or not column.notna().any():
        return 0
    known = ticks_of(column.dropna()) if column.dtype.kind == "m" else column
    low, high = int(known.min()), int(known.max())
    return low if max(-low, high) >= MAX_INT * unit > high - low else 0


def _is_rounding(values: np.ndarray) -> bool:
    """Whether values differ by no more than rounding to float64."""
    with np.errstate(over="ignore"):
        span = np.ptp(values)
    return bool(span <= max(_ROUNDINGS * _FLOAT.eps * np.abs(values).max(), _FLOAT.tiny))


def _warn_if_lost(column: "pd.Series[Any]", name: Any) -> None:
    if len(set(column.dropna())) > 1:
        warn(
            f"column {name!r} of X is taken as constant: its values differ by no more than the "
            "rounding of float64. Subtract a constant from it first if the differences matter."
        )

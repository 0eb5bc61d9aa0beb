"""Columns of a table, by what they hold: numbers, dates or categories.

Each kind turns a column into *values*, an array that keeps all that the column says (floats, whole ticks of time, or
numbers of categories); values into encoded numbers and one-hot blocks; and all of that back.
"""

from dataclasses import dataclass
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
from gen_augment.types import JSON

__all__ = [
    "KINDS",
    "MISSING_TIME",
    "CategoryColumn",
    "Column",
    "DateColumn",
    "NumberColumn",
    "check_magnitude",
]

#: Whole numbers beyond it are not told apart by the floats that they are computed in.
LARGEST_INT = 2**53


class Column(Protocol):
    """One column of a table."""

    kind: ClassVar[str]
    dtype: Any

    @property
    def n_numbers(self) -> int:
        """Encoded numbers of a row."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """Width of each one-hot block of a row."""

    @property
    def field(self) -> "np.dtype[Any]":
        """NumPy's dtype of the values in a file."""

    @property
    def is_empty(self) -> bool:
        """Whether every value was missing."""

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        """Values of a column of the user's."""

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Arrays of numbers, and for each block the place of its 1; -1 leaves the block empty."""

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values from numbers ``(n, n_numbers)`` and places ``(n, len(blocks))``."""

    def write(self, values: np.ndarray) -> Any:
        """A column of the user's dtype."""

    def to_json(self) -> JSON:
        """All of it as JSON values."""


@dataclass(frozen=True)
class NumberColumn:
    """Numbers, whole numbers, or durations as numbers of their unit; NaN where missing.

    Attributes
    ----------
    dtype : dtype
    scale : QuantileMap or None
        None where every value is missing.
    marked : bool
        Whether a block says if the value is there: some were missing and some were not.
    unit : int
        Ticks of a duration that count as 1.
    """

    kind: ClassVar[str] = "number"
    dtype: Any
    scale: QuantileMap | None
    marked: bool
    unit: int = 1

    @classmethod
    def fit(cls, column: "pd.Series[Any]", name: Any) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values."""
        dtype = column.dtype
        is_time = dtype.kind == "m"
        unit = coarsest(ticks_of(column), durations(dtype)) if is_time else 1
        values = cls(dtype, None, False, unit).read(column)
        missing = np.isnan(values)
        known = values[~missing]
        if np.isinf(known).any():
            row = int(np.argmax(np.isinf(values)))
            raise InputError(
                f"column {name!r} of X contains infinity (first seen in row {row}; {int(np.isinf(values).sum())} rows "
                "in all): drop those rows, or make the value a large number or a missing one."
            )
        step = 1.0 if is_time or dtype.kind in "biu" else 0.0
        scale = None
        if len(known):
            check_magnitude(known, name, whole=step > 0)
            scale = QuantileMap.fit(known, step)
        return cls(dtype, scale, bool(len(known) and missing.any()), unit), values

    n_numbers: ClassVar[int] = 1

    @property
    def blocks(self) -> tuple[int, ...]:
        return (2,) if self.marked else ()

    @property
    def is_empty(self) -> bool:
        return self.scale is None

    @property
    def field(self) -> "np.dtype[Any]":
        if self.dtype.kind == "m" or (self.dtype.kind in "biu" and has_missing(self.dtype)):
            return np.dtype(np.float64)
        return numpy_dtype(self.dtype)

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        if self.dtype.kind == "m":
            ticks = ticks_of(column.astype(self.dtype))
            return np.where(ticks == MISSING_TIME, np.nan, ticks / self.unit)
        if not is_number(column.dtype):
            raise InputError(f"holds {column.dtype}, and numbers were fitted")
        return column.to_numpy(dtype=np.float64, na_value=np.nan)

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        missing = np.isnan(values)
        numbers = np.zeros(len(values))
        if self.scale is not None:
            numbers[~missing] = self.scale.encode(values[~missing])
        return [numbers], [missing.astype(np.int64)] if self.marked else []

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        if self.scale is None:
            return np.full(len(numbers), np.nan)
        values = self.scale.decode(numbers[:, 0])
        if self.marked:
            values[places[:, 0] == 1] = np.nan
        return values

    def write(self, values: np.ndarray) -> Any:
        if self.dtype.kind == "m":
            missing = np.isnan(values)
            ticks = np.where(missing, 0, values).astype(np.int64) * self.unit
            return pd.array(
                np.where(missing, MISSING_TIME, ticks).view(self.dtype.str), dtype=self.dtype
            )
        return pd.array(values, dtype=self.dtype)

    def to_json(self) -> JSON:
        scale = None if self.scale is None else self.scale.to_json()
        return {
            "dtype": dtype_to_json(self.dtype),
            "scale": scale,
            "marked": self.marked,
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype = dtype_from_json(record["dtype"])
        scale = None if record["scale"] is None else QuantileMap.from_json(record["scale"])
        marked, unit = check_flag(record["marked"]), record["unit"]
        if not is_number(dtype) and getattr(dtype, "kind", "O") != "m":
            raise InputError(f"{dtype} is no dtype of numbers.")
        if (
            type(unit) is not int
            or unit < 1
            or (unit > 1 and dtype.kind != "m")
            or (scale is None and marked)
        ):
            raise InputError(
                f"unit={unit!r}, marked={marked!r} do not go with a column of {dtype}."
            )
        whole = dtype.kind in "bium"
        # Whole numbers and durations are written as 64-bit integers; floats may be as large as they are.
        overflows = (
            scale is not None and whole and max(map(abs, scale.x[[0, -1]])) * unit >= 2.0**63
        )
        if scale is not None and (whole != (scale.step > 0) or overflows):
            raise InputError(f"the bounds or steps of a column do not go with {dtype}.")
        if (scale is None or marked) and not has_missing(dtype) and dtype.kind != "m":
            raise InputError(f"a column of {dtype} has no missing values.")
        return cls(dtype, scale, marked, unit)


#: Kinds of columns by the name that users and archives have for them.
KINDS: dict[str, Any] = {
    column.kind: column for column in (NumberColumn, DateColumn, CategoryColumn)
}


def check_magnitude(values: np.ndarray, name: Any, *, whole: bool) -> None:
    """Raise for finite numbers whose range overflows, or that are too large to be told from their neighbours."""
    with np.errstate(over="ignore"):
        span, largest = np.ptp(values), np.abs(values).max()
    if not np.isfinite(span) or (whole and largest > LARGEST_INT):
        raise InputError(
            f"column {name!r} of X has values up to {largest:g}, too large to be computed with: scale or drop it, or "
            "make it a category."
        )

"""Columns of dates, and the ticks that dates and durations are counted in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import check_flag, dtype_from_json, dtype_to_json
from gen_augment.modalities.table.quantile import QuantileMap
from gen_augment.types import JSON

__all__ = ["MISSING_TIME", "DateColumn", "coarsest", "durations", "ticks_of"]

MISSING_TIME = np.iinfo(np.int64).min  # what NumPy and pandas take for NaT
_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class DateColumn:
    """Points in time: the day, and as far as they differ the second of the day and what is below it.

    The time of day has a shape of its own, and a single float32 would not hold a date to the second. Values are ticks
    since 1970, in UTC, as whole numbers.

    Attributes
    ----------
    dtype : dtype
    parts : tuple of QuantileMap
        Of days, seconds of the day, microseconds and nanoseconds; empty where every value is missing.
    low, high : int
        Bounds, in ticks.
    marked : bool
        As in `NumberColumn`.
    """

    kind: ClassVar[str] = "date"
    dtype: Any
    parts: tuple[QuantileMap, ...]
    low: int
    high: int
    marked: bool

    @classmethod
    def fit(cls, column: "pd.Series[Any]", name: Any) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values."""
        dtype, ticks = column.dtype, ticks_of(column)
        known = ticks[ticks != MISSING_TIME]
        if not len(known):
            return cls(dtype, (), 0, 0, False), ticks
        parts: list[QuantileMap] = []
        for part in _split(known, dtype):
            step = coarsest(part, (10**9, 3600, 60, 1000, 1) if len(parts) else (1,))
            parts.append(QuantileMap.fit(part.astype(np.float64), float(step)))
        return cls(
            dtype, tuple(parts), int(known.min()), int(known.max()), len(known) < len(ticks)
        ), ticks

    @property
    def _varies(self) -> list[int]:
        """Parts that are encoded: the day, and others that are not the same in all rows."""
        return [i for i, part in enumerate(self.parts) if i == 0 or not part.is_constant] or [0]

    @property
    def n_numbers(self) -> int:
        return len(self._varies)

    @property
    def blocks(self) -> tuple[int, ...]:
        return (2,) if self.marked else ()

    @property
    def is_empty(self) -> bool:
        return not self.parts

    field: ClassVar["np.dtype[Any]"] = np.dtype(np.int64)

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        if getattr(column.dtype, "kind", "O") != "M":
            raise InputError(f"holds {column.dtype}, and dates were fitted")
        return ticks_of(column.astype(self.dtype))

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        missing = values == MISSING_TIME
        numbers = [np.zeros(len(values)) for _ in range(self.n_numbers)]
        if self.parts:
            split = _split(values[~missing], self.dtype)
            for out, i in zip(numbers, self._varies, strict=True):
                out[~missing] = self.parts[i].encode(split[i].astype(np.float64))
        return numbers, [missing.astype(np.int64)] if self.marked else []

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        if not self.parts:
            return np.full(len(numbers), MISSING_TIME)
        ticks = np.zeros(len(numbers), np.int64)
        columns = dict(zip(self._varies, numbers.T, strict=True))
        for i, (part, size) in enumerate(zip(self.parts, _part_sizes(self.dtype), strict=True)):
            whole = part.decode(columns[i]) if i in columns else np.full(len(numbers), part.x[0])
            ticks += whole.astype(np.int64) * size
        np.clip(ticks, self.low, self.high, out=ticks)
        if self.marked:
            ticks[places[:, 0] == 1] = MISSING_TIME
        return ticks

    def write(self, values: np.ndarray) -> Any:
        plain_dates = values.view(f"M8[{_unit_of(self.dtype)}]")
        if isinstance(self.dtype, pd.DatetimeTZDtype):
            return pd.DatetimeIndex(plain_dates).tz_localize("UTC").tz_convert(self.dtype.tz).array
        return pd.array(plain_dates, dtype=self.dtype)

    def to_json(self) -> JSON:
        return {
            "dtype": dtype_to_json(self.dtype),
            "parts": [part.to_json() for part in self.parts],
            "low": self.low,
            "high": self.high,
            "marked": self.marked,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype = dtype_from_json(record["dtype"])
        if getattr(dtype, "kind", "O") != "M" or isinstance(dtype, pd.ArrowDtype):
            raise InputError(f"{dtype} is no dtype of dates.")
        parts = tuple(QuantileMap.from_json(part) for part in record["parts"])
        low, high = record["low"], record["high"]
        if not type(low) is type(high) is int or not MISSING_TIME < low <= high < 2**63:
            raise InputError(f"low={low!r} and high={high!r} are no dates.")
        sizes = _part_sizes(dtype)
        if parts and (len(parts) != len(sizes) or not all(part.step for part in parts)):
            raise InputError(f"{len(parts)} parts are not those of a date of {dtype}.")
        for part, size in zip(parts, sizes, strict=False):
            if max(abs(part.x[0]), abs(part.x[-1])) * size >= 2.0**63:
                raise InputError("the parts of a date are out of range.")
        return cls(dtype, parts, low, high, check_flag(record["marked"]) and bool(parts))


def ticks_of(column: "pd.Series[Any]") -> np.ndarray:
    """Whole ticks of a column of dates or durations."""
    array: Any = column.array
    return np.asarray(array.asi8)


def durations(dtype: Any) -> tuple[int, ...]:
    """Ticks of a day, an hour, a minute, a second, and less."""
    second = _SECONDS[_unit_of(dtype)]
    return tuple(second * n for n in (86400, 3600, 60, 1)) + tuple(
        n for n in (10**6, 10**3, 1) if n < second
    )


def coarsest(ticks: np.ndarray, units: Sequence[int]) -> int:
    """The first of the units that divides all the numbers that are there."""
    known = ticks[ticks != MISSING_TIME]
    return next((unit for unit in units if not (known % unit).any()), 1)


def _unit_of(dtype: Any) -> str:
    return str(dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0])


def _part_sizes(dtype: Any) -> tuple[int, ...]:
    """Ticks of one day, one second, and of what is below it."""
    second = _SECONDS[_unit_of(dtype)]
    below = {1: (), 10**3: (1,), 10**6: (1,), 10**9: (1000, 1)}[second]
    return (86400 * second, second, *below)


def _split(ticks: np.ndarray, dtype: Any) -> list[np.ndarray]:
    """Days, seconds of the day, and what is below them."""
    parts = []
    for size in _part_sizes(dtype):
        part, ticks = np.divmod(ticks, size)
        parts.append(part)
    return parts

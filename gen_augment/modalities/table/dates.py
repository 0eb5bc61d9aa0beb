"""Columns of dates, and the ticks in which dates and durations are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import check_flag, dtype_from_json, dtype_to_json
from gen_augment.modalities.table.quantile import QuantileMap
from gen_augment.modalities.table.steps import Steps
from gen_augment.modalities.table.storage import Storage
from gen_augment.types import JSON

__all__ = ["MISSING_TIME", "DateColumn", "coarsest", "durations", "split_ticks", "ticks_of"]

MISSING_TIME = np.iinfo(np.int64).min  # NumPy and pandas represent NaT by it
_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
#: Steps that the parts of a date below the day may have.
_STEPS = (10**9, 3600, 60, 1000, 1)


@dataclass(frozen=True)
class DateColumn:
    """Points in time: the day and, where they vary, the time of day and fractions of it.

    The time of day has a distribution of its own, and a single float32 would not hold a
    date to the second. Values are whole ticks since 1970 in UTC.

    Attributes
    ----------
    dtype : dtype
        A dtype of pandas.
    parts : tuple of QuantileMap
        For days, seconds of the day, microseconds and nanoseconds; empty where every value
        is missing.
    steps : tuple of int
        Step of each part.
    low, high : int
        Bounds, in ticks.
    marked : bool
        As in `NumberColumn`.
    storage : Storage or None
        The user's dtype, if it is not `dtype`.
    """

    kind: ClassVar[str] = "date"
    word: ClassVar[str | None] = None
    field: ClassVar["np.dtype[Any]"] = np.dtype(np.int64)
    dtype: Any
    parts: tuple[QuantileMap, ...] = ()
    steps: tuple[int, ...] = ()
    low: int = 0
    high: int = 0
    marked: bool = False
    storage: Storage | None = None

    @classmethod
    def fit(cls, column: "pd.Series[Any]", name: Any) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values."""
        storage = Storage.of_column(column)
        try:
            stored = column if storage is None else storage.read(column)
        except ValueError as error:
            raise InputError(
                f"column {name!r} of X has dates that do not fit together ({error}): round them to "
                "microseconds, or drop the extreme ones."
            ) from error
        dtype, ticks = stored.dtype, ticks_of(stored)
        known = ticks[ticks != MISSING_TIME]
        if not len(known):
            return cls(dtype, storage=storage), ticks
        split = split_ticks(known, dtype)
        steps = tuple(coarsest(part, _STEPS if i else (1,)) for i, part in enumerate(split))
        parts = tuple(QuantileMap.fit(part.astype(np.float64)) for part in split)
        low, high = int(known.min()), int(known.max())
        return cls(dtype, parts, steps, low, high, len(known) < len(ticks), storage), ticks

    @property
    def _varying(self) -> list[int]:
        """Indices of the encoded parts: the day, and others that are not constant."""
        return [i for i, part in enumerate(self.parts) if i == 0 or not part.is_constant] or [0]

    @property
    def n_numbers(self) -> int:
        return len(self._varying)

    @property
    def blocks(self) -> tuple[int, ...]:
        return (2,) if self.marked else ()

    @property
    def is_empty(self) -> bool:
        return not self.parts

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        if self.storage is not None:
            column = self.storage.read(column)
        if getattr(column.dtype, "kind", "O") != "M":
            raise InputError(f"holds {column.dtype}, and dates were fitted")
        return ticks_of(column.astype(self.dtype))

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        missing = values == MISSING_TIME
        numbers = [np.zeros(len(values)) for _ in range(self.n_numbers)]
        if self.parts:
            split = split_ticks(values[~missing], self.dtype)
            for out, i in zip(numbers, self._varying, strict=True):
                out[~missing] = self.parts[i].encode(split[i].astype(np.float64))
        return numbers, [missing.astype(np.int64)] if self.marked else []

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        if not self.parts:
            return np.full(len(numbers), MISSING_TIME)
        columns = dict(zip(self._varying, numbers.T, strict=True))
        split = []
        for i, (part, step) in enumerate(zip(self.parts, self.steps, strict=True)):
            steps = Steps(int(part.x[0]), step)
            whole = steps.nearest(part.decode(columns[i])) if i in columns else part.x[0]
            split.append(np.broadcast_to(np.asarray(whole, np.int64), len(numbers)))
        ticks = self._join(split)
        if self.marked:
            ticks[places[:, 0] == 1] = MISSING_TIME
        return ticks

    def _join(self, split: list[np.ndarray]) -> np.ndarray:
        """Ticks from days and parts of the day, within the bounds."""
        sizes = _part_sizes(self.dtype)
        day = split[0]
        rest = np.sum(
            [part * size for part, size in zip(split[1:], sizes[1:], strict=True)], axis=0
        )
        # The first and last days of 64 bits are cut: sums outside of them would wrap.
        ticks = day * sizes[0] + rest
        for bound, is_past in ((self.low, np.less), (self.high, np.greater)):
            of_bound = divmod(bound, sizes[0])
            past = is_past(day, of_bound[0])
            past |= (day == of_bound[0]) & is_past(rest, of_bound[1])
            ticks[past] = bound
        return np.asarray(ticks)

    def write(self, values: np.ndarray) -> Any:
        dates = values.view(f"M8[{_unit_of(self.dtype)}]")
        if isinstance(self.dtype, pd.DatetimeTZDtype):
            zone = self.dtype.tz
            array: Any = pd.DatetimeIndex(dates).tz_localize("UTC").tz_convert(zone).array
        else:
            array = pd.array(dates, dtype=self.dtype)
        return array if self.storage is None else self.storage.write(array)

    def to_json(self) -> JSON:
        return {
            "dtype": dtype_to_json(self.dtype),
            "parts": [part.to_json() for part in self.parts],
            "steps": list(self.steps),
            "low": self.low,
            "high": self.high,
            "marked": self.marked,
            "storage": self.storage and self.storage.to_json(),
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype = dtype_from_json(record["dtype"])
        if getattr(dtype, "kind", "O") != "M" or isinstance(dtype, pd.ArrowDtype):
            raise InputError(f"{dtype} is not a dtype of dates.")
        parts = tuple(QuantileMap.from_json(part) for part in record["parts"])
        steps = tuple(record["steps"])
        low, high = record["low"], record["high"]
        if not type(low) is type(high) is int or not MISSING_TIME < low <= high < 2**63:
            raise InputError(f"low={low!r} and high={high!r} are not dates.")
        sizes = _part_sizes(dtype)
        if len(steps) != len(parts) or not all(type(s) is int and s > 0 for s in steps):
            raise InputError(f"steps={list(steps)!r} do not fit {len(parts)} parts.")
        if parts and len(parts) != len(sizes):
            raise InputError(f"{len(parts)} parts are not those of a date of {dtype}.")
        for part, size in zip(parts, sizes, strict=False):
            # A day may begin before the first tick of 64 bits.
            if max(abs(part.x[0]), abs(part.x[-1])) * size > 2.0**63 + size:
                raise InputError("the parts of a date are out of range.")
        storage = record["storage"] and Storage.from_json(record["storage"])
        marked = check_flag(record["marked"]) and bool(parts)
        return cls(dtype, parts, steps, low, high, marked, storage)


def ticks_of(column: "pd.Series[Any]") -> np.ndarray:
    """Whole ticks of a column of dates or durations."""
    array: Any = column.array
    return np.asarray(array.asi8)


def durations(dtype: Any) -> tuple[int, ...]:
    """Ticks of a day, an hour, a minute, a second, and its fractions."""
    second = _SECONDS[_unit_of(dtype)]
    return tuple(second * n for n in (86400, 3600, 60, 1)) + tuple(
        n for n in (10**6, 10**3, 1) if n < second
    )


def coarsest(ticks: np.ndarray, units: Sequence[int]) -> int:
    """The first of the units that divides all known ticks."""
    known = ticks[ticks != MISSING_TIME]
    return next((unit for unit in units if not (known % unit).any()), 1)


def _unit_of(dtype: Any) -> str:
    return str(dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0])


def _part_sizes(dtype: Any) -> tuple[int, ...]:
    """Ticks of one day, one second, and fractions of it."""
    second = _SECONDS[_unit_of(dtype)]
    below = {1: (), 10**3: (1,), 10**6: (1,), 10**9: (1000, 1)}[second]
    return (86400 * second, second, *below)


def split_ticks(ticks: np.ndarray, dtype: Any) -> list[np.ndarray]:
    """Days, seconds of the day, and what is below them."""
    parts = []
    for size in _part_sizes(dtype):
        part, ticks = np.divmod(ticks, size)
        parts.append(part)
    return parts

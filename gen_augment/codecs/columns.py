"""Columns of a table, by what they hold: numbers, dates or categories.

Each kind turns a column into *values*, an array that keeps all that the column says (floats, whole ticks of time, or
numbers of categories); values into encoded numbers and one-hot blocks; and all of that back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd

from gen_augment.codecs.dtypes import dtype_from_json, dtype_to_json, has_missing, is_number, numpy_dtype, plain
from gen_augment.codecs.quantile import QuantileMap
from gen_augment.errors import InputError
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["KINDS", "MISSING_TIME", "CategoryColumn", "Column", "DateColumn", "NumberColumn", "check_magnitude"]

#: Whole numbers beyond it are not told apart by the floats that they are computed in.
LARGEST_INT = 2**53
#: The widest block of a category; more categories are written with several digits, a block for each.
MAX_BLOCK = 64
MISSING_TIME = np.iinfo(np.int64).min  # what NumPy and pandas take for NaT
_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


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
        unit = _coarsest(_ticks(column), _durations(dtype)) if is_time else 1
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
    def field(self) -> "np.dtype[Any]":
        if self.dtype.kind == "m" or (self.dtype.kind in "biu" and has_missing(self.dtype)):
            return np.dtype(np.float64)
        return numpy_dtype(self.dtype)

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        if self.dtype.kind == "m":
            ticks = _ticks(column.astype(self.dtype))
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
            return pd.array(np.where(missing, MISSING_TIME, ticks).view(self.dtype.str), dtype=self.dtype)
        return pd.array(values, dtype=self.dtype)

    def to_json(self) -> JSON:
        scale = None if self.scale is None else self.scale.to_json()
        return {"dtype": dtype_to_json(self.dtype), "scale": scale, "marked": self.marked, "unit": self.unit}

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype = dtype_from_json(record["dtype"])
        scale = None if record["scale"] is None else QuantileMap.from_json(record["scale"])
        marked, unit = _check_flag(record["marked"]), record["unit"]
        if not is_number(dtype) and getattr(dtype, "kind", "O") != "m":
            raise InputError(f"{dtype} is no dtype of numbers.")
        if type(unit) is not int or unit < 1 or (unit > 1 and dtype.kind != "m") or (scale is None and marked):
            raise InputError(f"unit={unit!r}, marked={marked!r} do not go with a column of {dtype}.")
        whole = dtype.kind in "bium"
        if scale is not None and (whole != (scale.step > 0) or max(map(abs, scale.x[[0, -1]])) * unit >= 2.0**63):
            raise InputError(f"the bounds or steps of a column do not go with {dtype}.")
        if (scale is None or marked) and not has_missing(dtype) and dtype.kind != "m":
            raise InputError(f"a column of {dtype} has no missing values.")
        return cls(dtype, scale, marked, unit)


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
        dtype, ticks = column.dtype, _ticks(column)
        known = ticks[ticks != MISSING_TIME]
        if not len(known):
            return cls(dtype, (), 0, 0, False), ticks
        parts: list[QuantileMap] = []
        for part in _split(known, dtype):
            step = _coarsest(part, (10**9, 3600, 60, 1000, 1) if len(parts) else (1,))
            parts.append(QuantileMap.fit(part.astype(np.float64), float(step)))
        return cls(dtype, tuple(parts), int(known.min()), int(known.max()), len(known) < len(ticks)), ticks

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

    field: ClassVar["np.dtype[Any]"] = np.dtype(np.int64)

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        if getattr(column.dtype, "kind", "O") != "M":
            raise InputError(f"holds {column.dtype}, and dates were fitted")
        return _ticks(column.astype(self.dtype))

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
        return cls(dtype, parts, low, high, _check_flag(record["marked"]) and bool(parts))


@dataclass(frozen=True)
class CategoryColumn:
    """Strings, booleans, or anything else of which there are some: numbers of categories, -1 where missing.

    Categories are numbered by how often they occur. Up to 64 of them are one block; more are written with as few
    digits as blocks of that size allow, the first of which tells frequent ones from rare ones.

    Attributes
    ----------
    dtype : dtype
    values : tuple of str, bool, int or float
        By number.
    has_missing : bool
        A missing value is the last category.
    sentinel : {"None", "nan", "NA", "NaT"}
        What stands for it in a column of objects.
    """

    kind: ClassVar[str] = "category"
    dtype: Any
    values: tuple[Any, ...]
    has_missing: bool
    sentinel: str = "None"

    @classmethod
    def fit(cls, column: "pd.Series[Any]", name: Any) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values."""
        codes, unique = _factorize(column)
        values = [plain(value) for value in unique]
        if None in values or (column.dtype == object and _has_twins(column)):
            odd = unique[values.index(None)] if None in values else True
            raise InputError(
                f"column {name!r} of X holds {odd!r} ({type(odd).__name__}), which is no category beside {values[:3]}: "
                "categories are strings, booleans or finite numbers. Make them strings, or dates with "
                "pandas.to_datetime."
            )
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        order = sorted(range(len(values)), key=lambda i: (-counts[i], str(values[i])))
        missing = codes < 0
        sentinel = str(column[missing].iloc[0]) if missing.any() and column.dtype == object else "None"
        rank = np.empty(len(order) + 1, np.int64)
        rank[order], rank[-1] = np.arange(len(order)), -1
        made = cls(column.dtype, tuple(values[i] for i in order), bool(missing.any()), sentinel.strip("<>"))
        return made, rank[codes]

    n_numbers: ClassVar[int] = 0
    field: ClassVar["np.dtype[Any]"] = np.dtype(np.int32)

    @property
    def _count(self) -> int:
        return len(self.values) + self.has_missing

    @property
    def blocks(self) -> tuple[int, ...]:
        n_digits = next(k for k in range(1, 32) if MAX_BLOCK**k >= self._count)
        if n_digits == 1:
            return (self._count,)
        base = math.ceil(self._count ** (1 / n_digits) - 1e-9)
        return (math.ceil(self._count / base ** (n_digits - 1)), *[base] * (n_digits - 1))

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        """Numbers of categories; one that was not fitted is -2, or -1 if it is missing and none was."""
        codes, unique = _factorize(column)
        known = {_key(value): number for number, value in enumerate(self.values)}
        numbers = np.array([*(known.get(_key(plain(value)), -2) for value in unique), -1])
        return np.asarray(numbers[codes])

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        rest = np.where(values == -1, len(self.values) if self.has_missing else -2, values)
        unknown, digits = rest < 0, []
        for base in reversed(self.blocks):
            rest, digit = np.divmod(rest, base)
            digits.append(np.where(unknown, -1, digit))
        return [], digits[::-1]

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        number = np.zeros(len(places), np.int64)
        for base, digit in zip(self.blocks, places.T, strict=True):
            number = number * base + digit
        number = np.minimum(number, self._count - 1)
        return np.where(number == len(self.values), -1, number)

    def write(self, values: np.ndarray) -> Any:
        if isinstance(self.dtype, pd.CategoricalDtype):
            place = {_key(plain(value)): number for number, value in enumerate(self.dtype.categories)}
            numbers = np.array([*(place[_key(value)] for value in self.values), -1])
            return pd.Categorical.from_codes(numbers[values], dtype=self.dtype)
        missing: Any = None
        if self.dtype == object:
            missing = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}[self.sentinel]
        elif isinstance(self.dtype, np.dtype) and self.dtype.kind == "f":
            missing = np.nan
        table = np.empty(len(self.values) + 1, dtype=object)
        table[:-1], table[-1] = self.values, missing
        objects = table[values]
        # A Series, as a DataFrame would make strings of an array of objects.
        return pd.Series(objects, dtype=object) if self.dtype == object else pd.array(objects, dtype=self.dtype)

    def to_json(self) -> JSON:
        return {
            "dtype": dtype_to_json(self.dtype),
            "values": list(self.values),
            "has_missing": self.has_missing,
            "sentinel": self.sentinel,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype, values = dtype_from_json(record["dtype"]), record["values"]
        if not isinstance(values, list) or None in [plain(value) for value in values]:
            raise InputError("the categories of a column are not strings, booleans or finite numbers.")
        if len({_key(value) for value in values}) != len(values):
            raise InputError("the categories of a column occur twice.")
        missing = _check_flag(record["has_missing"])
        check_choice("sentinel", record["sentinel"], ("None", "nan", "NA", "NaT"))
        if not len(values) + missing:
            raise InputError("a column has no categories.")
        column = cls(dtype, tuple(values), missing, record["sentinel"])
        column.write(np.arange(-missing, len(values)))  # raises if dtype and categories do not go together
        return column


#: Kinds of columns by the name that users and archives have for them.
KINDS: dict[str, Any] = {column.kind: column for column in (NumberColumn, DateColumn, CategoryColumn)}


def check_magnitude(values: np.ndarray, name: Any, *, whole: bool) -> None:
    """Raise for finite numbers whose range overflows, or that are too large to be told from their neighbours."""
    with np.errstate(over="ignore"):
        span, largest = np.ptp(values), np.abs(values).max()
    if not np.isfinite(span) or (whole and largest > LARGEST_INT):
        raise InputError(
            f"column {name!r} of X has values up to {largest:g}, too large to be computed with: scale or drop it, or "
            "make it a category."
        )


def _check_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{value!r} is neither true nor false.")
    return value


def _ticks(column: "pd.Series[Any]") -> np.ndarray:
    array: Any = column.array
    return np.asarray(array.asi8)


def _unit_of(dtype: Any) -> str:
    return str(dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0])


def _durations(dtype: Any) -> tuple[int, ...]:
    """Ticks of a day, an hour, a minute, a second, and less."""
    second = _SECONDS[_unit_of(dtype)]
    return tuple(second * n for n in (86400, 3600, 60, 1)) + tuple(n for n in (10**6, 10**3, 1) if n < second)


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


def _coarsest(ticks: np.ndarray, units: Sequence[int]) -> int:
    """The first of the units that divides all the numbers that are there."""
    known = ticks[ticks != MISSING_TIME]
    return next((unit for unit in units if not (known % unit).any()), 1)


def _factorize(column: "pd.Series[Any]") -> tuple[np.ndarray, list[Any]]:
    try:
        codes, unique = pd.factorize(column)
    except TypeError as error:  # what cannot be hashed
        raise InputError(f"column {column.name!r} of X holds what is no category: {error}") from error
    return codes, list(unique)


def _has_twins(column: "pd.Series[Any]") -> bool:
    """Whether booleans and numbers stand side by side, which count as equal."""
    types = set(column.dropna().map(type))
    return bool(types & {bool, np.bool_}) and any(issubclass(t, (int, float, np.number)) for t in types - {bool})


def _key(value: Any) -> tuple[str, Any]:
    return ("text" if isinstance(value, str) else "number", value)

"""Columns of objects, such as `datetime.time`, as numbers or dates, and back."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["OBJECTS", "common_zone", "from_objects", "object_type", "to_objects"]

#: Types of objects that are converted, by the name in an archive.
OBJECTS = (
    "int", "float", "decimal", "date", "datetime", "timestamp", "timedelta", "duration", "time",
    "period", "sparse",
)  # fmt: skip
_REAL = (int, float, np.integer, np.floating, Decimal, Fraction)
_EXACT: dict[type, str] = {
    datetime.date: "date",
    datetime.datetime: "datetime",
    pd.Timestamp: "timestamp",
    datetime.timedelta: "timedelta",
    pd.Timedelta: "duration",
    datetime.time: "time",
    pd.Period: "period",
}
#: The longest duration that 64 bits of microseconds hold, in whole days.
_LONGEST = datetime.timedelta(days=106_751_990)
_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000  # microseconds


def object_type(column: "pd.Series[Any]") -> str | None:
    """What a column of objects holds, as a name in `OBJECTS`, or None.

    The name of the widest type is returned for numbers of several types. Missing values
    do not count, and None is returned where there are no others.
    """
    if column.dtype != object:
        return None
    known = column.dropna()
    types = set(map(type, known))
    if len(types) == 1 and (found := _EXACT.get(next(iter(types)))):
        return found if _is_uniform(known, found) else None
    if not types or any(
        issubclass(one, (bool, Enum, np.timedelta64)) or not issubclass(one, _REAL) for one in types
    ):
        return None
    if any(issubclass(one, Decimal) for one in types):
        return "decimal"
    return "int" if all(issubclass(one, (int, np.integer)) for one in types) else "float"


def _is_uniform(known: "pd.Series[Any]", objects: str) -> bool:
    """Whether dates have one time zone, times none, and periods one frequency."""
    if objects == "time":
        return all(value.tzinfo is None for value in known)
    if objects == "period":
        return len({value.freqstr for value in known}) == 1
    if objects not in ("datetime", "timestamp"):
        return True
    zones = {value.tzinfo for value in known}
    return len(zones) == 1 and _is_named(next(iter(zones)))


def _is_named(zone: Any) -> bool:
    """Whether pandas knows the time zone by a name."""
    try:
        return zone is None or str(pd.DatetimeTZDtype("us", str(zone)).tz) == str(zone)
    except (KeyError, TypeError, ValueError):
        return False


def common_zone(column: "pd.Series[Any]") -> Any:
    """The time zone of a column of dates; None if they have none."""
    known = column.dropna()
    return known.iloc[0].tzinfo if len(known) else None


def from_objects(column: "pd.Series[Any]", objects: str, of: Any) -> "pd.Series[Any]":
    """A column of objects, or of a `pandas.PeriodDtype`, with a dtype of NumPy or pandas."""
    missing = column.isna().to_numpy(dtype=bool)
    known = column[~missing]
    if objects in ("int", "float", "decimal", "time", "period"):
        whole = objects not in ("float", "decimal")
        values: Any = np.zeros(len(column), dtype=np.int64 if whole else np.float64)
        if objects in _AS_NUMBER:
            values[~missing] = [_AS_NUMBER[objects](value) for value in known]
        else:
            values[~missing] = known.to_numpy()
        array = pd.arrays.IntegerArray if whole else pd.arrays.FloatingArray
        return pd.Series(array(values, missing), index=column.index)
    if of is not None:
        unit: Any = _unit(known)
        of = pd.DatetimeTZDtype(unit, of.tz)
        zoned: pd.Series[Any] = pd.Series(pd.NaT, index=column.index, dtype=of)
        zoned[~missing] = pd.Series(list(known), index=known.index).dt.as_unit(of.unit)
        return zoned
    if objects == "timedelta" and any(abs(value) > _LONGEST for value in known):
        raise OverflowError  # NumPy would wrap it
    kind, unit, final = _TICKS[objects]
    if not unit:
        unit = final = _unit(known)
    ticks = np.full(len(column), "NaT", dtype=f"{kind}[{unit}]")
    ticks[~missing] = [getattr(value, "asm8", value) for value in known]
    return pd.Series(ticks.astype(f"{kind}[{final}]"), index=column.index)


def to_objects(column: "pd.Series[Any]", objects: str, of: Any) -> list[Any]:
    """Objects of a column that `from_objects` could have returned; any where it is missing."""
    if objects == "period":
        return list(pd.arrays.PeriodArray(column.to_numpy(np.int64, na_value=0), dtype=of))
    if objects == "time":
        return [_time(value) for value in column.to_numpy(np.int64, na_value=0).tolist()]
    if objects in ("timestamp", "duration"):
        return list(column)
    if objects == "datetime" and of is not None:
        return [None if value is pd.NaT else value.to_pydatetime() for value in column]
    if objects in _TICKS:
        kind, unit, _ = _TICKS[objects]
        made: list[Any] = column.to_numpy().astype(f"{kind}[{unit}]").tolist()
        return made
    return column.tolist()


def _unit(known: "pd.Series[Any]") -> str:
    """The unit of the ticks of dates or durations: microseconds reach further than nanoseconds."""
    if not any(getattr(value, "nanosecond", getattr(value, "nanoseconds", 0)) for value in known):
        return "us"
    for value in known:
        value.as_unit("ns")  # raises for a date that 64 bits of nanoseconds do not hold
    return "ns"


def _time(ticks: int) -> datetime.time:
    hour, rest = divmod(ticks, _HOUR)
    minute, rest = divmod(rest, _MINUTE)
    return datetime.time(hour, minute, *divmod(rest, _SECOND))


def _ticks(time: datetime.time) -> int:
    whole = time.hour * _HOUR + time.minute * _MINUTE + time.second * _SECOND
    return whole + time.microsecond


#: How objects are read as whole numbers.
_AS_NUMBER: dict[str, Callable[[Any], int]] = {
    "time": _ticks,
    "period": lambda value: int(value.ordinal),
}
#: Kind of ticks, their unit in the objects, and the unit that pandas has; "" depends on the values.
_TICKS = {
    "date": ("M8", "D", "s"),
    "datetime": ("M8", "us", "us"),
    "timestamp": ("M8", "", ""),
    "timedelta": ("m8", "us", "us"),
    "duration": ("m8", "", ""),
}

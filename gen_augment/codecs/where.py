"""Conditions on columns of a table: which decoded rows meet all of them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.codecs.columns import MISSING_TIME, CategoryColumn, Column, DateColumn, NumberColumn
from gen_augment.codecs.table import TableCodec, columns_of
from gen_augment.errors import InputError

__all__ = ["Match", "matcher"]

#: Which of some decoded rows meet the conditions: a bool for each.
Match = Callable[[Any], np.ndarray]


def matcher(codec: Any, where: Mapping[Any, Any]) -> Match:
    """Conditions as a function of rows.

    Parameters
    ----------
    codec : TableCodec
    where : {column: condition}
        A value; a list of values; a tuple ``(low, high)`` of numbers or dates, both of which belong to it; or None for
        a missing value.

    Raises
    ------
    InputError
        There is no such column, or no row that was fitted could meet its condition.
    """
    if not isinstance(codec, TableCodec):
        raise InputError(f"where={where!r} is for tables, and these rows are {codec.kind}s.")
    parts = dict(zip(codec.columns, codec.parts, strict=True))
    for name in where:
        if name not in parts:
            raise InputError(f"where names a column {name!r} that the table does not have; it has {codec.columns}.")
    tests = {name: _test(name, parts[name], condition) for name, condition in where.items()}

    def match(X: Any) -> np.ndarray:
        series = columns_of(X)[2]
        good = np.ones(len(X), dtype=bool)
        for name, test in tests.items():
            good &= test(parts[name].read(series[name]))
        return good

    return match


def _test(name: Any, part: Column, condition: Any) -> Match:
    """One condition, on the values of its column."""
    options = list(condition) if isinstance(condition, (list, set, frozenset)) else [condition]
    if not options:
        raise InputError(f"where[{name!r}]={condition!r} allows no value.")
    if isinstance(part, CategoryColumn):
        return _category_test(name, part, options)
    tests = [_range_test(name, part, option) for option in options]
    return lambda values: np.any([test(values) for test in tests], axis=0)


def _category_test(name: Any, part: CategoryColumn, options: list[Any]) -> Match:
    numbers = part.read(pd.Series(options, dtype=object))
    for option, number in zip(options, numbers, strict=True):
        if number == -2 or (number == -1 and not part.has_missing):
            known = [*part.values[:10], *(["..."] if len(part.values) > 10 else [])]
            raise InputError(f"where[{name!r}]={option!r} was not seen in fit; known: {known}.")
    return lambda values: np.isin(values, numbers)


def _range_test(name: Any, part: Any, option: Any) -> Match:
    if option is None or option is pd.NaT:
        if not part.marked and _bounds(part) is not None:
            raise InputError(f"where[{name!r}]={option!r}, but no value of that column was missing in fit.")
        return lambda values: np.isnan(values) if values.dtype.kind == "f" else values == MISSING_TIME
    try:
        low, high = option if isinstance(option, tuple) else (option, option)
        first, last = _values(part, [low, high])
    except (TypeError, ValueError) as error:
        raise InputError(
            f"where[{name!r}]={option!r} is neither a value of {part.dtype} nor (low, high): {error}"
        ) from error
    bounds = _bounds(part)
    if not first <= last or bounds is None or last < bounds[0] or first > bounds[1]:
        seen = "only missing values were" if bounds is None else f"{_shown(part, bounds)} was"
        raise InputError(f"where[{name!r}]={option!r} leaves nothing: {seen} seen in fit.")
    return lambda values: (values >= first) & (values <= last)  # a missing value is neither


def _is_time(part: Any) -> bool:
    return isinstance(part, NumberColumn) and part.dtype.kind == "m"


def _values(part: Any, bounds: list[Any]) -> np.ndarray:
    """Bounds as values of the column."""
    if isinstance(part, DateColumn):
        dates = pd.to_datetime(pd.Series(bounds), format="ISO8601")
        if isinstance(part.dtype, pd.DatetimeTZDtype) and dates.dt.tz is None:
            dates = dates.dt.tz_localize(part.dtype.tz)
        return part.read(dates)
    if _is_time(part):
        return np.asarray(part.read(pd.to_timedelta(pd.Series(bounds))))
    if any(isinstance(bound, str) for bound in bounds):
        raise TypeError("a number is needed")
    return np.array(bounds, dtype=np.float64)


def _bounds(part: Any) -> tuple[Any, Any] | None:
    if isinstance(part, DateColumn):
        return (part.low, part.high) if part.parts else None
    return None if part.scale is None else (part.scale.x[0], part.scale.x[-1])


def _shown(part: Any, bounds: tuple[Any, Any]) -> str:
    low, high = pd.Series(part.write(np.array(bounds))).astype(str)
    return f"{low} to {high}"

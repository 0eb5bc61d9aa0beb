"""Conditions on columns of a table: which decoded rows meet all of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.codec import TableCodec, columns_of
from gen_augment.modalities.table.columns import (
    MISSING_TIME,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
)

__all__ = ["Match", "matcher", "read_conditions"]

#: Which of some decoded rows meet the conditions: a bool for each.
Match = Callable[[Any], np.ndarray]


def matcher(codec: Any, where: Mapping[Any, Any]) -> Match:
    """Conditions as a function of rows.

    Parameters
    ----------
    codec : TableCodec
    where : {column: condition}
        A value; a list of values; a tuple ``(low, high)`` of numbers or dates, both of which belong to it, with None
        for an end that is open; or None, NaN, NA or NaT for a missing value.

    Raises
    ------
    InputError
        There is no such column, or no row that was fitted could meet its condition.
    """
    parts = _parts(codec, where)
    for name in where:
        if name not in parts:
            raise InputError(
                f"where names a column {name!r} that the table does not have; it has {codec.columns}."
            )
    tests = {name: _test(name, parts[name], condition) for name, condition in where.items()}

    def match(X: Any) -> np.ndarray:
        series = columns_of(X)[2]
        good = np.ones(len(X), dtype=bool)
        for name, test in tests.items():
            good &= test(parts[name].read(series[name]))
        return good

    return match


def read_conditions(codec: Any, texts: Iterable[str]) -> dict[Any, list[Any]]:
    """Conditions that are written as text, as `matcher` takes them.

    Parameters
    ----------
    codec : TableCodec
    texts : iterable of str
        ``COLUMN=VALUE``, ``COLUMN=LOW..HIGH`` of numbers or dates, with nothing for an end that is open, or ``COLUMN=``
        for a missing value. Several of one column are alternatives.

    Raises
    ------
    InputError
        A text is none, or names no column.

    Examples
    --------
    >>> codec, _ = TableCodec.fit(pd.DataFrame({"age": [31, 40, 52], "country": ["NO", None, "SE"]}))
    >>> read_conditions(codec, ["country=NO", "country=", "age=35.."])
    {'country': ['NO', None], 'age': [(35.0, None)]}
    """
    texts = list(texts)
    parts, found = _parts(codec, texts), dict[Any, list[Any]]()
    for text in texts:
        # A name may hold "=": the longest that there is.
        name = max(
            (c for c in parts if text.startswith(f"{c}=")), key=lambda c: len(str(c)), default=None
        )
        if name is None:
            raise InputError(
                f"{text!r}: give COLUMN=VALUE, COLUMN=LOW..HIGH or COLUMN=; columns: {', '.join(map(str, parts))}."
            )
        found.setdefault(name, []).append(_read_option(parts[name], text[len(str(name)) + 1 :]))
    return found


def _read_option(part: Column, text: str) -> Any:
    if not text:
        return None
    if isinstance(part, CategoryColumn):
        if all(isinstance(value, bool) for value in part.values):
            text = text.capitalize()
        return next((value for value in part.values if str(value) == text), text)
    low, dots, high = text.partition("..")
    ends = [_read_end(part, end) for end in ((low, high) if dots else (text,))]
    return tuple(ends) if dots else ends[0]


def _read_end(part: Column, text: str) -> Any:
    """A number where it is one; what is none is refused by the column."""
    if isinstance(part, DateColumn) or _is_time(part):
        return text or None
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _parts(codec: Any, where: Any) -> dict[Any, Column]:
    if not isinstance(codec, TableCodec):
        raise InputError(f"where={where!r} is for tables, and these rows are {codec.kind}s.")
    return dict(zip(codec.columns, codec.parts, strict=True))


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
    if pd.api.types.is_scalar(option) and pd.isna(option):
        if not part.marked and _bounds(part) is not None:
            raise InputError(
                f"where[{name!r}]={option!r}, but no value of that column was missing in fit."
            )
        return lambda values: (
            np.isnan(values) if values.dtype.kind == "f" else values == MISSING_TIME
        )
    bounds = _bounds(part)
    try:
        low, high = option if isinstance(option, tuple) else (option, option)
        first, last = _values(part, [low, high])
        if bounds:
            first, last = (
                (bounds[0] if low is None else first),
                (bounds[1] if high is None else last),
            )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"where[{name!r}]={option!r} is neither a value of {part.dtype} nor (low, high): {error}"
        ) from error
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

"""Conditions on the columns of a table: which decoded rows satisfy all of them."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.table.codec import TableCodec, columns_of
from gen_augment.modalities.table.columns import (
    MISSING_TIME,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
)
from gen_augment.modalities.table.csv_columns import Settled, convert, is_date
from gen_augment.modalities.table.storage import PARSED

__all__ = ["Match", "matcher", "read_conditions"]

#: Returns whether each of some decoded rows satisfies the conditions.
Match = Callable[[Any], np.ndarray]


def matcher(codec: Any, where: Mapping[Any, Any]) -> Match:
    """Conditions as a function of decoded rows.

    Parameters
    ----------
    codec : TableCodec
    where : {column: condition}
        A condition is one of:

        - a value, or None, NaN, NA or NaT for a missing value;
        - a tuple ``(low, high)`` of numbers or dates, both inclusive, with None for an
          open end;
        - a month or year of a column of dates, as a string: ``"2024-02"``, ``"2024"``; as `high`
          it includes its last day;
        - a list, set, range, array, Series, Index or Tensor of such conditions, one of
          which has to hold.

    Returns
    -------
    callable
        Takes rows in the user's form and returns a bool ndarray of shape (n_rows,).

    Raises
    ------
    InputError
        A column does not exist, or no fitted row could satisfy its condition.
    """
    parts = _parts(codec, where)
    for name in where:
        if name not in parts:
            raise InputError(
                f"where names a column {name!r} that the table does not have; it has "
                f"{codec.columns}."
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
    """Conditions written as text, in the form that `matcher` takes.

    Parameters
    ----------
    codec : TableCodec
    texts : iterable of str
        ``COLUMN=VALUE``, ``COLUMN=LOW..HIGH`` of numbers or dates, with nothing for an open
        end, or ``COLUMN=`` for a missing value. Several conditions on one column are
        alternatives. Dates are written as in the file, or as 2024-03-01.

    Raises
    ------
    InputError
        A text is not a condition, or does not name a column.

    Examples
    --------
    >>> X = pd.DataFrame({"age": [31, 40, 52], "country": ["NO", None, "SE"]})
    >>> codec, _ = TableCodec.fit(X)
    >>> read_conditions(codec, ["country=NO", "country=", "age=35.."])
    {'country': ['NO', None], 'age': [(35.0, None)]}
    """
    texts = list(texts)
    parts, found = _parts(codec, texts), dict[Any, list[Any]]()
    for text in texts:
        # A name may contain "=": the longest one counts.
        named = (column for column in parts if text.startswith(f"{column}="))
        name = max(named, key=lambda column: len(str(column)), default=None)
        if name is None:
            raise InputError(
                f"{text!r} is not COLUMN=VALUE, COLUMN=LOW..HIGH or COLUMN=; columns: "
                f"{', '.join(map(str, parts))}."
            )
        form = codec.file.readings.get(str(name), "")
        value = text[len(str(name)) + 1 :]
        found.setdefault(name, []).append(_read_option(parts[name], value, form))
    return found


def _read_option(part: Column, text: str, form: str) -> Any:
    if not text:
        return None
    if isinstance(part, CategoryColumn):
        if all(isinstance(value, bool) for value in part.values):
            text = text.capitalize()
        return next((value for value in part.known if str(value) == text), text)
    low, dots, high = text.partition("..")
    ends = [_read_end(part, end, form) for end in ((low, high) if dots else (text,))]
    return tuple(ends) if dots else ends[0]


def _read_end(part: Column, text: str, form: str) -> Any:
    """A number, a date of the file's form as ISO 8601, or the text, which the column may refuse."""
    try:
        if isinstance(part, DateColumn) and text and is_date(form):
            date = convert(pd.Series([text]), Settled(form, frozenset()), ".")[0]
            return date.isoformat()
        is_text = isinstance(part, DateColumn) or _is_time(part) or _is_parsed(part)
        return float(text) if text and not is_text else text or None
    except ValueError:
        return text


def _parts(codec: Any, where: Any) -> dict[Any, Column]:
    if not isinstance(codec, TableCodec):
        raise InputError(f"where={where!r} is for tables, and these rows are {codec.kind}s.")
    return dict(zip(codec.columns, codec.parts, strict=True))


def _test(name: Any, part: Column, condition: Any) -> Match:
    """One condition as a function of the values of its column."""
    options = _options(condition)
    if not options:
        raise InputError(f"where[{name!r}]={condition!r} allows no value.")
    odd = [o for o in options if pd.api.types.is_list_like(o) and not isinstance(o, tuple)]
    if odd:
        raise InputError(f"where[{name!r}] holds {odd[0]!r}: give values or (low, high) tuples.")
    if isinstance(part, CategoryColumn):
        return _category_test(name, part, options)
    tests = [_range_test(name, part, option) for option in options]
    return lambda values: np.any([test(values) for test in tests], axis=0)


def _options(condition: Any) -> list[Any]:
    """Alternatives of a condition: the elements of a collection other than a tuple."""
    if isinstance(condition, Tensor):
        condition = condition.detach().cpu().numpy()
    if isinstance(condition, np.ndarray) and not condition.ndim:
        condition = condition.item()
    is_list = pd.api.types.is_list_like(condition)
    if not is_list or isinstance(condition, (tuple, Mapping)):
        return [condition]
    return list(condition)


def _category_test(name: Any, part: CategoryColumn, options: list[Any]) -> Match:
    indices = part.read(pd.Series(options, dtype=object))
    for option, index in zip(options, indices, strict=True):
        if index == -2 or (index == -1 and not part.has_missing):
            known = [*part.known[:10], *(["..."] if len(part.values) > 10 else [])]
            raise InputError(f"where[{name!r}]={option!r} was not seen in fit; known: {known}.")
    return lambda values: np.isin(values, indices)


def _range_test(name: Any, part: Any, option: Any) -> Match:
    bounds = _bounds(part)
    if pd.api.types.is_scalar(option) and pd.isna(option):
        if not part.marked and bounds is not None:
            raise InputError(
                f"where[{name!r}]={option!r}, but no value of that column was missing in fit."
            )
        return lambda values: (
            np.isnan(values) if values.dtype.kind == "f" else values == MISSING_TIME
        )
    try:
        low, high = option if isinstance(option, tuple) else (option, option)
        first, last = _values(part, [low, high])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"where[{name!r}]={option!r} is not a value of {_dtype(part)} or (low, high): {error}"
        ) from error
    if bounds is not None:
        first = bounds[0] if low is None else first
        last = bounds[1] if high is None else last
    if not first <= last or bounds is None or last < bounds[0] or first > bounds[1]:
        seen = "only missing values were" if bounds is None else f"{_shown(part, bounds)} was"
        raise InputError(f"where[{name!r}]={option!r} leaves nothing: {seen} seen in fit.")
    slack = 0  # 3 * 0.1 is 0.3 on a grid
    if getattr(part, "steps", None) and part.dtype.kind == "f":
        slack = 4 * np.finfo(np.float64).eps * max(abs(first), abs(last))
    low, high = first - slack, last + slack
    return lambda values: (values >= low) & (values <= high)  # False for missing values


def _dtype(part: Any) -> Any:
    """What the column is called in a message: its dtype, or the type of its objects."""
    return part.storage.objects if part.storage is not None else part.dtype


def _is_parsed(part: Any) -> bool:
    """Whether a number is written in another form: a time of day, or a period."""
    storage = getattr(part, "storage", None)
    return storage is not None and storage.objects in PARSED


def _is_time(part: Any) -> bool:
    return isinstance(part, NumberColumn) and part.dtype.kind == "m"


def _values(part: Any, bounds: list[Any]) -> np.ndarray:
    """Bounds as values of the column, of shape (2,)."""
    if isinstance(part, DateColumn):
        try:
            dates = pd.to_datetime(pd.Series([bounds[0], _end(bounds[1])]), format="ISO8601")
        except ValueError:
            raise ValueError("write dates as 2024-03-01, 2024-03 or 2024.") from None
        if isinstance(part.dtype, pd.DatetimeTZDtype) and dates.dt.tz is None:
            dates = dates.dt.tz_localize(part.dtype.tz)
        return part.read(dates)
    if _is_time(part):
        return np.asarray(part.read(pd.to_timedelta(pd.Series(bounds))))
    if _is_parsed(part):
        known = [part.storage.parsed(b) if isinstance(b, str) else b for b in bounds]
        return np.asarray(part.read(pd.Series(pd.array(known, dtype=part.storage.dtype))))
    if any(isinstance(bound, str) for bound in bounds):
        raise TypeError("a number is needed")
    if part.origin:
        bounds = [None if bound is None else bound - part.origin for bound in bounds]
    return np.array(bounds, dtype=np.float64)


def _end(bound: Any) -> Any:
    """Return the last moment of a month or year; any other bound as it is."""
    if isinstance(bound, str) and re.fullmatch(r"\d{4}(-\d\d)?", bound):
        return f"{pd.Period(bound).asfreq('D', how='end')}T23:59:59.999999"
    return bound


def _bounds(part: Any) -> tuple[Any, Any] | None:
    if isinstance(part, DateColumn):
        return (part.low, part.high) if part.parts else None
    return None if part.scale is None else (part.scale.x[0], part.scale.x[-1])


def _shown(part: Any, bounds: tuple[Any, Any]) -> str:
    low, high = pd.Series(part.write(np.array(bounds))).astype(str)
    return f"{low} to {high}"

"""Columns of strings to numbers, dates and categories, and back to the strings of a file.

A column is a number or a date only if all of its values are. Codes such as "0150" or "+47 22"
stay strings. A word such as "NA" is a missing value in a column of numbers or dates; among other
strings it may be a value (Namibia), so there it stays one unless the user says otherwise.
"""

import os
import re
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.number_forms import FORMATTED, NumberForm, find_form, without_unit

__all__ = ["Settled", "as_labels", "convert", "is_date", "settle", "uses_comma", "written"]

#: Words that may stand for a missing value.
NA_WORDS = frozenset(
    (
        *("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NaT", "<NA>", "#N/A", "#NA"),
        *("NULL", "Null", "null", "None", "none", "-", "--", "?", ".", ".."),
        *("n.a.", "N.A.", "-nan", "-NaN", "1.#IND", "1.#QNAN", "#DIV/0!", "#VALUE!", "#REF!"),
    )
)
#: Whole numbers with more digits are codes: floats do not tell them apart.
MAX_DIGITS = 15
_WHOLE = r"-?(?:0|[1-9]\d*)"
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|Inf|INF|Infinity|infinity)"
_CODE = r"\+[\d\s()./-]+|-?0\d+"
_MONTH = "[A-Z][a-z]{2,8}"
_DAYS = [
    (r"\d{4}-\d\d-\d\d", "%Y-%m-%d"),
    (r"\d{4}/\d\d?/\d\d?", "%Y/%m/%d"),
    (r"\d\d?\.\d\d?\.\d{4}", "%d.%m.%Y"),
    (r"\d\d?/\d\d?/\d{4}", "%d/%m/%Y"),
    (r"\d\d?/\d\d?/\d{4}", "%m/%d/%Y"),
    (r"\d\d?\.\d\d?\.\d\d", "%d.%m.%y"),
    (r"\d\d?/\d\d?/\d\d", "%d/%m/%y"),
    (r"\d\d?/\d\d?/\d\d", "%m/%d/%y"),
    *((rf"\d\d? {_MONTH} \d{{4}}", f"%d {month} %Y") for month in ("%b", "%B")),
    *((rf"{_MONTH} \d\d?, \d{{4}}", f"{month} %d, %Y") for month in ("%b", "%B")),
    (rf"\d\d?-{_MONTH}-\d{{4}}", "%d-%b-%Y"),
    (rf"\d\d?-{_MONTH}-\d\d", "%d-%b-%y"),
]
#: Eight digits that may be a day, and the least number of values that make it certain.
_DIGITS_OF_DAY = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_MIN_DAYS = 10
_TIMES = [
    ("", ""),
    (r" \d\d:\d\d", " %H:%M"),
    (r" \d\d:\d\d:\d\d", " %H:%M:%S"),
    (r"T\d\d:\d\d", "T%H:%M"),
    (r"T\d\d:\d\d:\d\d", "T%H:%M:%S"),
    (r"T\d\d:\d\d:\d\dZ", "T%H:%M:%SZ"),
    (r" \d\d:\d\d [AP]M", " %I:%M %p"),
    (r" \d\d:\d\d:\d\d [AP]M", " %I:%M:%S %p"),
]
_ISO = r"\d{4}-\d\d-\d\d.*"


class Settled(NamedTuple):
    """How a column is read, the words for its missing values, and why."""

    reading: str
    missing: frozenset[str]
    why: str = ""


def uses_comma(frame: pd.DataFrame) -> bool:
    """Whether numbers certainly have a decimal comma: "1,234" alone may also be 1234."""
    certain = False
    for name in frame:
        values = _known(frame[name].unique(), NA_WORDS)
        values = without_unit(values) if len(values) else values
        certain = certain or (len(values) > 0 and find_form(values, ",") is not None)
        if not len(values) or not _all(values, r"-?\d+(?:[.,]\d+)?"):
            continue
        if _any(values, r".*\.\d+"):
            return False
        certain = certain or _any(values, r".*,(?:\d\d?|\d{4,})|-?0\d*,\d+")
    return certain


def settle(
    values: Any, name: str, wanted: str | None, words: frozenset[str], decimal: str
) -> Settled:
    """Decide how to read a column.

    Parameters
    ----------
    values : array of str
        Distinct values.
    name : str
    wanted : str, optional
        What the user wants it to be: "number", "text", "date", a format of dates, or a reading.
    words : frozenset of str
        Words that stand for a missing value in all columns.
    decimal : str
    """
    known = _known(values, words)
    if not len(known):
        return Settled({None: "empty", "date": "%Y-%m-%d"}.get(wanted, str(wanted)), words)
    if wanted == "text":
        return Settled("text", words, "as asked")
    plain = _known(known, NA_WORDS)
    missing = words | (frozenset(known) & NA_WORDS)
    if wanted is not None:
        return _as_wanted(plain if len(plain) else known, name, wanted, missing, decimal)
    if not len(plain):
        return Settled("text", words)
    reading, why = _recognise(plain, decimal)
    if reading != "text":
        return Settled(reading, missing, why)
    if set(known) <= {"True", "False"} and len(known) == len(values):
        return Settled("flag", words)
    kept = sorted(set(known) & NA_WORDS) or _words_beside_numbers(plain)
    if kept and not why:
        why = f"{kept[0]!r} is a value here; --na-values {kept[0]} makes it missing"
    return Settled("text", words, why)


def _words_beside_numbers(known: Any) -> list[str]:
    """The words in a column of numbers, if there are few: they may stand for a missing value."""
    words = known[~known.str.fullmatch(_NUMBER)]
    return sorted(words) if 3 * len(words) <= len(known) else []


def _as_wanted(
    known: Any, name: str, wanted: str, missing: frozenset[str], decimal: str
) -> Settled:
    form = NumberForm.of(wanted)
    if form is None and wanted == "number":
        form = find_form(known, decimal, certain=False)
    if form is not None or wanted in ("whole", "number", "decimal"):
        point = (form or NumberForm()).plain(known, decimal)
        bad = known[~point.str.fullmatch(_NUMBER)]
        if len(bad):
            raise InputError(
                f"column {name!r} has {bad.iloc[0]!r}, which is not a number. Make it a category, "
                "or say that the word means a missing value (--na-values)."
            )
        if form is not None:
            return Settled(form.reading, missing, "as asked")
        found = _number_reading(point)
        return Settled(found if wanted == "number" else wanted, missing, "as asked")
    if wanted == "flag":
        bad = known[~known.isin(["True", "False"])]
        if len(bad):
            raise InputError(f"column {name!r} has {bad.iloc[0]!r}, which is not True or False.")
        return Settled("flag", missing, "as asked")
    formats = list(_formats(known)) if wanted == "date" else [wanted]
    if len(formats) > 1:
        return Settled("text", missing, _day_or_month(name, formats))
    for text in formats:
        try:
            _dates(known, text)
        except ValueError as error:
            raise InputError(
                f"column {name!r} holds values that are not dates of the form {text!r} ({error}). "
                "Give their form, such as --date COLUMN=%d.%m.%Y."
            ) from error
        return Settled(_padded_as(known, text) if wanted == "date" else text, missing, "as asked")
    raise InputError(
        f"column {name!r} has {known.iloc[0]!r}, which is not a date of a known form. Give the "
        "form, such as --date COLUMN=%d.%m.%Y."
    )


def _recognise(known: Any, decimal: str) -> tuple[str, str]:
    """Return the reading of a column without missing values, and why."""
    form = find_form(known, decimal)
    if form is not None:
        return form.reading, f"numbers as {form.reading}; --category COLUMN keeps them as written"
    if len(known) >= _MIN_DAYS and _all(known, _DIGITS_OF_DAY) and _parses(known, "%Y%m%d"):
        return "%Y%m%d", "days; --number COLUMN reads numbers"
    if _any(known, _CODE) and _all(known, rf"{_CODE}|\d+|{_NUMBER}"):
        return "text", "codes with a leading zero or plus: kept as written"
    point = known.str.replace(decimal, ".", regex=False) if decimal != "." else known
    dotted = decimal != "." and _any(known, r".*\..*")
    if not dotted and _all(point, _NUMBER):
        if _all(known, _WHOLE) and known.str.len().max() > MAX_DIGITS:
            return "text", f"more than {MAX_DIGITS} digits: codes, kept as written"
        return _number_reading(point), ""
    if decimal == "." and _all(known, r"-?\d+(?:,\d+)*"):
        return "text", f"is {known.iloc[0]!r} a number? --decimal , reads the comma as decimal mark"
    formats = list(_formats(known))
    if len(formats) == 1:
        return _padded_as(known, formats[0]), ""
    if not formats and _all(known, r"\d\d?:\d\d(?::\d\d)?"):
        return "text", "times of day: kept as written, as categories"
    if not formats and _all(known, FORMATTED):
        return "text", "numbers with a unit or separator: kept as written, as categories"
    return "text", _day_or_month("COLUMN", formats) if formats else ""


def _day_or_month(name: str, formats: list[str]) -> str:
    return f"day or month first? Say --date {name}={formats[0]} or {formats[1]}"


def _number_reading(point: Any) -> str:
    if _all(point, r"[+-]?\d+"):
        return "whole"
    places = len(point.iloc[0].partition(".")[2])
    if places > 1 and _all(point, rf"[+-]?\d+\.\d{{{places}}}") and _any(point, r".*0"):
        return f"0.{'0' * places}"
    return "decimal" if _any(point, r".*\.0+") else "number"


def is_date(reading: str) -> bool:
    """Whether a reading is a format of dates."""
    return re.search("%[A-Za-z]", reading) is not None


def _is_formatted(reading: str) -> bool:
    """Whether values are dates, or numbers with more than digits."""
    return is_date(reading) or (NumberForm.of(reading) is not None and reading.strip("0.") != "")


def _formats(known: Any) -> Iterator[str]:
    """Formats of dates that all values have."""
    found = False
    for (day, day_format), (time, time_format) in product(_DAYS, _TIMES):
        if _all(known, day + time) and _parses(known, day_format + time_format):
            found = True
            yield day_format + time_format
    if not found and _all(known, _ISO) and _parses(known, "ISO8601"):
        yield "ISO8601"


def _padded_as(known: Any, reading: str) -> str:
    """Return the format with ``%-d`` and ``%-m`` where days and months have no leading zeros."""
    known = known.head(1000)
    dates = _dates(known, reading)
    for day, month in (("%d", "%m"), ("%-d", "%-m"), ("%-d", "%m"), ("%d", "%-m")):
        text = reading.replace("%d", day).replace("%m", month)
        if (_dates_written(dates, text) == known).all():
            return text
    return reading


def _dates(known: Any, reading: str) -> Any:
    return pd.to_datetime(known, format=reading.replace("%-", "%"))


def _dates_written(dates: Any, reading: str) -> Any:
    return dates.dt.strftime(reading.replace("%-", "%#") if os.name == "nt" else reading)


def _parses(known: Any, text: str) -> bool:
    try:
        _dates(known, text)
    except ValueError:
        return False
    return True


def convert(column: "pd.Series[Any]", settled: Settled, decimal: str) -> "pd.Series[Any]":
    """Turn a column of strings into the values that `settled` says."""
    codes, uniques = pd.factorize(column)
    missing = np.array([value.strip() in settled.missing for value in uniques], dtype=bool)
    values = _values(pd.Series(uniques[~missing], dtype="str"), settled.reading, decimal)
    place = np.full(len(uniques), -1)
    place[~missing] = np.arange(len(values))
    rows = place[codes]
    if (rows >= 0).all():
        return values.iloc[rows].reset_index(drop=True)
    if values.dtype == np.int64:
        values = values.astype("Int64")
    return values.reindex(pd.Index(rows).where(rows >= 0, len(values))).reset_index(drop=True)


def _values(known: Any, reading: str, decimal: str) -> "pd.Series[Any]":
    """Distinct values that are there, as numbers, dates, flags or strings."""
    if reading == "empty":
        return pd.Series([], dtype=np.float64)
    if reading == "text":
        return known  # type: ignore[no-any-return]
    known = known.str.strip()
    if reading == "flag":
        return known == "True"  # type: ignore[no-any-return]
    form = NumberForm.of(reading)
    if form is None and reading not in ("whole", "number", "decimal"):
        return pd.Series(_dates(known, reading))
    point = (form or NumberForm()).plain(known, decimal)
    is_whole = reading == "whole" or (form is not None and form.places == 0)
    if is_whole and _all(point, r"[+-]?\d+"):
        return pd.Series(point.to_numpy(dtype=object).astype(np.int64))
    return pd.Series(point.to_numpy(dtype=object).astype(np.float64))


def written(column: "pd.Series[Any]", reading: str, decimal: str, missing: str) -> Any:
    """Turn a column into the form in which it was read; `missing` is the word for no value."""
    form = NumberForm.of(reading)
    if column.dtype.kind == "M" and is_date(reading):
        text: Any = _dates_written(column, reading)
    elif form is not None and column.dtype.kind in "iuf":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan).tolist()
        text = pd.Series([form.written(v, decimal) for v in values], dtype=object)
    elif column.dtype.kind == "f" and (reading != "decimal" or decimal != "."):
        text = pd.Series([repr(float(value)) for value in column], dtype=object)
        if reading != "decimal":
            text = text.str.removesuffix(".0")
        text = text.str.replace(".", decimal, regex=False)
    elif not missing:
        return column
    else:
        text = column.astype(object)
    return text.where(column.notna().to_numpy(dtype=bool), missing)


def as_labels(values: Any, settled: Settled, words: frozenset[str], decimal: str) -> Settled:
    """Read labels as text where numbers or dates would be written in another form.

    Numbers with a fraction are no classes, and two forms of one number are one class.
    """
    why = "labels are kept as written"
    if _is_formatted(settled.reading):
        return Settled("text", words, why)
    if settled.reading not in ("whole", "number", "decimal"):
        return settled
    known = _known(values, settled.missing)
    numbers = convert(known, settled, decimal)
    again = written(numbers, settled.reading, decimal, "").astype(str)
    is_kept = again.tolist() == known.tolist()
    if is_kept or not numbers.is_unique or not (numbers % 1 == 0).all():
        return settled
    return Settled("text", settled.missing, why)


def _known(values: Any, missing: frozenset[str]) -> Any:
    """Values without spaces around them that are not missing, as a Series of str."""
    stripped = pd.Series(values, dtype="str").str.strip()
    return stripped[~stripped.isin([*missing, ""])].reset_index(drop=True)


def _all(values: Any, pattern: str) -> bool:
    """Whether all values match; the first ones settle it for most columns that do not."""
    matches = bool(values.head(1000).str.fullmatch(f"(?:{pattern})").all())
    return matches and bool(values.str.fullmatch(f"(?:{pattern})").all())


def _any(values: Any, pattern: str) -> bool:
    return bool(values.str.fullmatch(f"(?:{pattern})").any())

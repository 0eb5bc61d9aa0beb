"""Columns of strings that are not categories: free text and identifiers.

Both have a different value in nearly every row. As categories they teach a sampler
nothing, and synthetic rows repeat the texts or identifiers of real ones.
"""

import re
from typing import Any

import pandas as pd

__all__ = ["free_text_columns", "identifier_columns"]

#: Fewer known values do not show that values hardly repeat.
MIN_ROWS = 20
#: Least share of distinct values in free text, and in identifiers of a known form.
DISTINCT_SHARE = 0.5
#: Least share of distinct values in codes, whose form alone says little.
UNIQUE_SHARE = 0.95
#: Least median number of words and characters of free text.
MIN_WORDS, MIN_LENGTH = 4, 20
#: Least share of values that have the form of an identifier.
FORM_SHARE = 0.9
#: Distinct values that are looked at.
MAX_VALUES = 1000

#: Characters of scripts without spaces, of which two count as a word.
_NO_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
#: UUIDs, e-mail addresses, web addresses and hashes.
_KNOWN_FORM = re.compile(
    r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?"
    r"|[^@\s]+@[^@\s]+\.[^@\s]+"
    r"|https?://\S+"
    r"|[0-9a-f]{16,}",
    re.IGNORECASE,
)
#: Codes such as "CUST-0017", and telephone numbers: a digit, and no space but in a number.
_CODE = re.compile(r"(?=\S*\d)[^\s]{4,}|\+?[\d\s()/.-]{7,}")
#: Numbers such as postal codes, which identify a row only if none repeats.
_SHORT = re.compile(r"\d{4,6}")
#: Measurements and dates as text, which are no codes.
_MEASURE = re.compile(
    r"[-+]?[^\w\s]?\d{1,3}(?:[.,']\d{3})*(?:[.,]\d+)?\W?"
    r"|[-+]?\d*[.,]\d+(?:e[-+]?\d+|[^\W\d]{1,3})?"
    r"|\d{4}-\d\d?-\d\d?.*|\d\d?[./-]\d\d?[./-]\d{2,4}.*|\d\d?:\d\d.*",
    re.IGNORECASE,
)


def free_text_columns(frame: pd.DataFrame) -> list[Any]:
    """Names of the columns that hold free text, such as comments.

    These have at least 20 known values, at least half of them distinct, with a median of
    at least 4 words and 20 characters. In scripts without spaces, two characters count as
    a word.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    list of column names

    Examples
    --------
    >>> notes = [f"Customer {i} asked for a later delivery." for i in range(20)]
    >>> free_text_columns(pd.DataFrame({"notes": notes, "city": ["Oslo", "Bergen"] * 10}))
    ['notes']
    """
    return [name for name, column in frame.items() if _is_free_text(column)]


def identifier_columns(frame: pd.DataFrame) -> list[Any]:
    """Names of the columns that hold identifiers of single rows.

    These have at least 20 known values. Either at least half of them are distinct, and 90%
    are UUIDs, e-mail addresses, web addresses or hashes; or at least 95% are distinct, and
    90% are codes: at least 4 characters, one of them a digit, without spaces, or telephone
    numbers. Decimal numbers and dates as text are not codes, nor are postal codes: short numbers
    of which some repeat.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    list of column names

    Examples
    --------
    >>> ids = [f"CUST-{i:05d}" for i in range(20)]
    >>> identifier_columns(pd.DataFrame({"id": ids, "zip": ["0150", "9000"] * 10}))
    ['id']
    """
    return [name for name, column in frame.items() if _is_identifier(column)]


def _is_free_text(column: "pd.Series[Any]") -> bool:
    texts, _ = _varied_texts(column)
    if not texts:
        return False
    words = pd.Series([len(t.split()) + len(_NO_SPACES.findall(t)) // 2 for t in texts])
    return bool(words.median() >= MIN_WORDS and pd.Series(texts).str.len().median() >= MIN_LENGTH)


def _is_identifier(column: "pd.Series[Any]") -> bool:
    texts, distinct = _varied_texts(column)
    if not texts:
        return False
    if sum(bool(_KNOWN_FORM.fullmatch(text)) for text in texts) >= FORM_SHARE * len(texts):
        return True
    if distinct < 1 and all(_SHORT.fullmatch(text) for text in texts):
        return False
    codes = sum(bool(_CODE.fullmatch(t)) and not _MEASURE.fullmatch(t) for t in texts)
    return distinct >= UNIQUE_SHARE and codes >= FORM_SHARE * len(texts)


def _varied_texts(column: "pd.Series[Any]") -> tuple[list[str], float]:
    """Distinct strings of a column in which few repeat, and their share; else none."""
    known = column.dropna()
    if len(known) < MIN_ROWS or known.dtype.kind not in "OU":
        return [], 0.0
    try:
        unique = known.unique()
    except TypeError:  # lists and the like have no hash
        return [], 0.0
    share = len(unique) / len(known)
    if share < DISTINCT_SHARE:
        return [], share
    texts = [value.strip() for value in list(unique[:MAX_VALUES]) if isinstance(value, str)]
    return (texts if len(texts) == min(len(unique), MAX_VALUES) else []), share

"""Numbers as files write them: with a currency or a unit, marks of thousands, or a plus sign.

A form is written like a number format of a spreadsheet: "$#,0.00" for "$1,234.50", "0%" for "53%",
"#.0.00 €" for "1.234,50 €" in a file whose decimal mark is a comma.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["FORMATTED", "NumberForm", "find_form", "without_unit"]

_CURRENCY = "[$€£¥₹₽₩₺]"
#: Spaces that keep the parts of a number on one line. pandas gives patterns to RE2, where \s is not
#: these and \u is an error.
_HARD_SPACES = "\u00a0\u202f"
_SPACE = rf"[\s{_HARD_SPACES}]"
_PREFIX = rf"{_CURRENCY}{_SPACE}?|[A-Z]{{3}}{_SPACE}"
_SUFFIX = (
    rf"{_SPACE}?(?:{_CURRENCY}|[%‰]|°[CF]?|kr|[kmc]?g|lbs?|oz|[kmc]?m|mi|ft|m?l|min|m?s|hrs?|h|years?"
    r"|days?|k?Wh?|[kM]?Hz|[kKMGT]B)"
    rf"|{_SPACE}[A-Z]{{3}}"
)
_PARTS = (
    rf"(?P<sign>[+-]?)(?P<prefix>{_PREFIX})?(?P<number>\d(?:[\d.,'’ {_HARD_SPACES}]*\d)?)"
    rf"(?P<suffix>{_SUFFIX})?"
)
#: Numbers with a currency, a separator of thousands, or a unit, in more ways than are kept.
FORMATTED = (
    rf"[-+]?[^\w\s]?{_SPACE}?[-+]?\d[\d.,'’ {_HARD_SPACES}]*"
    rf"{_SPACE}?(?:[^\w\s]|[^\W\d]{{1,3}})?"
)
_READING = re.compile(
    r"(?P<plus>\+?)(?P<prefix>[^\d#+]*)(?:#(?P<mark>\D))?0(?:\.(?P<places>0+|#))?"
    r"(?P<suffix>[^\d#]*)"
)
#: Marks of thousands. Spaces and apostrophes also separate the parts of codes.
_MARKS: tuple[str, ...] = (",", ".", "'", "’", " ", *_HARD_SPACES)
#: Numbers with more digits are codes: floats do not tell them apart.
_MAX_DIGITS = 15


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Attributes
    ----------
    prefix, suffix : str
        Currency or unit.
    mark : str
        What separates thousands, if anything does.
    places : int or None
        Number of decimals; None if it varies.
    plus : bool
        Whether positive numbers have a sign.

    Examples
    --------
    >>> form = NumberForm.of("$#,0.00")
    >>> form.written(-1234.5, ".")
    '-$1,234.50'
    """

    prefix: str = ""
    suffix: str = ""
    mark: str = ""
    places: int | None = 0
    plus: bool = False

    @classmethod
    def of(cls, reading: str) -> Self | None:
        """Return the form that a reading names; None for other readings."""
        found = _READING.fullmatch(reading)
        if found is None:
            return None
        places = found["places"] or ""
        return cls(
            found["prefix"],
            found["suffix"],
            found["mark"] or "",
            None if places == "#" else len(places),
            bool(found["plus"]),
        )

    @property
    def reading(self) -> str:
        """The form in writing."""
        mark = self.mark and f"#{self.mark}"
        decimals = ".#" if self.places is None else "." * bool(self.places) + "0" * self.places
        return f"{'+' * self.plus}{self.prefix}{mark}0{decimals}{self.suffix}"

    def plain(self, known: Any, decimal: str) -> Any:
        """Strings without unit, marks of thousands and plus signs, with a decimal point."""
        found = known.str.removesuffix(self.suffix) if self.suffix else known
        if self.prefix:
            pattern = rf"^([+-]?){re.escape(self.prefix)}"
            found = found.str.replace(pattern, r"\1", regex=True)
        if self.mark:
            found = found.str.replace(self.mark, "", regex=False)
        return found.str.replace(decimal, ".", regex=False).str.removeprefix("+")

    def written(self, value: float, decimal: str) -> str:
        """Return a number in this form; all decimals of one that has more than usual."""
        size = abs(value)
        digits = f"{size:.{self.places or 0}f}"
        if float(digits) != size:
            digits = repr(float(size))
        whole, point, rest = digits.partition(".")
        if self.mark and whole.isdigit():
            whole = f"{int(whole):,}".replace(",", self.mark)
        sign = "-" if value < 0 else "+" if self.plus and value > 0 else ""
        return f"{sign}{self.prefix}{whole}{decimal if point else ''}{rest}{self.suffix}"


def find_form(known: Any, decimal: str, *, certain: bool = True) -> NumberForm | None:
    """Return the form that all numbers have; None for plain numbers, and for other strings.

    Parameters
    ----------
    known : Series of str
    decimal : str
    certain : bool
        Refuse forms that codes may have, and "1,234", which has a decimal comma elsewhere.
    """
    if not known.head(100).str.fullmatch(_PARTS).all() or not known.str.fullmatch(_PARTS).all():
        return None
    parts = known.str.extract(f"^{_PARTS}$").fillna("")
    prefixes, suffixes = parts["prefix"].unique(), parts["suffix"].unique()
    if len(prefixes) > 1 or len(suffixes) > 1:
        return None
    number, sign = parts["number"], parts["sign"]
    mark = _mark(number, decimal)
    if mark is None or number.str.count(r"\d").max() > _MAX_DIGITS:
        return None
    decimals = number.str.extract(rf"{re.escape(decimal)}(\d+)$")[0].str.len().fillna(0)
    plus = bool((sign == "+").any())
    if plus and (not (sign == "-").any() or (sign == "")[number.str.contains("[1-9]")].any()):
        return None
    places = int(decimals.iloc[0]) if decimals.nunique() == 1 else None
    form = NumberForm(prefixes[0], suffixes[0], mark, places, plus)
    has_money = bool(re.search(_CURRENCY, form.prefix + form.suffix))
    if certain and mark and not has_money and not (decimals.any() or _is_grouped(number, mark)):
        return None
    return form if form.prefix or form.suffix or mark or plus else None


def without_unit(known: Any) -> Any:
    """Strings without a currency or unit, if all are numbers."""
    if not known.head(100).str.fullmatch(_PARTS).all():
        return known
    parts = known.str.extract(f"^{_PARTS}$")
    return known if parts["number"].isna().any() else parts["number"]


def _mark(number: Any, decimal: str) -> str | None:
    """What separates thousands in all numbers; "" if nothing does, and None for codes."""
    rest = rf"(?:{re.escape(decimal)}\d+)?"
    if number.str.fullmatch(rf"(?:0|[1-9]\d*){rest}").all():
        return ""
    for mark in _MARKS:
        grouped = rf"(?:0|[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})*){rest}"
        if mark != decimal and number.str.fullmatch(grouped).all():
            return mark
    return None


def _is_grouped(number: Any, mark: str) -> bool:
    """Whether a mark surely separates thousands."""
    if mark in ",.":
        return bool(number.str.count(re.escape(mark)).max() > 1)
    return bool(number.str.split(mark, regex=False).str[0].str.len().nunique() > 1)

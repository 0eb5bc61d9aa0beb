"""Numbers, settings and names of arms as text."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup, escape

__all__ = ["as_number", "as_words", "breakable"]


def as_words(value: Any, pair: str = ": ", separator: str = "; ") -> str:
    """Return settings as text; those that are None are left out."""
    if isinstance(value, Mapping):
        known = {name: item for name, item in value.items() if item is not None}
        return separator.join(
            f"{name}{pair}{as_words(item, '=', ', ')}" for name, item in known.items()
        )
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def as_number(value: Any, digits: int = 2, scale: float = 1, sign: bool = False) -> str:
    """Return a number with so many digits, or a dash if it is missing or not finite."""
    if value is None or not np.isfinite(value):
        return "–"
    if not sign:  # a difference may be -0.00, and a figure is 0.00 then
        return f"{round(float(value) * scale, digits) + 0.0:.{digits}f}"
    return f"{float(value) * scale:+.{digits}f}"


def breakable(text: Any) -> Markup:
    """Escape text, and allow line breaks between the steps and options of an arm."""
    parts = re.split(r"(?<=\w[+:=@])(?=[^\W\d])", str(text))
    return Markup("<wbr>").join(escape(part) for part in parts)

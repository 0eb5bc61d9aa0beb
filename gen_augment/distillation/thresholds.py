"""Thresholds of trees as text, short but true.

scikit-learn rounds numbers to 32 bits before it compares them with a threshold, which lies
between two training values. A shorter decimal can divide the rows in the same way.
"""

import numpy as np

__all__ = ["MAX_DECIMALS", "as_date", "as_decimal", "decimals_of"]

#: Columns with more decimal places count as continuous.
MAX_DECIMALS = 4


def decimals_of(values: np.ndarray) -> int | None:
    """Return the decimal places of numbers, or None if they have more than `MAX_DECIMALS`.

    Examples
    --------
    >>> decimals_of(np.array([2009.0, np.nan])), decimals_of(np.array([0.2, 1.25]))
    (0, 2)
    """
    known = values[~np.isnan(values)]
    return next((n for n in range(MAX_DECIMALS + 1) if (known.round(n) == known).all()), None)


def as_decimal(threshold: float, decimals: int | None = None) -> str:
    """Return a short decimal that divides numbers as a threshold does.

    Parameters
    ----------
    threshold : float
    decimals : int, optional
        Decimal places of the numbers. By default as many as divide all numbers of 32 bits.

    Examples
    --------
    >>> as_decimal(2009.5, decimals=0), as_decimal(2009.5), as_decimal(0.800000011920929)
    ('2009', '2009.5', '0.8')
    """
    low, last = _bounds(threshold)
    if decimals is not None:
        last = np.floor(last * 10**decimals) / 10**decimals
        return np.format_float_positional(last, decimals, unique=False, trim="-")
    # Two places at least: rules are then true of amounts such as 999999.52, which 32 bits round.
    for places in range(2, 20):
        text = np.format_float_positional(last, places, unique=False, trim="-")
        if np.float32(float(text)) == low:
            return text
    return repr(threshold)


def as_date(days: float, decimals: int | None = None) -> str:
    """Return the date of a threshold in days since 1970, with the time if rows have one.

    Examples
    --------
    >>> as_date(18690.5, decimals=0), as_date(18690.5)
    ('2021-03-04', '2021-03-04 12:00:00')
    """
    low, last = _bounds(days)
    for step in (86400, 3600, 1):
        seconds = int(np.floor(last * 86400 / step)) * step
        if decimals == 0 or np.float32(seconds / 86400) == low:
            break
    return str(np.datetime64(seconds, "s")).replace("T", " ").removesuffix(" 00:00:00")


def _bounds(threshold: float) -> tuple[np.float32, float]:
    """Return the largest number of 32 bits up to a threshold, and the last that is rounded to it.

    A number is at most the threshold, once rounded, if and only if it is at most the latter.
    """
    low = np.float32(threshold)
    if float(low) > threshold:  # NumPy would round the threshold to 32 bits
        low = np.nextafter(low, np.float32(-np.inf))
    last = (float(low) + float(np.nextafter(low, np.float32(np.inf)))) / 2
    return low, last if np.float32(last) == low else float(np.nextafter(last, -np.inf))

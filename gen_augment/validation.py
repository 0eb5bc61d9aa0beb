"""Validation of user input.

Each failed check raises an `InputError` that names the value and the remedy.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from gen_augment.errors import InputError

__all__ = [
    "check_all_labelled",
    "check_choice",
    "check_class_counts",
    "check_finite",
    "check_index",
    "check_instance",
    "check_positive_int",
    "check_range",
    "check_same_length",
]


def check_positive_int(name: str, value: Any) -> int:
    """Return `value` as an int; raise if it is not an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name}={value!r} is not a whole number of at least 1.")
    return int(value)


def check_instance(name: str, value: Any) -> None:
    """Raise if `value` is a class and not an instance of one."""
    if isinstance(value, type):
        raise InputError(
            f"{name} holds the class {value.__name__}: give an instance, {value.__name__}(...)."
        )


def check_range(
    name: str,
    value: Any,
    low: float,
    high: float = float("inf"),
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a float; raise if it lies outside the interval.

    The interval is [low, high]. `open_low` and `open_high` exclude an end.

    Examples
    --------
    >>> check_range("p", 1, 0, 1)
    1.0
    >>> check_range("p", 1, 0, 1, open_high=True)
    Traceback (most recent call last):
    gen_augment.errors.InputError: p=1 is not a number in [0, 1).
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    if number and isinstance(value, int) and abs(value) > sys.float_info.max:
        raise InputError(f"{name} is a whole number of {value.bit_length()} bits: give a float.")
    if (
        number
        and (low < value if open_low else low <= value)
        and (value < high if open_high else value <= high)
    ):
        return float(value)
    interval = f"{'(' if open_low else '['}{low}, {high}{')' if open_high else ']'}"
    raise InputError(f"{name}={value!r} is not a number in {interval}.")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise if `value` is not one of `choices`."""
    if value not in choices:
        raise InputError(f"{name}={value!r} is not one of {', '.join(map(repr, choices))}.")


def check_same_length(n_rows: int, n_labels: int) -> None:
    """Raise if the number of labels differs from the number of rows."""
    if n_rows != n_labels:
        raise InputError(
            f"X has {n_rows} rows and y has {n_labels} labels: give one label for each row."
        )


def check_finite(values: np.ndarray, what: str = "X") -> None:
    """Raise if any value is NaN or infinite; the message names the first such row."""
    if values.size and np.issubdtype(values.dtype, np.floating):
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            bad = "NaN" if np.isnan(values[row]).any() else "infinity"
            raise InputError(
                f"{what} contains {bad} (first in row {row}; {int((~finite).sum())} of "
                f"{len(values)} rows): impute the values or drop those rows."
            )


def check_all_labelled(codes: np.ndarray) -> None:
    """Raise if a class number is negative, which marks a row without a label."""
    if (codes < 0).any():
        raise InputError(
            "y contains -1, which marks rows without a label. Drop those rows, or rename the class "
            "if -1 is one."
        )


def check_class_counts(
    classes: np.ndarray, counts: np.ndarray, minimum: int, method: str, what: str = "rows"
) -> None:
    """Raise if y has fewer than two classes, or a class fewer than `minimum` rows.

    The message names `method` and `what` was counted: "rows" or "groups".
    """
    if len(classes) < 2:
        raise InputError(
            f"y holds only one class, {classes.tolist()[0]!r}: {method} needs at least 2 classes. "
            "Add rows of another class."
        )
    short = counts < minimum
    if short.any():
        named = ", ".join(
            f"{c!r}: {n}"
            for c, n in zip(classes[short].tolist(), counts[short].tolist(), strict=True)
        )
        raise InputError(
            f"{method} needs at least {minimum} {what} in every class, but y has fewer for "
            f"{{{named}}}: add {what}, merge these classes into others, or drop them."
        )


def check_index(index: Any) -> np.ndarray:
    """Return row numbers as an int64 array of shape (n,); raise if they are invalid."""
    try:
        array = np.asarray(index)
    except ValueError as error:  # ragged
        raise InputError(f"index must be a sequence of whole numbers: {error}") from error
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise InputError(
            f"index must be a sequence of whole numbers, got {type(index).__name__} of shape "
            f"{array.shape}."
        )
    if array.size and not 0 <= array.min() <= array.max() < 2**63:
        raise InputError(
            f"index holds {array.min()} to {array.max()}: row numbers range from 0 to 2**63 - 1."
        )
    return array.astype(np.int64)

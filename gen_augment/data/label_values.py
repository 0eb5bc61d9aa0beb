"""Labels as arrays that NumPy holds without changing them."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import torch

from gen_augment.errors import InputError
from gen_augment.validation import check_finite

__all__ = ["check_labels", "plain_label", "read_labels"]

_KINDS = "biufU"


def read_labels(y: Any) -> np.ndarray:
    """Labels as an array of numbers, bools or strings, if they can be.

    Members of a ``str`` or ``int`` Enum become their values.

    Raises
    ------
    InputError
        Labels are missing, of several types, or would change in an array.
    """
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu()
        return np.asarray((y.float() if y.dtype == torch.bfloat16 else y).numpy())
    if isinstance(y, Enum):
        return np.asarray(plain_label(y))
    if not isinstance(y, (list, tuple)):
        values = _as_array(y)
        if values.dtype != object or not values.ndim:
            return values
        _check_one_type(values.ravel())
        y = values.tolist()
    labels = [plain_label(label) for label in y]
    _check_one_type(labels)
    values = _as_array(labels)
    if values.ndim == 1:
        _check_unchanged(labels, values)
    return values


def plain_label(label: Any) -> Any:
    """The value of a member of a ``str`` or ``int`` Enum; other labels as they are."""
    if not isinstance(label, Enum):
        return label
    if not isinstance(label, (str, int)):
        raise InputError(
            f"y holds {label!r}, an Enum member that an archive cannot hold: fit with "
            "[label.value for label in y], or derive the Enum from str or int."
        )
    return str.__str__(label) if isinstance(label, str) else int(label)


def _as_array(y: Any) -> np.ndarray:
    try:
        return np.asarray(y)
    except ValueError as error:  # ragged
        raise InputError(f"y cannot be read as one class label a row: {error}") from error


def _check_one_type(labels: Iterable[Any]) -> None:
    """Raise for a missing label, and for a mix of strings, bools and numbers.

    NumPy would convert a mix to one type.
    """
    first: dict[str, tuple[int, Any]] = {}
    for row, label in enumerate(labels):
        is_nan = isinstance(label, float) and label != label
        if label is None or label is pd.NA or label is pd.NaT or is_nan:
            raise InputError(
                f"y has no label in row {row}, but {label!r}: label that row, or leave it out."
            )
        kind = "number"
        if isinstance(label, (str, bool, np.bool_)):
            kind = "string" if isinstance(label, str) else "bool"
        first.setdefault(kind, (row, label))
    if len(first) > 1:
        found = " and ".join(f"{label!r} (row {row})" for row, label in first.values())
        raise InputError(
            f"y holds labels of different types, such as {found}: convert them to one type."
        )


def check_labels(values: np.ndarray) -> None:
    """Raise for values that are not numbers, booleans or strings, or not whole."""
    if not len(values):
        raise InputError("y is empty.")
    if values.dtype.kind not in _KINDS:
        raise InputError(f"labels of dtype {values.dtype} are not numbers, booleans or strings.")
    check_finite(values, "y")
    if values.dtype.kind == "f" and (values % 1).any():
        row = int(np.argmax(values % 1 != 0))
        raise InputError(
            f"row {row} has {values[row]}: labels are classes, not measurements. Bin or round them."
        )


def _check_unchanged(labels: list[Any], values: np.ndarray) -> None:
    """Raise for labels that NumPy changes, such as strings that end in NUL."""
    for row, (label, value) in enumerate(zip(labels, values.tolist(), strict=True)):
        if label != value:
            raise InputError(
                f"label {label!r} in row {row} of y would become {value!r} in an array: convert "
                "the labels to strings without NUL at the end, or to integers of 64 bits."
            )

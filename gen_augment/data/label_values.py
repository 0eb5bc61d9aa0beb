"""Labels as arrays that NumPy holds without changing them."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from gen_augment.containers import library_of
from gen_augment.errors import InputError
from gen_augment.validation import check_finite

__all__ = [
    "as_objects",
    "check_labels",
    "distinct_labels",
    "members_of",
    "plain_label",
    "read_container",
    "read_labels",
]

_KINDS = "biufU"
#: Categories that are read as strings.
_AS_STRING = (pd.Interval, pd.Timestamp, pd.Timedelta, pd.Period)


def read_container(y: Any) -> Any:
    """Labels of any library as an ndarray, Tensor, Series or list; others as they are.

    A table of one column, an Index, an array of pandas and columns of polars and pyarrow become a
    Series, which keeps their dtype.

    Raises
    ------
    InputError
        A masked array has no value in a row.
    """
    if isinstance(y, (np.ma.MaskedArray, torch.Tensor, np.ndarray, pd.Series, list)):
        return _unmasked(y) if isinstance(y, np.ma.MaskedArray) else y
    y = y.to_pandas() if isinstance(y, pa.Table) else y
    if library_of(y) in ("polars", "pyarrow") and hasattr(y, "to_pandas"):
        series = y.to_pandas()
        is_enum = type(y.dtype).__name__ == "Enum" if library_of(y) == "polars" else False
        return series.cat.as_ordered() if is_enum else series
    if isinstance(y, pd.DataFrame):
        return y.iloc[:, 0] if y.shape[1] == 1 else y
    if isinstance(y, (pd.Index, pd.api.extensions.ExtensionArray)):
        return pd.Series(y, name=getattr(y, "name", None))
    # An array on disk can only be indexed in ascending order.
    on_disk = all(hasattr(y, name) for name in ("__array__", "shape", "dtype")) and np.shape(y)
    return np.asarray(y) if on_disk else y


def _unmasked(y: "np.ma.MaskedArray[Any, Any]") -> np.ndarray:
    missing = np.ma.getmaskarray(y).reshape(len(y), -1).any(axis=1)
    if missing.any():
        raise _no_label(int(np.argmax(missing)), "a masked value")
    return np.asarray(y.data)


def read_labels(y: Any) -> np.ndarray:
    """Labels as an array of numbers, bools or strings, if they can be.

    Members of a ``str`` or ``int`` Enum become their values; intervals, dates and periods of a
    category become strings.

    Raises
    ------
    InputError
        Labels are missing, of several types, or would change in an array.
    """
    y = read_container(y)
    few = _factorized(y)
    if few is not None:
        places, distinct = few
        try:
            found: np.ndarray = _read(distinct)[places]
            return found
        except InputError:
            pass  # raised again below, with the row of `y`
    return _read(y)


def _factorized(y: Any) -> tuple[np.ndarray, Any] | None:
    """The place of each row's label and the distinct labels, of strings and categories."""
    if isinstance(y, pd.Series) and isinstance(y.dtype, (pd.CategoricalDtype, pd.StringDtype)):
        places, distinct = pd.factorize(y)
        return (places, pd.Series(distinct)) if (places >= 0).all() and len(y) else None
    is_array = isinstance(getattr(y, "dtype", None), np.dtype) and y.dtype.kind == "O"
    if not (isinstance(y, list) or (is_array and y.ndim == 1)):
        return None
    if pd.api.types.infer_dtype(y, skipna=False) != "string":
        return None
    labels = np.asarray(y, dtype=object)
    # Up to pandas 3.0, a string ends at its first NUL.
    return None if "\0" in "".join(labels) else pd.factorize(labels)


def _read(y: Any) -> np.ndarray:
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu()
        narrow = y.is_floating_point() and y.dtype.itemsize < 4  # NumPy has only some of these
        return np.asarray((y.float() if narrow else y).numpy())
    if isinstance(y, (Enum, *_AS_STRING)):
        return np.asarray(plain_label(y))
    if (
        isinstance(getattr(y, "dtype", None), pd.CategoricalDtype)
        and y.dtype.categories.dtype.kind in "mM"
    ):
        y = y.astype(object)
    if not isinstance(y, (list, tuple)):
        values = _as_array(y)
        if values.dtype.kind == "S":
            return _decoded(values)
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


def distinct_labels(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that occur, as `read_labels` does, and the place of each row's among them.

    Raises
    ------
    InputError
        As in `read_labels` and `check_labels`.
    """
    values = read_labels(y)
    check_labels(values)
    found, places = np.unique(values, return_inverse=True)
    return found, places


def plain_label(label: Any) -> Any:
    """The value of an Enum member, the string of an interval or date; others as they are."""
    if isinstance(label, _AS_STRING):
        return str(label)
    if isinstance(label, torch.Tensor):
        return label.item() if label.ndim == 0 else label
    if not isinstance(label, Enum):
        return label
    if not isinstance(label, (str, int)):
        raise InputError(
            f"y holds {label!r}, an Enum member that an archive cannot hold: fit with "
            "[label.value for label in y], or derive the Enum from str or int."
        )
    return str.__str__(label) if isinstance(label, str) else int(label)


def _decoded(values: np.ndarray) -> np.ndarray:
    try:
        return np.char.decode(values, "ascii")
    except UnicodeDecodeError as error:
        raise InputError(f"y holds bytes beyond ASCII ({error}): decode them first.") from error


def members_of(classes: np.ndarray, y: Any) -> tuple[Any, ...] | None:
    """The labels of the user that the classes stand for; None if those are the classes."""
    dtype: Any = getattr(y, "dtype", np.dtype(object))
    if isinstance(y, torch.Tensor) or dtype.kind not in "OmM":
        return None
    if isinstance(dtype, pd.StringDtype):
        return None
    given = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else y
    given = given.ravel() if isinstance(given, np.ndarray) else given
    found = [label for label in dict.fromkeys(given) if isinstance(label, (Enum, *_AS_STRING))]
    by_value = {plain_label(label): label for label in found}
    members = tuple(by_value.get(value) for value in classes.tolist())
    return None if None in members else members


def as_objects(values: tuple[Any, ...]) -> np.ndarray:
    """Return an array of objects, whatever these are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _as_array(y: Any) -> np.ndarray:
    try:
        values = np.asarray(y)
    except (ValueError, TypeError, NotImplementedError) as error:  # ragged, or pandas cannot
        raise InputError(f"y cannot be read as one class label a row: {error}") from error
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:  # labels are whole numbers
        return values.astype(np.float64)
    return values.astype(object) if values.dtype.kind == "T" else values


def _check_one_type(labels: Iterable[Any]) -> None:
    """Raise for a missing label, and for a mix of strings, bools and numbers.

    NumPy would convert a mix to one type.
    """
    first: dict[str, tuple[int, Any]] = {}
    for row, label in enumerate(labels):
        is_nan = isinstance(label, float) and label != label
        if label is None or label is pd.NA or label is pd.NaT or is_nan:
            raise _no_label(row, repr(label))
        kind = "number"
        if isinstance(label, (str, bool, np.bool_)):
            kind = "string" if isinstance(label, str) else "bool"
        first.setdefault(kind, (row, label))
    if len(first) > 1:
        found = " and ".join(f"{label!r} (row {row})" for row, label in first.values())
        raise InputError(
            f"y holds labels of different types, such as {found}: convert them to one type."
        )


def _no_label(row: int, found: str) -> InputError:
    return InputError(f"y has no label in row {row}, but {found}: label that row, or leave it out.")


def check_labels(values: np.ndarray) -> None:
    """Raise for values that are not numbers, booleans or strings, or not whole."""
    if not len(values):
        raise InputError("y is empty.")
    if values.dtype.kind == "S":
        raise InputError(f"labels are bytes, such as {values[0]!r}: give [b.decode() for b in y].")
    if values.dtype.kind not in _KINDS:
        raise InputError(
            f"labels such as {values[0]!r}, of dtype {values.dtype}, are not numbers, booleans or "
            "strings: convert them to strings, such as [str(label) for label in y]."
        )
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

"""Labels of any kind to class numbers and back."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import column_or_1d

from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import dtype_from_json, dtype_to_json
from gen_augment.types import JSON
from gen_augment.validation import check_choice, check_finite, check_same_length

__all__ = ["LabelCodec"]

_KINDS = "biufU"


@dataclass(frozen=True)
class LabelCodec:
    """Class labels and the container they came in.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels, with the dtype they came in.
    container : {"ndarray", "tensor", "series", "list"}
    dtype : str or dict
        Of the container: numpy's or torch's name, or what `dtype_to_json` makes of pandas'.
    name : str, int or None
        Of the Series.
    categories : list or None
        Of a categorical Series, in its own order.
    categories_dtype : str, dict or None
        Of those categories.
    ordered : bool
        Whether those categories are ordered.
    """

    classes: np.ndarray
    container: str
    dtype: Any
    name: str | int | None = None
    categories: list[Any] | None = None
    categories_dtype: Any = None
    ordered: bool = False

    @classmethod
    def fit(cls, y: Any, *, partial: bool = False) -> tuple[Self, np.ndarray]:
        """Learn the classes of `y`; return the codec and the class number of each row.

        With `partial`, the label -1 beside two or more classes from 0 up marks a row without a label, as in
        scikit-learn's semi-supervised estimators; its class number is -1.
        """
        values = _values(y)
        try:
            values = column_or_1d(values, warn=True)
            _check_labels(values)
        except (ValueError, TypeError) as error:
            raise InputError(f"y cannot be read as one class label a row: {error}") from error
        classes, codes = np.unique(values, return_inverse=True)
        if partial and _has_unlabelled(classes):
            classes, codes = classes[1:], codes - 1
        if isinstance(y, torch.Tensor):
            return cls(classes, "tensor", str(y.dtype).removeprefix("torch.")), codes
        if isinstance(y, pd.Series):
            return cls._of_series(classes, y), codes
        if isinstance(y, np.ndarray):
            return cls(classes, "ndarray", y.dtype.str), codes
        return cls(classes, "list", ""), codes

    def extend(self, y: Any) -> tuple[Self, np.ndarray]:
        """Add the classes of `y` to the known ones; return that codec and the class number of each row of `y`.

        The label -1 marks a row without a label, unless it is a known class. Where the dtype of the known ones has no
        room for those of `y`, such as int8 for 300, labels get the dtype of `y`.
        """
        other, codes = type(self).fit(y)
        if (self.classes.dtype.kind == "U") != (other.classes.dtype.kind == "U"):
            raise InputError(
                f"y holds {other.classes.tolist()[:5]!r}, and the known labels are {self.classes.tolist()[:5]!r}: give "
                "labels of the same type."
            )
        new = other.classes
        unlabelled = (
            (new == -1) & (-1 not in self.classes)
            if new.dtype.kind in "if"
            else np.zeros(len(new), bool)
        )
        changes: dict[str, Any] = {"classes": np.union1d(self.classes, new[~unlabelled])}
        if self.container == "ndarray" and self.dtype != "|O":
            changes["dtype"] = changes[
                "classes"
            ].dtype.str  # room for longer names and larger numbers
        if self.categories is not None:
            changes["categories"] = [
                *self.categories,
                *(c for c in new.tolist() if c not in self.categories),
            ]
        codec = replace(self, **changes)._with_room(self, other)
        numbers = np.full(len(new), -1)
        numbers[~unlabelled] = codec.encode(new[~unlabelled])
        return codec, numbers[codes]

    def _with_room(self, known: Self, other: Self) -> Self:
        """Itself if its dtype holds all classes, or with the dtype of `other`; raises where neither holds them."""
        if self._gives_back_all():
            return self
        dtype = self.classes.dtype.name
        if other.container == self.container:
            dtype = other.dtype if other.categories is None else other.categories_dtype
        wider = (
            replace(self, dtype=dtype)
            if self.categories is None
            else replace(self, categories_dtype=dtype)
        )
        if _kind(known.classes) != _kind(other.classes) or not wider._gives_back_all():
            raise InputError(
                f"y holds {other.classes.tolist()[:5]!r}, and the known labels are {known.classes.tolist()[:5]!r} of "
                f"{known.dtype if known.categories is None else known.categories_dtype}, which cannot hold both: give "
                "labels of a dtype that holds all of them."
            )
        return wider

    def _gives_back_all(self) -> bool:
        """Whether the container's dtype holds every class."""
        try:
            back = _values(self.decode(np.arange(len(self.classes))))
        except (OverflowError, TypeError, ValueError):
            return False
        return np.array_equal(back, self.classes)

    @classmethod
    def _of_series(cls, classes: np.ndarray, y: "pd.Series[Any]") -> Self:
        name = int(y.name) if isinstance(y.name, np.integer) else y.name
        name = name if isinstance(name, (str, int)) else None
        if not isinstance(y.dtype, pd.CategoricalDtype):
            return cls(classes, "series", _written(y.dtype), name)
        values, dtype = y.cat.categories.tolist(), _written(y.cat.categories.dtype)
        return cls(classes, "series", "category", name, values, dtype, bool(y.cat.ordered))

    def encode(self, y: Any) -> np.ndarray:
        """Class numbers, ndarray of shape (n,), int64; an unknown label raises."""
        values = _values(y)
        if values.ndim > 1:
            raise InputError(
                f"labels of shape {values.shape}: give one label, or one for each row."
            )
        try:
            position = np.searchsorted(self.classes, values)
            position = np.minimum(position, len(self.classes) - 1)
            unknown = self.classes[position] != values
        except TypeError:
            position, unknown = np.zeros(values.shape, int), np.ones(values.shape, bool)
        if np.any(unknown):
            label = np.atleast_1d(values)[np.atleast_1d(unknown)].tolist()[0]
            raise InputError(
                f"label {label!r} was not seen in fit; known labels: {self.classes.tolist()!r}."
            )
        return position.astype(np.int64)

    def encode_rows(self, y: Any, n: int) -> np.ndarray:
        """Class numbers of `n` rows, from one label for all of them or one for each."""
        codes = self.encode(y)
        if codes.ndim == 0:
            return np.full(n, codes)
        check_same_length(n, len(codes))
        return codes

    def decode(self, codes: np.ndarray) -> Any:
        """Labels of class numbers, in the container that `fit` was given."""
        labels = self.classes[codes]
        if self.container == "tensor":
            return torch.from_numpy(labels.copy()).to(getattr(torch, self.dtype))
        if self.container == "series":
            if self.dtype != "category":
                return pd.Series(labels, name=self.name, dtype=dtype_from_json(self.dtype))
            categories: Any = pd.Index(
                self.categories or [], dtype=dtype_from_json(self.categories_dtype)
            )
            return pd.Series(
                labels, name=self.name, dtype=pd.CategoricalDtype(categories, self.ordered)
            )
        return labels.tolist() if self.container == "list" else labels.astype(self.dtype)

    def to_json(self) -> JSON:
        """All of it as JSON values."""
        return {
            "classes": self.classes.tolist(),
            "classes_dtype": "object" if self.classes.dtype == object else self.classes.dtype.str,
            "container": self.container,
            "dtype": self.dtype,
            "name": self.name,
            "categories": self.categories,
            "categories_dtype": self.categories_dtype,
            "ordered": self.ordered,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        fields = {**record}
        classes = np.array(fields.pop("classes"), dtype=np.dtype(fields.pop("classes_dtype")))
        codec = cls(classes, **fields)
        check_choice("container", codec.container, ("ndarray", "tensor", "series", "list"))
        _check_labels(classes)
        if classes.ndim != 1 or (classes[:-1] >= classes[1:]).any():
            raise InputError("the classes are not sorted labels.")
        codec.decode(
            np.arange(len(classes))
        )  # raises for a dtype or categories that do not go with the classes
        return codec


def _written(dtype: Any) -> Any:
    """A dtype of pandas as a JSON value."""
    try:
        return dtype_to_json(dtype)
    except InputError as error:
        raise InputError(
            f"y {error}, which an archive cannot hold: make it numbers or strings."
        ) from error


def _kind(classes: np.ndarray) -> str:
    """What labels are: "b", "i", "f" or "U"."""
    return classes.dtype.kind.replace("u", "i")


def _has_unlabelled(classes: np.ndarray) -> bool:
    """Whether -1, the lowest of these labels, marks rows without one: -1 and 1 alone are two classes."""
    if classes.dtype.kind not in "if" or len(classes) < 3 or classes[0] != -1:
        return False
    if classes.tolist() == [-1, 0, 1]:
        warnings.warn(
            "y holds -1, 0 and 1: rows with -1 are taken to have no label. If -1 is a class of yours, give it another "
            "number or a name.",
            stacklevel=4,
        )
    return True


def _values(y: Any) -> np.ndarray:
    """Labels as an array of numbers, bools or strings, as far as they are that."""
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu()
        y = (y.float() if y.dtype == torch.bfloat16 else y).numpy()
    if isinstance(y, (list, tuple)):
        _check_one_type(y)
    values = _as_array(y)
    if values.dtype == object and values.ndim:
        _check_one_type(values.ravel())
        values = _as_array(values.tolist())
    return values


def _as_array(y: Any) -> np.ndarray:
    try:
        return np.asarray(y)
    except ValueError as error:  # ragged
        raise InputError(f"y cannot be read as one class label a row: {error}") from error


def _check_one_type(labels: Iterable[Any]) -> None:
    """Raise for a missing label, and for strings, bools and numbers side by side: NumPy would make them one."""
    first: dict[str, tuple[int, Any]] = {}
    for row, label in enumerate(labels):
        if (
            label is None
            or label is pd.NA
            or label is pd.NaT
            or (isinstance(label, float) and label != label)
        ):
            raise InputError(
                f"y has no label in row {row}, but {label!r}: label that row, or leave it out."
            )
        kind = "number"
        if isinstance(label, (str, bool, np.bool_)):
            kind = "string" if isinstance(label, str) else "bool"
        first.setdefault(kind, (row, label))
    if len(first) > 1:
        found = " and ".join(f"{label!r} (row {row})" for row, label in first.values())
        raise InputError(f"y holds labels of different types, such as {found}: make them one.")


def _check_labels(values: np.ndarray) -> None:
    if not len(values):
        raise InputError("y is empty.")
    if values.dtype.kind not in _KINDS:
        raise InputError(f"labels of dtype {values.dtype} are neither numbers nor strings.")
    check_finite(values, "y")
    if values.dtype.kind == "f" and (values % 1).any():
        row = int(np.argmax(values % 1 != 0))
        raise InputError(
            f"row {row} has {values[row]}: labels are classes, not measurements. Bin or round them."
        )

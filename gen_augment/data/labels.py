"""Class labels of any kind as class codes, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import column_or_1d

from gen_augment.containers import library_of, to_library
from gen_augment.data.label_values import (
    as_objects,
    check_labels,
    members_of,
    plain_label,
    read_container,
    read_labels,
)
from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import dtype_from_json, dtype_to_json, has_objects
from gen_augment.types import JSON
from gen_augment.user_warnings import warn
from gen_augment.validation import check_choice, check_same_length

__all__ = ["LabelCodec"]


@dataclass(frozen=True)
class LabelCodec:
    """Class labels and the container they came in.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels, with the dtype they came in.
    container : {"ndarray", "tensor", "series", "list"}
    dtype : str or dict
        The container's dtype: the name in NumPy or PyTorch, or the JSON of a pandas dtype.
    name : str, int or None
        Name of the Series.
    categories : list or None
        Categories of a categorical Series, in its own order.
    categories_dtype : str, dict or None
        Their dtype.
    ordered : bool
        Whether those categories are ordered.
    members : tuple or None
        The user's labels by class, if those are members of a ``str`` or ``int`` Enum, or of a
        category of intervals, dates or periods. An archive holds the values of an Enum, which
        compare as equal.
    library : {"", "polars"}
        The library of a Series, if it is not pandas.
    """

    classes: np.ndarray
    container: str
    dtype: Any
    name: str | int | None = None
    categories: list[Any] | None = None
    categories_dtype: Any = None
    ordered: bool = False
    members: tuple[Any, ...] | None = None
    library: str = ""

    @classmethod
    def fit(
        cls, y: Any, *, unlabeled: int | Literal["auto"] | None = "auto"
    ) -> tuple[Self, np.ndarray]:
        """Learn the classes of `y`; return the codec and the class code of each row.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Numbers, booleans or strings, as an ndarray, Tensor, Series or list. The classes of a
            category of intervals, dates or periods are the strings of these.
        unlabeled : {"auto", -1, None}
            Which label marks a row without a label, whose code is -1. None: no label does,
            and -1 is a class like any other. "auto": -1 does where it is the lowest of
            three or more classes, as in scikit-learn's semi-supervised estimators; a
            warning says so.

        Raises
        ------
        InputError
            The labels are missing, mixed, or would not come back as they are.

        Examples
        --------
        >>> codec, codes = LabelCodec.fit(["b", "a", "b"])
        >>> codec.classes.tolist(), codes.tolist(), codec.decode(codes)
        (['a', 'b'], [1, 0, 1], ['b', 'a', 'b'])
        """
        if not (unlabeled is None or unlabeled == "auto" or unlabeled == -1):
            raise InputError(f"unlabeled={unlabeled!r} is not 'auto', -1 or None.")
        library = library_of(y)
        y = read_container(y)
        values = read_labels(y)
        try:
            values = column_or_1d(values, warn=True)
            check_labels(values)
        except (ValueError, TypeError) as error:
            raise InputError(f"y cannot be read as one class label a row: {error}") from error
        classes = np.unique(values)
        codes = np.searchsorted(classes, values)  # faster than to sort the rows for it
        if unlabeled == -1 or (unlabeled == "auto" and _marks_unlabeled(classes)):
            classes, codes = _without(-1, classes, codes)
        codec = cls._in_container(classes, y)
        if library == "polars":
            codec = replace(codec, library=library)
        if not codec._gives_back_all():
            raise InputError(
                f"labels {classes.tolist()[:5]!r} would not come back from a {codec.container} of "
                f"{codec.dtype!r}: convert them to numbers or strings."
            )
        return codec, codes

    @classmethod
    def _in_container(cls, classes: np.ndarray, y: Any) -> Self:
        """The codec of classes that came in a container like `y`."""
        members = members_of(classes, y)
        if isinstance(y, torch.Tensor):
            return cls(classes, "tensor", str(y.dtype).removeprefix("torch."))
        if isinstance(y, pd.Series):
            return replace(cls._of_series(classes, y), members=members)
        if isinstance(y, np.ndarray):
            dtype = "T" if y.dtype.kind == "T" else y.dtype.str
            return cls(classes, "ndarray", dtype, members=members)
        return cls(classes, "list", "", members=members)

    def extend(self, y: Any) -> tuple[Self, np.ndarray]:
        """Add the classes of `y`; return the new codec and the class code of each row of `y`.

        The label -1 marks a row without a label, unless it is a known class. Labels get the
        dtype of `y` where the known one cannot hold them, such as int8 for 300.
        """
        other, codes = type(self).fit(y, unlabeled=None)
        if (self.classes.dtype.kind == "U") != (other.classes.dtype.kind == "U"):
            raise InputError(
                f"y holds {other.classes.tolist()[:5]!r}, and the known labels are "
                f"{self.classes.tolist()[:5]!r}: give labels of the same type."
            )
        new = other.classes
        unlabeled = np.zeros(len(new), bool)
        if new.dtype.kind in "if" and -1 not in self.classes:
            unlabeled = new == -1
        changes: dict[str, Any] = {"classes": np.union1d(self.classes, new[~unlabeled])}
        if self.container == "ndarray" and self.dtype != "|O":
            changes["dtype"] = changes["classes"].dtype.str  # longer names, larger numbers
        if self.categories is not None:
            added = [c for c in new.tolist() if c not in self.categories]
            changes["categories"] = [*self.categories, *added]
        if self.members is not None:
            changes["members"] = _merged(changes["classes"], self, other)
        codec = replace(self, **changes)._with_room(self, other)
        numbers = np.full(len(new), -1)
        numbers[~unlabeled] = codec.encode(new[~unlabeled])
        return codec, numbers[codes]

    def joined(self, others: Sequence["LabelCodec"]) -> "LabelCodec":
        """Return a codec of the classes of all; containers and types of labels must agree."""
        codec = self
        for number, other in enumerate(others, 1):
            types = [(c.container, _kind(c.classes)) for c in (codec, other)]
            if types[0] != types[1]:
                mine, theirs = (c.classes.tolist()[:5] for c in (codec, other))
                raise InputError(
                    f"labels of samplers 0 and {number} cannot be joined: {mine!r} of a "
                    f"{codec.container} and {theirs!r} of a {other.container}. Convert the labels "
                    "of one before fitting."
                )
            # `extend` takes -1 for a missing label unless it is a known class.
            first, second = (other, codec) if -1 in other.classes.tolist() else (codec, other)
            codec = first.extend(second.decode(np.arange(len(second.classes))))[0]
        return codec

    def _with_room(self, known: Self, other: Self) -> Self:
        """The codec with a dtype that holds all classes: its own, or that of `other`."""
        if self._gives_back_all():
            return self
        dtype = self.classes.dtype.name
        if other.container == self.container:
            dtype = other.dtype if other.categories is None else other.categories_dtype
        field = "dtype" if self.categories is None else "categories_dtype"
        changes: dict[str, Any] = {field: dtype}
        wider = replace(self, **changes)
        if _kind(known.classes) != _kind(other.classes) or not wider._gives_back_all():
            raise InputError(
                f"y holds {other.classes.tolist()[:5]!r}, and the known labels are "
                f"{known.classes.tolist()[:5]!r} of {getattr(known, field)}, which cannot hold "
                "both: give labels of a dtype that holds all of them."
            )
        return wider

    def _gives_back_all(self) -> bool:
        """Whether every class comes back from the container."""
        try:
            back = read_labels(self.decode(np.arange(len(self.classes))))
        except (OverflowError, TypeError, ValueError):
            return False
        return bool(np.array_equal(back, self.classes))

    @classmethod
    def _of_series(cls, classes: np.ndarray, y: "pd.Series[Any]") -> Self:
        name = int(y.name) if isinstance(y.name, np.integer) else y.name
        name = name if isinstance(name, (str, int)) else None
        if not isinstance(y.dtype, pd.CategoricalDtype) or has_objects(y.dtype):
            return cls(classes, "series", _written(y.dtype), name)
        values = [plain_label(value) for value in y.cat.categories.tolist()]
        dtype, ordered = _written(y.cat.categories.dtype), bool(y.cat.ordered)
        return cls(classes, "series", "category", name, values, dtype, ordered)

    def encode(self, y: Any) -> np.ndarray:
        """Class codes, int64 ndarray of shape (n,); an unknown label raises."""
        values = read_labels(y)
        if values.dtype.kind == "S":
            values = np.char.decode(values, "ascii", "replace")
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
        """Class codes of `n` rows, from one label for all of them or one for each."""
        codes = self.encode(y)
        if codes.ndim == 0:
            return np.full(n, codes)
        check_same_length(n, len(codes))
        return codes

    def decode(self, codes: np.ndarray) -> Any:
        """Labels of class codes, in the container that `fit` was given."""
        labels = self.classes[codes]
        if self.container == "tensor":
            return torch.from_numpy(labels.copy()).to(getattr(torch, self.dtype))
        if self.members is not None:
            labels = as_objects(self.members)[codes]
        if self.container == "series":
            dtype = self._series_dtype()
            if isinstance(dtype, pd.ArrowDtype):  # no array of strings becomes a dictionary
                labels = labels.astype(object)
            series = pd.Series(labels, name=self.name, dtype=dtype)
            return to_library(series, self.library)
        return labels.tolist() if self.container == "list" else labels.astype(self.dtype)

    def _series_dtype(self) -> Any:
        """The dtype of a Series of labels."""
        if self.dtype != "category":
            return dtype_from_json(self.dtype)
        values: list[Any] = self.categories or []
        if self.members is not None:
            values = [self._member_of(value) for value in values]
        categories: Any = pd.Index(values, dtype=dtype_from_json(self.categories_dtype))
        return pd.CategoricalDtype(categories, self.ordered)

    def _member_of(self, value: Any) -> Any:
        """The Enum member with this value, among the classes."""
        return next((m for m in self.members or () if m == value), value)

    def to_json(self) -> JSON:
        """The codec as JSON values; Enum members become their values."""
        return {
            "classes": self.classes.tolist(),
            "classes_dtype": "object" if self.classes.dtype == object else self.classes.dtype.str,
            "container": self.container,
            "dtype": self.dtype,
            "name": self.name,
            "categories": self.categories,
            "categories_dtype": self.categories_dtype,
            "ordered": self.ordered,
            "library": self.library,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        fields = {**record}
        classes = np.array(fields.pop("classes"), dtype=np.dtype(fields.pop("classes_dtype")))
        codec = cls(classes, **fields)
        if isinstance(codec.dtype, dict) and has_objects(dtype_from_json(codec.dtype)):
            members = members_of(classes, dtype_from_json(codec.dtype).categories)
            codec = replace(codec, members=members)
        check_choice("container", codec.container, ("ndarray", "tensor", "series", "list"))
        check_choice("library", codec.library, ("", "polars"))
        check_labels(classes)
        if classes.ndim != 1 or (classes[:-1] >= classes[1:]).any():
            raise InputError("the classes are not sorted labels.")
        codec.decode(np.arange(len(classes)))  # raises where the dtype does not fit the classes
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
    """Kind of the labels: "b", "i", "f" or "U"."""
    return classes.dtype.kind.replace("u", "i")


def _marks_unlabeled(classes: np.ndarray) -> bool:
    """Whether -1 is the lowest of three or more classes; -1 and 1 alone are two classes."""
    if classes.dtype.kind not in "if" or len(classes) < 3 or classes[0] != -1:
        return False
    warn(
        f"y holds -1 and classes such as {classes[1:4].tolist()}: rows with -1 are taken as rows "
        "without a label. Give gen_augment.data.Rows.read(X, y, unlabeled=None) instead of X and y "
        "(on the command line, --category COLUMN) if -1 is a class, or unlabeled=-1 if it is not."
    )
    return True


def _without(label: int, classes: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes without `label`, whose rows get the code -1."""
    if classes.dtype.kind not in "if" or label not in classes:
        return classes, codes
    known = classes != label
    if not known.any():
        raise InputError(f"every label in y is {label}, which marks rows without a label.")
    return classes[known], np.where(known, np.cumsum(known) - 1, -1)[codes]


def _merged(classes: np.ndarray, *codecs: LabelCodec) -> tuple[Any, ...] | None:
    """Members of all classes, from several codecs; None if any has none."""
    by_value: dict[Any, Any] = {}
    for codec in codecs:
        by_value = dict(zip(codec.classes.tolist(), codec.members or (), strict=False)) | by_value
    members = tuple(by_value.get(value) for value in classes.tolist())
    return None if None in members else members

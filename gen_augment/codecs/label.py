"""Labels of any kind to class numbers and back."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from gen_augment.errors import InputError
from gen_augment.types import JSON

__all__ = ["LabelCodec"]


@dataclass(frozen=True)
class LabelCodec:
    """Class labels and the container they came in.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels, with the dtype they came in.
    container : {"ndarray", "tensor", "series", "list"}
    dtype : str
        Of the container: numpy's, torch's or pandas' name.
    name : str, int or None
        Of the Series.
    categories : list or None
        Of a categorical Series, in its own order.
    ordered : bool
        Whether those categories are ordered.
    """

    classes: np.ndarray
    container: str
    dtype: str
    name: str | int | None = None
    categories: list[Any] | None = None
    ordered: bool = False

    @classmethod
    def fit(cls, y: Any) -> tuple[Self, np.ndarray]:
        """Learn the classes of `y`; return the codec and the class number of each row."""
        values = _values(y)
        try:
            column_or_1d(values, warn=True)
            check_classification_targets(values)
            classes, codes = np.unique(values, return_inverse=True)
        except (ValueError, TypeError) as error:
            raise InputError(f"y cannot be read as one class label a row: {error}") from error
        if isinstance(y, torch.Tensor):
            return cls(classes, "tensor", str(y.dtype).removeprefix("torch.")), codes
        if isinstance(y, pd.Series):
            name = y.name if isinstance(y.name, (str, int)) else None
            if isinstance(y.dtype, pd.CategoricalDtype):
                return cls(classes, "series", "category", name, y.cat.categories.tolist(), bool(y.cat.ordered)), codes
            return cls(classes, "series", str(y.dtype), name), codes
        if isinstance(y, np.ndarray):
            return cls(classes, "ndarray", y.dtype.str), codes
        return cls(classes, "list", ""), codes

    def encode(self, y: Any) -> np.ndarray:
        """Class numbers, ndarray of shape (n,), int64; an unknown label raises."""
        values = _values(y)
        try:
            position = np.searchsorted(self.classes, values)
            position = np.minimum(position, len(self.classes) - 1)
            unknown = self.classes[position] != values
        except TypeError:
            position, unknown = np.zeros(values.shape, int), np.ones(values.shape, bool)
        if np.any(unknown):
            label = np.atleast_1d(values)[np.atleast_1d(unknown)][0]
            raise InputError(f"label {label!r} was not seen in fit; known labels: {self.classes.tolist()!r}.")
        return position.astype(np.int64)

    def decode(self, codes: np.ndarray) -> Any:
        """Labels of class numbers, in the container that `fit` was given."""
        labels = self.classes[codes]
        if self.container == "tensor":
            return torch.from_numpy(labels.copy()).to(getattr(torch, self.dtype))
        if self.container == "series":
            dtype: Any = self.dtype
            if dtype == "category":
                dtype = pd.CategoricalDtype(self.categories, self.ordered)
            return pd.Series(labels, name=self.name, dtype=dtype)
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
            "ordered": self.ordered,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        classes = np.array(record["classes"], dtype=np.dtype(record["classes_dtype"]))
        return cls(
            classes, record["container"], record["dtype"], record["name"], record["categories"], record["ordered"]
        )


def _values(y: Any) -> np.ndarray:
    if isinstance(y, torch.Tensor):
        return y.detach().cpu().numpy()
    values = np.asarray(y)
    if values.dtype == object and all(isinstance(v, (str, np.str_)) for v in values.ravel()):
        return values.astype(str) if values.size else values
    return values

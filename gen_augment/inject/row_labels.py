"""Labels of single rows: read from a dataset, and written in the type of another label."""

from collections.abc import Sequence
from math import isclose
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from gen_augment.errors import InputError
from gen_augment.inject.row_source import as_tensor
from gen_augment.types import SupportsSample
from gen_augment.validation import check_same_length

__all__ = [
    "check_labels",
    "check_pair",
    "known_labels",
    "label_like",
    "label_value",
    "read_labels",
    "write_labels",
]


def read_labels(data: Dataset[Any]) -> np.ndarray:
    """Return the labels of a map-style dataset of ``(x, label)``: ndarray of shape (n_rows,).

    They come from an attribute of the dataset if it agrees with the rows, and are otherwise
    read row by row.
    """
    known = known_labels(data)
    if known is not None:
        return known
    return np.array([_plain(data[i][1]) for i in range(len(data))])  # type: ignore[arg-type]


def known_labels(data: Any) -> np.ndarray | None:
    """Return labels from an attribute of a dataset, if it agrees with some rows."""
    known = _labels_attribute(data)
    if known is None or len(known) != len(data):
        return None
    try:
        agrees = all(known[i] == _plain(data[i][1]) for i in _probes(known))
    except LookupError:  # a row is a mapping
        return None
    return known if agrees else None


def check_labels(labels: Any, n: int) -> np.ndarray:
    """Return labels that the user gives for the real rows, one for each, or raise."""
    array = labels.numpy(force=True) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if array.ndim != 1:
        raise InputError(
            f"labels have shape {array.shape}: give one class label for each real row."
        )
    check_same_length(n, len(array))
    return array


def check_pair(pair: Any, source: SupportsSample) -> Any:
    """Return the label of a real row ``(x, label)``, or raise if the source has other labels."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        entries = f" of {len(pair)} entries" if hasattr(pair, "__len__") else ""
        raise InputError(
            f"a row of real is a {type(pair).__name__}{entries}, and must be (x, label). For a "
            "Dataset of Hugging Face, use augment_dataset."
        )
    label = _plain(pair[1])
    is_label = isinstance(label, (str, bool, int, float))
    if not is_label or isinstance(label, str) != (source.classes_.dtype.kind == "U"):
        raise InputError(
            f"a real row has the label {label!r}, and those of the source are "
            f"{source.classes_.tolist()!r}: fit the sampler on the labels that real gives, or let "
            "real give those (ImageFolder(folder, target_transform=names.__getitem__))."
        )
    return pair[1]


def label_value(label: Any) -> Any:
    """Return the label of one image as a plain Python value."""
    if isinstance(label, (torch.Tensor, np.ndarray)) and label.ndim:
        raise InputError(
            f"the label is a {type(label).__name__} of shape {tuple(label.shape)}: one image has "
            "one label. Put this transform before labels are one-hot encoded or images batched."
        )
    value = _plain(label)
    if not isinstance(value, (int, float, str)):
        raise InputError(
            f"the label is {value!r}, a {type(value).__name__}: give a number or a string."
        )
    return value


def label_like(value: Any, label: Any) -> Any:
    """Return the label `value` in the type of `label`, or raise if that cannot hold it."""
    if isinstance(value, str) != isinstance(label_value(label), str):
        raise InputError(
            f"the label is {label!r}, and the bank's labels have another type, such as {value!r}."
        )
    written = write_labels(np.array([value]), label)[0]
    held = label_value(written)
    if held != value and not (
        isinstance(held, float) and isinstance(value, float) and isclose(held, value, rel_tol=1e-2)
    ):
        raise InputError(
            f"the label is {label!r}, a {type(label).__name__}, which cannot hold the bank's label "
            f"{value!r}: give labels of the type of those in the bank, such as int(label)."
        )
    return written


def write_labels(labels: np.ndarray, like: Any) -> Sequence[Any]:
    """Return labels in the type of the label `like`: a batch cannot mix ints and Tensors."""
    if isinstance(like, torch.Tensor):
        return as_tensor(labels).to(like.device, like.dtype).reshape(-1, *like.shape).unbind()
    if isinstance(like, (np.ndarray, np.generic)):
        kept = labels if like.dtype.kind == "U" else labels.astype(like.dtype)
        shaped = list(kept.reshape(-1, *like.shape))
        return [np.asarray(label) for label in shaped] if isinstance(like, np.ndarray) else shaped
    return [type(like)(label) for label in labels.tolist()]


def _probes(known: np.ndarray) -> list[int]:
    """Rows to compare before labels are believed: the first of each label, and some others."""
    n = len(known)
    places = {0, n // 2, n - 1} if n else set()
    return sorted(places.union(np.unique(known, return_index=True)[1].tolist()))


def _labels_attribute(data: Any) -> np.ndarray | None:
    if isinstance(data, Subset):
        inner = _labels_attribute(data.dataset)
        return None if inner is None else inner[np.asarray(data.indices)]
    if isinstance(data, TensorDataset):
        return _as_column(data.tensors[1]) if len(data.tensors) == 2 else None
    if getattr(data, "target_transform", None) is not None:
        return None
    return _as_column(getattr(data, "targets", None))


def _as_column(labels: Any) -> np.ndarray | None:
    """Return one number or string per row, or None if `labels` is something else."""
    try:
        array = labels.numpy(force=True) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    except (TypeError, ValueError):  # a dtype that NumPy does not have, or ragged rows
        return None
    return array if array.ndim == 1 and array.dtype.kind in "biufU" else None


def _plain(label: Any) -> Any:
    if not isinstance(label, (torch.Tensor, np.generic, np.ndarray)):
        return label
    if np.prod(label.shape) != 1:
        raise InputError(
            f"a real row has a label of shape {tuple(label.shape)}: give one class for each row."
        )
    return label.item()

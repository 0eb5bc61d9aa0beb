"""Labels of the synthetic rows in a batch: which they are, and how a batch holds them."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.inject.row_source import as_tensor
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range

__all__ = [
    "LabelMix",
    "check_label_mix",
    "check_labels_fit",
    "check_numeric_labels",
    "codes_of",
    "label_shares",
    "labels_like",
]

LabelMix = Literal["same", "prior", "balanced"] | Mapping[Any, float]
LABEL_MIXES = ("same", "prior", "balanced")


def check_label_mix(source: SupportsSample, labels: LabelMix) -> None:
    """Raise unless `labels` is one of `LABEL_MIXES`, or shares of labels the source knows."""
    if not isinstance(labels, Mapping):
        check_choice("labels", labels, LABEL_MIXES)
        return
    known = source.classes_.tolist()
    if unknown := [label for label in labels if label not in known]:
        raise InputError(f"labels: the source has no rows of {unknown[0]!r}; it has {known}.")
    if not sum(check_range(f"labels[{label!r}]", share, 0) for label, share in labels.items()):
        raise InputError(f"labels={dict(labels)!r}: give at least one label a share above 0.")


def check_numeric_labels(source: SupportsSample) -> None:
    """Raise if a batch cannot hold the labels of the source."""
    if source.classes_.dtype.kind not in "biuf":
        raise InputError(
            f"the source's labels are {source.classes_.dtype} and a batch holds numbers: fit the "
            "sampler on the labels that the loader gives."
        )


def label_shares(source: SupportsSample, labels: LabelMix) -> np.ndarray:
    """Return the probability of each class of the source: ndarray of shape (n_classes,)."""
    n_classes = len(source.classes_)
    if isinstance(labels, Mapping):
        shares = np.array([labels.get(label, 0) for label in source.classes_.tolist()], dtype=float)
        shares /= shares.sum()
        return shares
    return np.full(n_classes, 1 / n_classes) if labels == "balanced" else source.class_prior_


def check_labels_fit(source: SupportsSample, y: Tensor, labels: LabelMix) -> None:
    """Raise if labels that may be drawn cannot be written in the dtype or width of `y`."""
    if labels == "same":
        return
    classes = torch.tensor(source.classes_.tolist(), device="cpu")
    if y.ndim == 2:
        if not np.isin(source.classes_, np.arange(y.shape[1])).all():
            raise InputError(
                f"labels {classes.tolist()} cannot be columns of class shares of {y.shape[1]} "
                "classes: number the classes from 0."
            )
    elif not torch.equal(classes.to(y.dtype).double(), classes.double()):
        raise InputError(
            f"labels in a batch are {y.dtype}, which cannot hold those of the source: "
            f"{classes.tolist()}."
        )


def codes_of(source: SupportsSample, y: Tensor) -> np.ndarray:
    """Return the class numbers in `source` of labels in a batch: ndarray of shape (batch,)."""
    y = y.argmax(dim=1) if y.ndim == 2 else y.detach()
    labels = (y.float() if y.dtype == torch.bfloat16 else y).cpu().numpy()  # not in NumPy
    classes = source.classes_
    codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    unknown = classes[codes] != labels
    if unknown.any():
        raise InputError(
            f"label {labels[unknown][0]} is unknown to the source, which has {classes.tolist()!r}. "
            "Use labels='prior' or 'balanced', or a sampler or bank of all classes."
        )
    return codes


def labels_like(y: Tensor, labels: np.ndarray) -> Tensor:
    """Return labels as `y` holds them: class labels, or one-hot rows."""
    if y.ndim == 1:
        return as_tensor(labels).to(y.device, y.dtype)
    columns = torch.from_numpy(labels.astype(np.int64)).to(y.device)
    return nn.functional.one_hot(columns, y.shape[1]).to(y.dtype)

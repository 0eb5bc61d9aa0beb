"""Synthetic rows in one batch: how they and their labels are written, and `SyntheticMix`."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.inject.rows import (
    RowStream,
    RowTransform,
    as_tensor,
    check_numeric_labels,
    check_source,
)
from gen_augment.inject.structure import close_batch, open_batch
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range

__all__ = [
    "LabelMix",
    "SyntheticMix",
    "check_label_mix",
    "check_labels_fit",
    "codes_of",
    "inject",
    "label_shares",
    "labels_like",
    "windows",
]

LabelMix = Literal["prior", "balanced", "batch"] | Mapping[Any, float]
LABEL_MIXES = ("prior", "balanced", "batch")


class SyntheticMix(nn.Module):
    """Replace a share of each batch by synthetic rows: ``(x, y) -> (x, y)``.

    Stands beside `torchvision.transforms.v2.MixUp` and `CutMix`, in a `collate_fn` or after the loader, alone or inside
    `v2.RandomChoice`. As they do, it draws from torch's global generator: `torch.manual_seed` repeats a run, and
    workers and epochs differ.

    Parameters
    ----------
    source : fitted sampler or SampleBank
        In a DataLoader's worker, a bank or a sampler on the CPU.
    ratio : float in [0, 1]
        Share of the rows to replace, rounded up or down at random so that it is right on average.
    labels : {"batch", "prior", "balanced"} or {label: share}
        Labels of synthetic rows: those of the rows replaced, the source's class prior, all classes alike, or these in
        proportion to their shares. Class shares are left as they are by "batch", which makes a row of the largest:
        smoothed labels stay smoothed. Put this before `MixUp` and `CutMix`, since a row that they have mixed would
        keep both of its classes.
    transform : callable, optional
        Applied to each synthetic row; must return a Tensor like the rows of the batch.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from gen_augment import ConditionalVAE
    >>> images = torch.from_numpy(load_digits().images).float().unsqueeze(1) / 16
    >>> y = torch.from_numpy(load_digits().target)
    >>> sampler = ConditionalVAE(max_steps=2, random_state=0, device="cpu").fit(images, y)
    >>> x, labels = SyntheticMix(sampler, ratio=0.5)(images[:8], y[:8])
    >>> x.shape, labels.tolist()
    (torch.Size([8, 1, 8, 8]), [0, 1, 2, 3, 4, 5, 6, 7])
    """

    def __init__(
        self,
        source: SupportsSample,
        *,
        ratio: float = 0.5,
        labels: LabelMix = "batch",
        transform: RowTransform | None = None,
    ) -> None:
        super().__init__()
        check_source(source)
        check_numeric_labels(source)
        check_range("ratio", ratio, 0, 1)
        check_label_mix(source, labels)
        self.source = source
        self.ratio = ratio
        self.labels = labels
        self.transform = transform

    def forward(self, *inputs: Any) -> Any:
        """Take and return ``(x, y)``, two arguments or one batch; `y` holds class labels, or class shares in rows."""
        batch: Any = inputs if len(inputs) > 1 else inputs[0]
        keys = open_batch(batch)
        x, y = batch[keys[0]], batch[keys[1]]
        # One number of the global generator; the rest follows from it.
        seed = int(torch.randint(2**62, (), device="cpu"))
        rng = np.random.default_rng(seed)
        n = min(len(x), int(self.ratio * len(x) + rng.random()))
        if n == 0:
            return batch
        check_labels_fit(self.source, y, self.labels)
        stream = RowStream(
            self.source,
            seed,
            prior=label_shares(self.source, self.labels),
            transform=self.transform,
            device=x.device,
            expected=n,
        )
        x, y = x.clone(), y.clone()
        for window in windows(len(x), n, int(rng.integers(len(x)))):
            inject(stream, x, y, window, self.labels)
        return close_batch(batch, {keys[0]: x, keys[1]: y})

    def extra_repr(self) -> str:
        """What `repr` shows."""
        return f"source={type(self.source).__name__}, ratio={self.ratio}, labels={self.labels!r}"


def check_label_mix(source: SupportsSample, labels: LabelMix) -> None:
    """Raise unless it is one of `LABEL_MIXES`, or shares of labels that the source has."""
    if not isinstance(labels, Mapping):
        check_choice("labels", labels, LABEL_MIXES)
        return
    known = source.classes_.tolist()
    if unknown := [label for label in labels if label not in known]:
        raise InputError(f"labels: the source has no rows of {unknown[0]!r}; it has {known}.")
    if not sum(check_range(f"labels[{label!r}]", share, 0) for label, share in labels.items()):
        raise InputError(f"labels={dict(labels)!r}: give one label at least a share above 0.")


def label_shares(source: SupportsSample, labels: LabelMix) -> np.ndarray:
    """Share of each class among synthetic rows, where the batch has no say in it."""
    n_classes = len(source.classes_)
    if isinstance(labels, Mapping):
        shares = np.array([labels.get(label, 0) for label in source.classes_.tolist()], dtype=float)
        shares /= shares.sum()
        return shares
    return np.full(n_classes, 1 / n_classes) if labels == "balanced" else source.class_prior_


def windows(n_rows: int, n: int, start: int) -> list[slice]:
    """`n` neighbouring places from `start` on, going on at 0 after the last: slices, which are written to in one go."""
    stop = start + n
    return (
        [slice(start, stop)] if stop <= n_rows else [slice(start, n_rows), slice(0, stop - n_rows)]
    )


def inject(stream: RowStream, x: Tensor, y: Tensor, window: slice, labels: LabelMix) -> None:
    """Write synthetic rows and their labels over some rows of a batch."""
    if labels == "batch":
        stream.take_for(codes_of(stream.source, y[window]), x[window])
    else:
        _, codes = stream.take(window.stop - window.start, x[window])
        y[window] = labels_like(y, stream.source.classes_[codes])


def check_labels_fit(source: SupportsSample, y: Tensor, labels: LabelMix) -> None:
    """Raise if labels of `source` may be drawn that cannot be written like those of a batch."""
    if labels == "batch":
        return
    classes = torch.tensor(source.classes_.tolist(), device="cpu")
    if y.ndim == 2:
        if not np.isin(source.classes_, np.arange(y.shape[1])).all():
            raise InputError(
                f"labels {classes.tolist()} cannot be columns of class shares of {y.shape[1]} classes: "
                "number the classes from 0 up."
            )
    elif not torch.equal(classes.to(y.dtype).double(), classes.double()):
        raise InputError(
            f"labels in a batch are {y.dtype}, which cannot hold those of the source: {classes.tolist()}."
        )


def codes_of(source: SupportsSample, y: Tensor) -> np.ndarray:
    """Class numbers, as `source` counts classes, of labels in a batch."""
    y = y.argmax(dim=1) if y.ndim == 2 else y.detach()
    labels = (y.float() if y.dtype == torch.bfloat16 else y).cpu().numpy()  # NumPy has no bfloat16
    classes = source.classes_
    codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    unknown = classes[codes] != labels
    if unknown.any():
        raise InputError(
            f"label {labels[unknown][0]} is none that the source knows: {classes.tolist()!r}. labels='prior' or "
            "'balanced' asks for those alone; or give a sampler or bank of all classes."
        )
    return codes


def labels_like(y: Tensor, labels: np.ndarray) -> Tensor:
    """Labels as a batch holds them: class labels, or class shares whose column `i` is the class `i`."""
    if y.ndim == 1:
        return as_tensor(labels).to(y.device, y.dtype)
    columns = torch.from_numpy(labels.astype(np.int64)).to(y.device)
    return nn.functional.one_hot(columns, y.shape[1]).to(y.dtype)

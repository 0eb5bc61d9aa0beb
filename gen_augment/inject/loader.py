"""Synthetic rows into the batches of any DataLoader, generated in the main process."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.inject.rows import check_same_form
from gen_augment.rng import categorical, derive_seed, resolve_seed
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range

__all__ = ["AugmentedLoader", "augment_loader"]

Mode = Literal["replace", "append"]
LabelMix = Literal["prior", "balanced", "batch"]


def augment_loader(
    loader: Iterable[Any],
    sampler: SupportsSample,
    *,
    ratio: float,
    mode: Mode = "replace",
    labels: LabelMix = "prior",
    transform: Callable[[Any], Tensor] | None = None,
    seed: int | None = None,
) -> "AugmentedLoader":
    """Wrap a loader so that a share of each batch is synthetic.

    Parameters
    ----------
    loader : DataLoader or iterable of (x, y) batches
        Used as it is, never rebuilt; workers, samplers and collation stay its own.
    sampler : fitted sampler
        Fitted on rows of the form in the batches, or followed by `transform`.
    ratio : float
        Synthetic rows for each row that the loader gives. Batches are rounded so that the total is exact.
    mode : {"replace", "append"}
        Replace rows, which keeps the batch size (`ratio` is at most 1), or add to them.
    labels : {"prior", "balanced", "batch"}
        Labels of synthetic rows: the sampler's class prior, all classes alike, or those of the rows replaced
        (with "append": of rows of the batch).
    transform : callable, optional
        Applied to each synthetic row; must return a Tensor like the rows of a batch.
    seed : int, optional
        0 by default. Each epoch has rows of its own; the same seed and epoch give the same rows.

    Returns
    -------
    AugmentedLoader
        With the length and attributes of `loader`.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from gen_augment import ConditionalVAE
    >>> data = TensorDataset(torch.randn(40, 3), torch.arange(40) % 2)
    >>> sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(data)
    >>> loader = augment_loader(DataLoader(data, batch_size=10), sampler, ratio=0.3, mode="append")
    >>> [len(y) for x, y in loader]
    [13, 13, 13, 13]
    """
    check_range("ratio", ratio, 0, 1 if mode == "replace" else float("inf"))
    check_choice("mode", mode, ("replace", "append"))
    check_choice("labels", labels, ("prior", "balanced", "batch"))
    if sampler.classes_.dtype.kind not in "biuf":
        raise InputError(
            f"the sampler's labels are {sampler.classes_.dtype} and a batch holds numbers: "
            "fit it on the labels that the loader gives."
        )
    return AugmentedLoader(loader, sampler, ratio, mode, labels, transform, resolve_seed(0 if seed is None else seed))


class AugmentedLoader:
    """What `augment_loader` returns: iterates like the loader it wraps, and has its attributes.

    Attributes
    ----------
    epoch : int
        Number of the next pass; counts up by itself.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        sampler: SupportsSample,
        ratio: float,
        mode: Mode,
        labels: LabelMix,
        transform: Callable[[Any], Tensor] | None,
        seed: int,
    ) -> None:
        self._loader = loader
        self._sampler = sampler
        self._ratio = ratio
        self._mode = mode
        self._labels = labels
        self._transform = transform
        self._seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the rows of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._loader)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also while unpickling, before there is a loader
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __iter__(self) -> Iterator[Any]:
        seed = derive_seed(self._seed, "epoch", self.epoch)
        self.epoch += 1
        n_seen = n_made = 0
        for batch in self._loader:
            x, y = _unpack(batch)
            n_seen += len(y)
            n_new = round(self._ratio * n_seen) - n_made
            if n_new:
                index = np.arange(n_made, n_made + n_new)
                batch = _pack(batch, *self._inject(x, y, index, seed))
                n_made += n_new
            yield batch

    def _inject(self, x: Tensor, y: Tensor, index: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(derive_seed(seed, "place", int(index[0])))
        if self._mode == "replace":
            places = torch.randperm(len(y), generator=generator)[: len(index)]
        else:
            places = torch.randint(len(y), (len(index),), generator=generator)
        new_y = self._draw_labels(y, places, index, seed)
        new_x = self._as_batch(self._sampler.generate(index, new_y, seed=seed)).to(x.device)
        check_same_form(x[0], new_x[0])
        labels = torch.from_numpy(new_y).to(y.device, y.dtype)
        if self._mode == "append":
            return torch.cat([x, new_x]), torch.cat([y, labels])
        places = places.to(x.device)
        return x.index_copy(0, places, new_x), y.index_copy(0, places.to(y.device), labels)

    def _draw_labels(self, y: Tensor, places: Tensor, index: np.ndarray, seed: int) -> np.ndarray:
        if self._labels == "batch":
            replaced: np.ndarray = y[places.to(y.device)].cpu().numpy()
            return replaced
        classes = self._sampler.classes_
        prior = self._sampler.class_prior_
        if self._labels == "balanced":
            prior = np.full(len(classes), 1 / len(classes))
        drawn: np.ndarray = classes[categorical(index, prior, derive_seed(seed, "label"))]
        return drawn

    def _as_batch(self, rows: Any) -> Tensor:
        if self._transform is not None:
            return torch.stack([self._transform(row) for row in rows])
        if isinstance(rows, Tensor):
            return rows
        if isinstance(rows, np.ndarray):
            return torch.from_numpy(rows)
        raise InputError(
            f"the sampler gives {type(rows).__name__} rows: "
            "pass transform=, which makes each a Tensor like those in the batches."
        )


def _unpack(batch: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise InputError(f"augment_loader needs batches (x, y) of two Tensors, got {type(batch).__name__}.")
    x, y = batch
    if y.ndim != 1 or len(x) != len(y):
        raise InputError(
            f"labels in a batch must have shape (batch,), one for each row, got {tuple(y.shape)} for {len(x)} rows."
        )
    return x, y


def _pack(batch: Any, x: Tensor, y: Tensor) -> Any:
    if hasattr(batch, "_fields"):  # a named tuple
        return type(batch)(x, y)
    return type(batch)([x, y])

"""What the injectors share: rows of a source one after the other, and whether they look like real ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.rng import BLOCK_ROWS, categorical, derive_seed
from gen_augment.types import SupportsSample

__all__ = ["RowStream", "addresses", "check_numeric_labels", "check_same_form", "check_source", "describe"]

RowTransform = Callable[[Any], Tensor]


class RowStream:
    """Synthetic rows of one pass as Tensors: every address once.

    Parameters
    ----------
    source : fitted sampler or SampleBank
    seed : int
        Of the pass.
    prior : ndarray of shape (n_classes,), optional
        Share of each class, for `take`.
    transform : callable, optional
        Applied to each row; must return a Tensor.
    device : torch.device
        Where the rows are put.
    expected : int, optional
        How many rows `take` will be asked for in all, as far as is known: no more are generated ahead.
    rank, world : int
        With several processes: rows of a bank are dealt out, so that no two processes read the same.
    """

    def __init__(
        self,
        source: SupportsSample,
        seed: int,
        *,
        prior: np.ndarray | None = None,
        transform: RowTransform | None = None,
        device: torch.device | None = None,
        expected: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.source = source
        self.seed = seed
        self.prior = prior
        self.transform = transform
        self.device = device or torch.device("cpu")
        self.expected = expected
        self.rank, self.world = rank, world
        self.by_class = getattr(source, "numbered_by_class", False)
        # A bank's order is one for all processes, a sampler's table is one for each.
        self.table = seed if self.by_class or world == 1 else derive_seed(seed, "rank", rank)
        self._label_seed = derive_seed(self.table, "label", rank)
        self._made = np.zeros(len(source.classes_), np.int64)
        self._ahead: tuple[Tensor, np.ndarray] | None = None
        self._taken = self._drawn = 0

    def take(self, n: int) -> tuple[Tensor, np.ndarray]:
        """The next `n` rows and class numbers, the latter drawn with the shares of `prior`.

        Rows are generated in blocks: a network is as fast as the batches that it is given.
        """
        rows, codes = self._ahead or (None, np.empty(0, np.int64))
        while len(codes) < n:
            missing = n - len(codes)
            left = BLOCK_ROWS if self.expected is None else self.expected - self._drawn
            new = categorical(self._next(max(missing, min(BLOCK_ROWS, left))), self._prior(), self._label_seed)
            more = self.take_for(new)
            rows = more if rows is None else torch.cat([rows, more])
            codes = np.concatenate([codes, new])
        if rows is None:
            return self.take_for(codes), codes
        self._ahead = rows[n:], codes[n:]
        return rows[:n], codes[:n]

    def take_for(self, codes: np.ndarray) -> Tensor:
        """The next rows, of the given class numbers."""
        index = addresses(self.source, codes, self._made)
        if self.by_class:
            index = index * self.world + self.rank
        labels = self.source.classes_[codes]
        if getattr(self.source, "generates_on_device", False):
            rows = self.source.generate(index, labels, seed=self.table, device=self.device)  # type: ignore[call-arg]
        else:
            rows = self.source.generate(index, labels, seed=self.table)
        return self._as_tensor(rows).to(self.device, non_blocking=True)

    def _next(self, n: int) -> np.ndarray:
        self._drawn += n
        return np.arange(self._drawn - n, self._drawn)

    def _prior(self) -> np.ndarray:
        return self.source.class_prior_ if self.prior is None else self.prior

    def _as_tensor(self, rows: Any) -> Tensor:
        if self.transform is not None:
            return torch.stack([self.transform(row) for row in rows])
        if isinstance(rows, Tensor):
            return rows
        if isinstance(rows, np.ndarray):
            return torch.from_numpy(rows)
        raise InputError(
            f"the source gives {type(rows).__name__} rows: "
            "pass transform=, which makes each a Tensor like those in the batches."
        )


def addresses(source: SupportsSample, codes: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Row numbers for the next rows of these classes, where `made` counts those of each class so far and is updated."""
    start = int(made.sum())
    if not getattr(source, "numbered_by_class", False):
        np.add.at(made, codes, 1)
        return np.arange(start, start + len(codes))
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(made))
    within = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = np.empty(len(codes), np.int64)
    index[order] = within + made[codes[order]]
    made += counts
    return index


def check_source(source: Any) -> None:
    """Raise unless `source` gives rows by address."""
    if hasattr(source, "__sklearn_is_fitted__") and not source.__sklearn_is_fitted__():
        source.generate([], [])  # raises NotFittedError
    if not isinstance(source, SupportsSample):
        raise InputError(f"a {type(source).__name__} is no source of rows: give a fitted sampler or a SampleBank.")


def check_numeric_labels(source: SupportsSample) -> None:
    """Raise if a batch cannot hold the source's labels."""
    if source.classes_.dtype.kind not in "biuf":
        raise InputError(
            f"the source's labels are {source.classes_.dtype} and a batch holds numbers: "
            "fit the sampler on the labels that the loader gives."
        )


def describe(row: Any) -> tuple[str, tuple[int, ...], str]:
    """Type, shape and dtype of one row, as an error message shows them."""
    if isinstance(row, torch.Tensor):
        return "Tensor", tuple(row.shape), str(row.dtype)
    if isinstance(row, np.ndarray):
        return "ndarray", row.shape, str(row.dtype)
    if isinstance(row, Image.Image):
        return "PIL image", row.size, row.mode
    return type(row).__name__, (), ""


def check_same_form(real: Any, synthetic: Any) -> None:
    """Raise if a synthetic row is not of the type, shape and dtype of a real one."""
    mine, theirs = describe(synthetic), describe(real)
    if mine != theirs:
        raise InputError(
            f"real rows are {' '.join(map(str, theirs))} and synthetic ones {' '.join(map(str, mine))}: fit the "
            "sampler on rows as this pipeline gives them, or pass a transform that brings synthetic rows to that form."
        )

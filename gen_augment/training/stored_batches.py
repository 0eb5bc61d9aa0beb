"""Training batches from rows that are on a disk, in constant memory."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from gen_augment.batch_share import own_share
from gen_augment.rng import derive_seed, permuted, uniform
from gen_augment.training.placement import memory_format
from gen_augment.types import Batch

__all__ = ["Stored", "StoredBatches"]

#: Most rows that are read ahead, and bytes of these and of `StoredBatches.x`.
READ_ROWS = 1 << 14
READ_BYTES, SAMPLE_BYTES = 1 << 24, 1 << 26
#: Most rows in `StoredBatches.x`, and least rows of a class, where it has so many.
SAMPLE_ROWS, SAMPLE_PER_CLASS = 1 << 16, 64


class Stored(Protocol):
    """Encoded rows on a disk, in order of class."""

    content: int

    @property
    def class_counts(self) -> np.ndarray:
        """Number of rows of each class."""

    def at(self, index: np.ndarray) -> Tensor:
        """Return rows by place."""


class StoredBatches:
    """Batch number *t* of an endless shuffled stream; it depends on the seed and *t* alone.

    Each epoch is a random order of all rows, which is computed and not stored (`permuted`). Classes
    are balanced by systematic resampling, as in `Batches`.

    Parameters
    ----------
    rows : Stored
    batch_size : int
    seed : int
    balance : float
        A class of n rows is sampled in proportion to ``n ** (1 - balance)``.
    device : torch.device
        Where batches are put.

    Attributes
    ----------
    x : Tensor of shape (n_sample, ...)
        Rows of all classes at even distances, for what needs rows beside the batches.
    y : Tensor of shape (n_sample,), int64
        Their class numbers.
    weights : Tensor of shape (n_sample,), float64
        Their relative frequencies in training.
    content : int
        Hash of all rows.
    """

    def __init__(
        self,
        rows: Stored,
        *,
        batch_size: int,
        seed: int,
        balance: float = 0.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.content = rows.content
        counts = rows.class_counts
        shares = np.where(counts > 0, np.maximum(counts, 1) ** (1 - balance), 0)
        self._shares = np.concatenate([[0], np.cumsum(shares)]) / shares.sum()
        self._places = np.concatenate([[0], np.cumsum(counts)])
        row_bytes = rows.at(np.arange(1)).nbytes
        self._n_ahead = max(1, min(READ_ROWS, READ_BYTES // row_bytes) // batch_size)
        self._ahead: tuple[int, Tensor, Tensor] | None = None
        n = min(SAMPLE_ROWS, max(1, SAMPLE_BYTES // row_bytes))
        sizes = np.maximum(np.minimum(counts, SAMPLE_PER_CLASS), n * counts // counts.sum())
        index = [
            np.linspace(start, stop - 1, size).astype(np.int64)
            for start, stop, size in zip(self._places, self._places[1:], sizes, strict=False)
        ]
        self.x, self.y = self._read(np.concatenate(index))
        self.weights = torch.from_numpy(np.repeat(shares / np.maximum(sizes, 1), sizes))

    def __len__(self) -> int:
        """Return the number of rows in an epoch."""
        return int(self._places[-1])

    def at(self, step: int) -> Batch:
        """Return rows and labels of batch number `step`, or this process's share of it."""
        number, place = divmod(step, self._n_ahead)
        if self._ahead is None or self._ahead[0] != number:
            size = self._n_ahead * self.batch_size
            self._ahead = None  # two of them are never in memory
            self._ahead = number, *self._read(self._drawn(number * size, size))
        rank, of = own_share()
        size = self.batch_size // of
        start = place * self.batch_size + rank * size
        here = slice(start, start + size)
        return self._ahead[1][here], self._ahead[2][here]

    def _drawn(self, start: int, size: int) -> np.ndarray:
        """Return places of the rows of the endless stream from `start` on."""
        n = len(self)
        epoch, offset = np.divmod(np.arange(start, start + size), n)
        index = np.empty(size, np.int64)
        for number in range(int(epoch[0]), int(epoch[-1]) + 1):
            here = epoch == number
            order = permuted(offset[here], n, derive_seed(self.seed, "epoch", number))
            if (self._shares[1:] * n == self._places[1:]).all():
                index[here] = order
                continue
            phase = uniform(np.array([number]), self.seed)
            line = np.interp((order + phase) / n, self._shares, self._places)
            index[here] = np.minimum(line.astype(np.int64), n - 1)
        return index

    def _read(self, index: np.ndarray) -> Batch:
        codes = np.searchsorted(self._places[1:], index, side="right")
        x, y = self.rows.at(index), torch.from_numpy(codes)
        return x.to(self.device, memory_format=memory_format(x.ndim)), y.to(self.device)

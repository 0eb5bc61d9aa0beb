"""Training batches by step number, reshuffled each epoch, from rows that stay on the device."""

from typing import Any

import torch
from torch import Tensor

from gen_augment.batch_share import own_share
from gen_augment.rng import derive_seed
from gen_augment.types import Batch

__all__ = ["Batches"]


class Batches:
    """Batch number *t* of an endless shuffled stream; it depends on the seed and *t* alone.

    Parameters
    ----------
    x : Tensor of shape (n, ...), or an object that returns such rows for a Tensor of indices
    y : Tensor of shape (n,), int64
    batch_size : int
        Every batch has exactly this many rows; a batch may span two or more epochs.
    seed : int
    weights : Tensor of shape (n,), float64, optional
        Relative frequency of each row. By default, an epoch of n rows has each row once.

    Notes
    -----
    If processes share each batch, `at` returns the rows of this process; see
    `gen_augment.batch_share`.

    Examples
    --------
    >>> batches = Batches(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]), batch_size=2, seed=0)
    >>> [sorted(torch.cat([batches.at(0)[1], batches.at(1)[1]]).tolist()), len(batches)]
    [[0, 0, 1, 1], 4]
    """

    #: Hash of the rows, if `x` and `y` are not all of them.
    content: int | None = None

    def __init__(
        self, x: Any, y: Tensor, *, batch_size: int, seed: int, weights: Tensor | None = None
    ) -> None:
        self.x, self.y, self.weights = x, y, weights
        self.batch_size = batch_size
        self.seed = seed
        self._orders: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of rows in an epoch."""
        return len(self.y)

    def at(self, step: int) -> Batch:
        """Return rows and labels of batch number `step`, counted from 0."""
        rank, of = own_share()
        size = self.batch_size // of
        start = step * self.batch_size + rank * size
        here = self._indices(start, start + size)
        return self.x[here], self.y[here]

    def _indices(self, start: int, stop: int) -> Tensor:
        n = len(self)
        pieces = []
        while start < stop:
            epoch, offset = divmod(start, n)
            length = min(n - offset, stop - start)
            pieces.append(self._order(epoch)[offset : offset + length])
            start += length
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            generator = torch.Generator("cpu").manual_seed(derive_seed(self.seed, "epoch", epoch))
            order = torch.randperm(len(self), generator=generator, device="cpu")
            if self.weights is not None:
                order = _resampled(order, self.weights, generator)
            self._orders = {epoch: order.to(self.y.device)}
        return self._orders[epoch]


def _resampled(order: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
    """Resample systematically: as many rows, each as often as its weight says, within one."""
    line = weights[order].cumsum(0)
    n = len(order)
    comb = (torch.arange(n, device="cpu") + torch.rand((), generator=generator, device="cpu")) * (
        line[-1] / n
    )
    drawn = order[torch.searchsorted(line, comb, right=True).clamp_(max=n - 1)]
    return drawn[torch.randperm(n, generator=generator, device="cpu")]

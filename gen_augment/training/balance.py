"""How often training meets each class, and each category of a table.

Reference: Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019 (arXiv:1907.00503): training by
sampling, section 4.3.
"""

import torch
from torch import Tensor

from gen_augment.training.batches import Batches
from gen_augment.types import Batch

__all__ = ["CategoryDraw", "RowDraw"]


class RowDraw:
    """Rows for the discriminator and labels for the generator, each class in proportion to ``n ** (1 - balance)``.

    Rows are redrawn rather than their losses weighted: a weight of 100 on one row in 20 batches would be a jolt, and
    neither the penalty nor the spread of the batch would know of it.
    """

    def __init__(self, batches: Batches, n_classes: int, balance: float) -> None:
        self.x, self.y, self.balance = batches.x, batches.y, balance
        self.batch_size = batches.batch_size
        self._shares = _cumulative(_row_weights(self.y.cpu(), n_classes, balance)).to(self.y.device)

    def real(self, batch: Batch | None) -> Batch:
        """The batch itself, or as many rows drawn, with balance or where there is none."""
        if batch is not None and not self.balance:
            return batch
        here = _draw(self._shares, self.batch_size)
        return self.x[here], self.y[here]

    def labels(self, n: int) -> Tensor:
        """Labels of `n` rows to be generated."""
        if not self.balance:
            return self.y[torch.randint(len(self.y), (n,), device=self.y.device)]
        return self.y[_draw(self._shares, n)]


class CategoryDraw:
    """Rows and the category that each was drawn by, so that rare ones are met: training by sampling.

    A block is chosen, each as often as any other; a category of it, in proportion to ``log(1 + n)`` for n rows; and a
    row that has it, as often as `RowDraw` would meet it.

    Parameters
    ----------
    x : Tensor of shape (n_rows, width)
        Ends in one-hot blocks.
    y : Tensor of shape (n_rows,)
    blocks : tuple of int
        Their widths.
    n_classes : int
    balance : float
    """

    def __init__(self, x: Tensor, y: Tensor, blocks: tuple[int, ...], n_classes: int, balance: float) -> None:
        self.x, self.y, self.n_places = x, y, sum(blocks)
        first = torch.tensor([0, *blocks[:-1]]).cumsum(0)
        parts = torch.split(x[:, -sum(blocks) :].cpu(), list(blocks), dim=1)
        places = torch.stack([part.argmax(dim=1) for part in parts]) + first[:, None]  # (n_blocks, n_rows)
        flat, order = places.flatten().sort(stable=True)
        counts = torch.bincount(flat, minlength=sum(blocks))
        # Rows by category, one block after another, on a line on which each takes the room of its weight.
        rows = order % len(y)
        weights = _row_weights(y.cpu(), n_classes, balance)[rows]
        line = torch.cat([weights.new_zeros(1), weights.cumsum(0)])
        ends = counts.cumsum(0)
        bounds = line[torch.stack([ends - counts, ends])]  # (2, n_places)
        self._rows, self._line, self._bounds = rows.to(y.device), line.to(y.device), bounds.to(y.device)
        heavy = torch.split(counts.double().log1p(), list(blocks))
        share = torch.cat([part / part.sum() for part in heavy])
        self._shares = _cumulative(share).to(y.device)

    def __call__(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """`n` rows, their labels, and the places of the categories they were drawn by, counted through all blocks."""
        place = _draw(self._shares, n)
        low, high = self._bounds[:, place]
        at = low + (high - low) * torch.rand(n, device=low.device, dtype=low.dtype)
        here = self._rows[torch.searchsorted(self._line, at, right=True) - 1]
        return self.x[here], self.y[here], place


def _row_weights(y: Tensor, n_classes: int, balance: float) -> Tensor:
    """Of rows with class numbers `y`."""
    counts = torch.bincount(y, minlength=n_classes).double()
    return (counts.clamp(min=1) ** -balance)[y]


def _cumulative(weights: Tensor) -> Tensor:
    return (weights.cumsum(0) / weights.sum()).float()


def _draw(shares: Tensor, n: int) -> Tensor:
    """Row numbers, with replacement, in time that hardly depends on the number of rows."""
    return torch.searchsorted(shares, torch.rand(n, device=shares.device)).clamp_(max=len(shares) - 1)

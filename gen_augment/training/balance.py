"""How often training meets each class, and each category of a table.

Reference: Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019 (arXiv:1907.00503): training by
sampling, section 4.3.
"""

from typing import Literal

import torch
from torch import Tensor

from gen_augment.training.batches import Batches
from gen_augment.types import Batch

__all__ = ["CategoryDraw", "RowDraw", "resolve_balance", "row_weights"]


def resolve_balance(class_balance: float | Literal["auto"], y: Tensor, auto: float) -> float:
    """The exponent for rows with class numbers `y`: "auto" is `auto` where a class is thrice as large as another."""
    if class_balance != "auto":
        return class_balance
    counts = torch.bincount(y)
    counts = counts[counts > 0]
    return auto if counts.max() >= 3 * counts.min() else 0.0


def row_weights(y: Tensor, balance: float) -> Tensor:
    """Of rows with class numbers `y`, so that a class of n rows is met in proportion to ``n ** (1 - balance)``.

    Rows are met more often rather than their losses weighted: a weight of 100 on one row in 20 batches would be a jolt,
    and neither the penalty of a GAN nor the spread of the batch would know of it.
    """
    return (torch.bincount(y).double() ** -balance)[y]


class RowDraw:
    """Rows and labels at random, as often as batches meet them."""

    def __init__(self, batches: Batches) -> None:
        self.x, self.y, self.batch_size = batches.x, batches.y, batches.batch_size
        self._shares = (
            None if batches.weights is None else _cumulative(batches.weights).to(self.y.device)
        )

    def real(self) -> Batch:
        """A batch of real rows beside that of the step."""
        here = self._draw(self.batch_size)
        return self.x[here], self.y[here]

    def labels(self, n: int) -> Tensor:
        """Labels of `n` rows to be generated."""
        return self.y[self._draw(n)]

    def _draw(self, n: int) -> Tensor:
        if self._shares is None:
            return torch.randint(len(self.y), (n,), device=self.y.device)
        return _draw(self._shares, n)


class CategoryDraw:
    """Rows and the category that each was drawn by, so that rare ones are met: training by sampling.

    A block is chosen, each as often as any other; a category of it, in proportion to ``log(1 + n)`` for n rows; and a
    row that has it, in proportion to its weight.

    Parameters
    ----------
    batches : Batches
        Of rows that end in one-hot blocks.
    blocks : tuple of int
        Their widths.
    """

    def __init__(self, batches: Batches, blocks: tuple[int, ...]) -> None:
        self.x, self.y, self.n_places = batches.x, batches.y, sum(blocks)
        x, n = self.x, len(self.y)
        first = torch.tensor([0, *blocks[:-1]]).cumsum(0)
        parts = torch.split(x[:, -sum(blocks) :].cpu(), list(blocks), dim=1)
        places = (
            torch.stack([part.argmax(dim=1) for part in parts]) + first[:, None]
        )  # (n_blocks, n_rows)
        flat, order = places.flatten().sort(stable=True)
        counts = torch.bincount(flat, minlength=sum(blocks))
        # Rows by category, one block after another, on a line on which each takes the room of its weight.
        rows = order % n
        weights = torch.ones(n, dtype=torch.float64) if batches.weights is None else batches.weights
        weights = weights[rows]
        line = torch.cat([weights.new_zeros(1), weights.cumsum(0)])
        ends = counts.cumsum(0)
        bounds = line[torch.stack([ends - counts, ends])]  # (2, n_places)
        device = self.y.device
        self._rows, self._line, self._bounds = rows.to(device), line.to(device), bounds.to(device)
        heavy = torch.split(counts.double().log1p(), list(blocks))
        share = torch.cat([part / part.sum() for part in heavy])
        self._shares = _cumulative(share).to(device)

    def __call__(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """`n` rows, their labels, and the places of the categories they were drawn by, counted through all blocks."""
        place = _draw(self._shares, n)
        low, high = self._bounds[:, place]
        at = low + (high - low) * torch.rand(n, device=low.device, dtype=low.dtype)
        here = self._rows[torch.searchsorted(self._line, at, right=True) - 1]
        return self.x[here], self.y[here], place


def _cumulative(weights: Tensor) -> Tensor:
    return (weights.cumsum(0) / weights.sum()).float()


def _draw(shares: Tensor, n: int) -> Tensor:
    """Row numbers, with replacement, in time that hardly depends on the number of rows."""
    return torch.searchsorted(shares, torch.rand(n, device=shares.device)).clamp_(
        max=len(shares) - 1
    )

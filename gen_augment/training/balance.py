"""How often training meets each class."""

import torch
from torch import Tensor

from gen_augment.training.batches import Batches
from gen_augment.types import Batch

__all__ = ["RowDraw"]


class RowDraw:
    """Rows for the discriminator and labels for the generator, each class in proportion to ``n ** (1 - balance)``.

    Rows are redrawn rather than their losses weighted: a weight of 100 on one row in 20 batches would be a jolt, and
    neither the penalty nor the spread of the batch would know of it. Rows without a label are at most half of all.
    """

    def __init__(self, batches: Batches, n_classes: int, balance: float) -> None:
        self.x, self.y, self.balance = batches.x, batches.y, balance
        self.labelled = self.y[self.y >= 0]
        counts = torch.bincount(self.labelled, minlength=n_classes).cpu().double()
        weights = counts.clamp(min=1) ** -balance
        weights *= counts.sum() / (counts * weights).sum()  # a labelled row weighs 1 on average
        rest = counts.sum() / max(1, len(self.y) - len(self.labelled))
        by_row = torch.cat([weights, rest.clamp(max=1)[None]])[self.y.cpu()]  # -1 is the last
        self._shares = _cumulative(by_row).to(self.y.device)
        self._label_shares = _cumulative(by_row[self.y.cpu() >= 0]).to(self.y.device)

    def real(self, batch: Batch) -> Batch:
        """The batch itself, or as many rows drawn with balance."""
        if not self.balance:
            return batch
        here = _draw(self._shares, len(batch[1]))
        return self.x[here], self.y[here]

    def labels(self, n: int) -> Tensor:
        """Labels of `n` rows to be generated."""
        if not self.balance:
            return self.labelled[torch.randint(len(self.labelled), (n,), device=self.y.device)]
        return self.labelled[_draw(self._label_shares, n)]


def _cumulative(weights: Tensor) -> Tensor:
    return (weights.cumsum(0) / weights.sum()).float()


def _draw(shares: Tensor, n: int) -> Tensor:
    """Row numbers, with replacement, in time that hardly depends on the number of rows."""
    return torch.searchsorted(shares, torch.rand(n, device=shares.device)).clamp_(max=len(shares) - 1)

"""How often training uses rows of each class."""

from typing import Literal

import torch
from torch import Tensor

from gen_augment.training.batches import Batches

__all__ = ["LabelDraw", "resolve_balance", "row_weights"]


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


class LabelDraw:
    """Draws labels of rows to be generated, each as often as training uses it.

    Parameters
    ----------
    batches : Batches
    """

    def __init__(self, batches: Batches) -> None:
        self.y = batches.y
        self._shares = (
            None if batches.weights is None else _cumulative(batches.weights).to(self.y.device)
        )

    def __call__(self, n: int) -> Tensor:
        """Draw `n` labels with replacement."""
        if self._shares is None:
            return self.y[torch.randint(len(self.y), (n,), device=self.y.device)]
        return self.y[_draw(self._shares, n)]


def _cumulative(weights: Tensor) -> Tensor:
    return (weights.cumsum(0) / weights.sum()).float()


def _draw(shares: Tensor, n: int) -> Tensor:
    """Row numbers, with replacement, in time that hardly depends on the number of rows."""
    return torch.searchsorted(shares, torch.rand(n, device=shares.device)).clamp_(
        max=len(shares) - 1
    )

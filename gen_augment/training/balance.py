"""How often training uses rows of each class."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from gen_augment.batch_share import own_rows
from gen_augment.training.batches import Batches

__all__ = ["LabelDraw", "resolve_balance", "row_weights"]


def resolve_balance(class_balance: float | Literal["auto"], counts: Tensor, auto: float) -> float:
    """Return the exponent of class balancing for classes of so many rows.

    "auto" is `auto` if the largest class has at least 3 times the rows of the smallest,
    and 0 otherwise.

    Examples
    --------
    >>> resolve_balance("auto", torch.tensor([3, 1]), auto=0.5)
    0.5
    >>> resolve_balance("auto", torch.tensor([2, 1]), auto=0.5)
    0.0
    """
    if class_balance != "auto":
        return class_balance
    counts = counts[counts > 0]
    return auto if counts.max() >= 3 * counts.min() else 0.0


def row_weights(y: Tensor, balance: float) -> Tensor:
    """Return sampling weights of rows with class numbers `y`.

    A class of n rows is sampled in proportion to ``n ** (1 - balance)``. Rows are
    resampled rather than their losses weighted. A weight of 100 on one row in 20
    batches would make the updates unstable. It would not affect the penalty of a GAN or
    batch statistics.

    Examples
    --------
    >>> row_weights(torch.tensor([0, 0, 1]), balance=1.0).tolist()
    [0.5, 0.5, 1.0]
    """
    return (torch.bincount(y).double() ** -balance)[y]


class LabelDraw:
    """Draws labels for generated rows with the class frequencies of training.

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
            draw = partial(torch.randint, len(self.y), device=self.y.device)
            return self.y[own_rows(lambda rows: draw((rows,)), n)]
        return self.y[own_rows(partial(_draw, self._shares), n)]


def _cumulative(weights: Tensor) -> Tensor:
    return (weights.cumsum(0) / weights.sum()).float()


def _draw(shares: Tensor, n: int) -> Tensor:
    """Draw row numbers with replacement, in logarithmic time per draw."""
    return torch.searchsorted(shares, torch.rand(n, device=shares.device)).clamp_(
        max=len(shares) - 1
    )

"""A small classifier of encoded rows: its features compare rows, its predictions label them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gen_augment.errors import DivergedError
from gen_augment.training.batches import Batches
from gen_augment.training.placement import without_gpu_search

__all__ = ["check_finite", "descend", "predict_proba", "train_classifier"]

LR = 2e-3
#: Rows in one forward pass of a prediction, and their numbers.
PREDICTED_AT_ONCE, PREDICTED_NUMBERS = 512, 2**24


@torch.inference_mode(False)
@torch.enable_grad()
def train_classifier(
    trunk: nn.Module,
    head: nn.Module,
    batches: Batches,
    n_steps: int,
    *,
    mixup: float = 0.0,
    augment: Callable[[Tensor], Tensor] | None = None,
) -> None:
    """Train in place, with dropout between `trunk` and `head`; uses torch's global generator.

    Parameters
    ----------
    trunk : nn.Module
        Maps encoded rows to features.
    head : nn.Module
        Maps features to logits.
    batches : Batches
    n_steps : int
    mixup : float
        Parameter of the Beta distribution of MixUp (Zhang et al., 2018, arXiv:1710.09412); 0
        trains without MixUp.
    augment : callable, optional
        Random change of a batch of rows that keeps their classes.

    Raises
    ------
    DivergedError
        The loss is not finite.
    """
    parameters = [*trunk.parameters(), *head.parameters()]
    optimizer = without_gpu_search(torch.optim.AdamW(parameters, lr=LR, fused=True))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    loss = torch.zeros(())
    for step in range(n_steps):
        x, y = batches.at(step)
        if augment is not None:
            x = augment(x)
        if mixup:
            share = float(torch.distributions.Beta(mixup, mixup).sample())
            other = torch.randperm(len(y)).to(y.device)
            logits = head(F.dropout(trunk(torch.lerp(x[other], x, share)), 0.3))
            mine, theirs = F.cross_entropy(logits, y), F.cross_entropy(logits, y[other])
            loss = share * mine + (1 - share) * theirs
        else:
            loss = F.cross_entropy(head(F.dropout(trunk(x), 0.3)), y)
        descend(loss, optimizer, schedule)
    check_finite(loss, n_steps, "the classifier", "look for extreme values in X")


def descend(loss: Tensor, optimizer: Optimizer, schedule: LRScheduler) -> None:
    """Take one step of an optimiser and of its schedule."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    schedule.step()


def check_finite(loss: Tensor, n_steps: int, whose: str, remedy: str) -> None:
    """Raise `DivergedError` unless the last loss is finite."""
    if not torch.isfinite(loss):
        message = f"{whose}'s loss is not finite after {n_steps} steps: {remedy}."
        raise DivergedError(message, step=n_steps, loss="cross_entropy")


@torch.no_grad()
def predict_proba(network: nn.Module, x: Tensor, device: str | torch.device) -> np.ndarray:
    """Return the probabilities of a network of logits: ndarray of shape (n, n_classes), float64."""
    n_rows = PREDICTED_NUMBERS // max(1, x[:1].numel())
    parts = torch.split(x, min(PREDICTED_AT_ONCE, max(1, n_rows)))
    logits = torch.cat([network(part.to(device)).cpu() for part in parts])
    return logits.double().softmax(dim=1).numpy()

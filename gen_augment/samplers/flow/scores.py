"""Densities and class scores of a flow.

The log-density follows from the change of variables along the path from a row back to noise::

    log p(x) = log N(z; 0, I) - integral of div v(x_t, t) dt over t from 0 to 1

The divergence is exact in up to 32 dimensions, else an unbiased estimate (Hutchinson).

The denoising loss is a cheaper score of classes. All classes are compared at the same times and
with the same noise, so most of the variance cancels in their differences.

References
----------
Grathwohl et al., "FFJORD", 2018 (arXiv:1810.01367): the change of variables and the estimate.
Li et al., "Your Diffusion Model is Secretly a Zero-Shot Classifier", ICCV 2023 (arXiv:2303.16203),
and Clark and Jaini, "Text-to-Image Diffusion Models are Zero-Shot Classifiers", 2023
(arXiv:2303.15233): classes compared by the loss at shared pairs, with more pairs for likely ones.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gen_augment.rng import derive_seed, normal

__all__ = ["EXACT_DIM", "class_scores", "flow_log_prob", "probes"]

#: Velocity of rows (B, ...) at times (B,) for classes (B,).
Velocity = Callable[[Tensor, Tensor, Tensor], Tensor]
#: The same at one time for all rows.
VelocityAt = Callable[[Tensor, float, Tensor], Tensor]

#: Highest dimension in which divergences are exact.
EXACT_DIM = 32
#: Random directions of a divergence that is estimated.
N_PROBES = 8
#: Times of the shared pairs lie evenly between these.
FIRST_TIME, LAST_TIME = 0.1, 0.7


def class_scores(
    velocity: Velocity, x: Tensor, n_classes: int, n_pairs: int, n_close: int, seed: int
) -> Tensor:
    """Return the negative mean denoising loss of each row for each class: (B, n_classes).

    Parameters
    ----------
    velocity : callable
    x : Tensor of shape (B, ...)
        Encoded rows.
    n_classes : int
    n_pairs : int
        Pairs of time and noise for all classes.
    n_close : int
        Further pairs for the two best classes of each row.
    seed : int
        Names the noise.
    """
    y = torch.arange(n_classes, device=x.device).repeat(len(x))
    pairs = [_pair(k, n_pairs, x, seed) for k in range(n_pairs)]
    rows = x.repeat_interleave(n_classes, dim=0)
    losses = [_losses(velocity, rows, y, t, z).view(len(x), n_classes) for t, z in pairs]
    scores = -torch.stack(losses).mean(dim=0)
    if not n_close or n_classes < 2:
        return scores
    best = scores.topk(2, dim=1).indices
    pairs = [_pair(k, n_close, x, derive_seed(seed, "close")) for k in range(n_close)]
    rows = x.repeat_interleave(2, dim=0)
    more = [_losses(velocity, rows, best.flatten(), t, z).view(len(x), 2) for t, z in pairs]
    # The middle of the two is known from all classes; the new pairs refine their difference.
    first = scores.gather(1, best)
    fine = (first * n_pairs - torch.stack(more).sum(dim=0)) / (n_pairs + n_close)
    shift = first.mean(dim=1, keepdim=True) - fine.mean(dim=1, keepdim=True)
    return scores.scatter(1, best, fine + shift)


def _pair(number: int, count: int, x: Tensor, seed: int) -> tuple[float, Tensor]:
    """Return one of `count` times, spread evenly, and noise that all rows share."""
    t = FIRST_TIME + (LAST_TIME - FIRST_TIME) * (number + 0.5) / count
    z = normal(np.array([number]), tuple(x.shape[1:]), derive_seed(seed, "pairs"))
    return t, z.to(x.device)


def _losses(velocity: Velocity, x: Tensor, y: Tensor, t: float, z: Tensor) -> Tensor:
    """Return ``|v(x_t, t, y) - (x - z)|^2`` of each row: (B,)."""
    times = torch.full((len(x),), t, dtype=x.dtype, device=x.device)
    error = velocity(torch.lerp(z.expand_as(x), x, t), times, y) - (x - z)
    return error.float().square().flatten(1).sum(dim=1)


def probes(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return directions of shape (n, *shape) whose products ``e (J e)`` sum to the divergence.

    They are unit vectors in few dimensions, and otherwise random signs, scaled by their number.
    """
    size = math.prod(shape)
    if size <= EXACT_DIM:
        return torch.eye(size).view(size, *shape)
    signs = normal(np.arange(N_PROBES), shape, derive_seed(seed, "probes")).sign()
    return signs / math.sqrt(N_PROBES)


@torch.enable_grad()
def flow_log_prob(
    velocity: VelocityAt, x: Tensor, y: Tensor, directions: Tensor, n_steps: int
) -> Tensor:
    """Return log-densities (B,) by the change of variables, in steps of Heun's method.

    Parameters
    ----------
    velocity : callable
    x : Tensor of shape (B, ...)
        Encoded rows.
    y : Tensor of shape (B,)
    directions : Tensor of shape (n, ...)
        Of `probes`.
    n_steps : int
    """

    def slope(at: Tensor, t: float) -> tuple[Tensor, Tensor]:
        at = at.detach().requires_grad_()
        v = velocity(at, t, y)
        e = directions[:, None].expand(-1, *at.shape)
        (product,) = torch.autograd.grad(v, at, e, is_grads_batched=True)  # (n, B, ...)
        return v.detach(), (e * product).flatten(2).sum(dim=(0, 2))

    total = torch.zeros(len(x), device=x.device)
    for t, later in pairwise(np.linspace(1, 0, n_steps + 1).tolist()):
        v, divergence = slope(x, t)
        v_later, divergence_later = slope(x + (later - t) * v, later)
        x = x + (later - t) * (v + v_later) / 2
        total = total + (later - t) * (divergence + divergence_later) / 2
    z = x.flatten(1)
    prior = -0.5 * z.square().sum(dim=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)
    return prior + total

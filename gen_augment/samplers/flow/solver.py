"""Solver of the flow's differential equation: the method of Adams and Bashforth, second order.

Each step evaluates the network once, and extrapolates from its velocity and the one before. With
steps ``h``, the first of which is one of Euler's::

    x <- x + h v + h^2 / (2 h_before) (v - v_before)

Times are closer to each other at both ends of the path, where the velocity changes most. The
network is evaluated at the start of a step only. Heun's method needs the velocity at time 1 for
the last step, and training samples no times so late.

References
----------
Hairer, Nørsett and Wanner, "Solving Ordinary Differential Equations I", 1993, section III.5: the
method with steps of different sizes.
Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential Integrator", 2022
(arXiv:2204.13902): multistep methods for few evaluations.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from torch import Tensor

__all__ = ["path_times", "solve"]


def path_times(n_steps: int, start: float, end: float) -> list[float]:
    """Return ``n_steps + 1`` times from `start` to `end`.

    They are half way between an even spacing and one by a cosine.

    Examples
    --------
    >>> [round(t, 3) for t in path_times(4, 0.0, 1.0)]
    [0.0, 0.198, 0.5, 0.802, 1.0]
    """
    shares = [step / n_steps for step in range(n_steps + 1)]
    return [
        start + (end - start) * (share + (1 - math.cos(math.pi * share)) / 2) / 2
        for share in shares
    ]


def solve(
    velocity: Callable[[Tensor, float], Tensor], x: Tensor, times: Sequence[float]
) -> Iterator[Tensor]:
    """Integrate ``dx/dt = velocity(x, t)`` along `times`, with one evaluation a step.

    Parameters
    ----------
    velocity : callable
    x : Tensor of shape (B, ...)
        Rows at the first time.
    times : sequence of float
        Increasing or decreasing.

    Yields
    ------
    Tensor of shape (B, ...)
        Rows at each time but the first.
    """
    before: tuple[Tensor, float] | None = None
    for t, later in pairwise(times):
        h, v = later - t, velocity(x, t)
        slope = v if before is None else v + h / (2 * before[1]) * (v - before[0])
        before = v, h
        x = x + h * slope
        yield x

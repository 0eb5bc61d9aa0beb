"""A student of a flow: a second network that makes a row in two evaluations.

The flow's paths from noise are solved in fine steps. The student starts as a copy of the flow's
averaged network, and learns the mean velocity over each half of a path::

    loss = E |u(x_a, a, y) - (x_b - x_a) / (b - a)|^2,      (a, b) = (0, 1/2) or (1/2, 1)

A row is then two steps of Euler's method with `u`. Nothing but the network is learned from, so that
a student needs no rows, and spends no budget of privacy.

References
----------
Salimans and Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", 2022
(arXiv:2202.00512).
Frans et al., "One Step Diffusion via Shortcut Models", 2024 (arXiv:2410.12557): mean velocities.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gen_augment.batch_share import own_share
from gen_augment.rng import derive_seed
from gen_augment.samplers.flow.solver import path_times, solve
from gen_augment.training import Batches, Loop
from gen_augment.training.placement import evaluating
from gen_augment.types import Batch

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["HALF", "draw_paths", "sample_in_two", "teach"]

#: Where a path is cut into two.
HALF = 0.5
#: Solver steps of a path that is learned from; half of them lead to `HALF`.
PATH_STEPS = 8
#: How often each path is learned from. Solving one takes about as long as three such uses.
USES = 4
#: Peak learning rate; the student starts from a trained network.
LR = 1e-3
#: Bytes that paths may take.
PATH_BYTES = 2**28

VelocityAt = Callable[[Tensor, float, Tensor], Tensor]


def teach(network: Any, velocity: VelocityAt, sampler: Any, fabric: "Fabric") -> None:
    """Train ``network.student`` on new paths; draws from torch's global generator.

    Parameters
    ----------
    network : FlowNetwork
        Its averaged network is the start.
    velocity : callable
        Velocity of rows (B, ...) at a time for classes (B,), which the paths follow.
    sampler : ConditionalFlow
    fabric : Fabric
    """
    student, spec = network.student, sampler.spec_
    student.load_state_dict(network.ema.module.state_dict())
    n_paths = sampler.student_steps * sampler.batch_size // USES
    n_paths = max(2, min(n_paths, PATH_BYTES // (3 * 4 * math.prod(spec.shape))))
    y = torch.randint(spec.n_classes, (n_paths,), device=fabric.device)
    with evaluating(network):
        paths = draw_paths(velocity, spec.shape, y, spec.networks.sample_batch_size)
    seed = derive_seed(sampler.seed_, "paths")
    loop = Loop(
        Batches(paths, y, batch_size=sampler.batch_size, seed=seed),
        student,
        sampler=sampler,
        fabric=fabric,
        max_steps=sampler.student_steps,
    )
    optimizer = torch.optim.AdamW(student.parameters(), lr=LR, weight_decay=1e-4, fused=True)
    update = loop.updater(student, optimizer)

    def step(batch: Batch) -> dict[str, Tensor]:
        return update(_loss, *batch)

    loop.run(step)


def draw_paths(velocity: VelocityAt, shape: tuple[int, ...], y: Tensor, batch_size: int) -> Tensor:
    """Return noise, middle and end of a new path for each class: (n, 3, *shape).

    Parameters
    ----------
    velocity : callable
        Of rows (B, *shape) at a time for classes (B,).
    shape : tuple of int
    y : Tensor of shape (n,)
        Classes.
    batch_size : int
        Paths that are solved at once.
    """
    times = path_times(PATH_STEPS, 0.0, 1.0)

    def path(classes: Tensor) -> Tensor:
        z = torch.randn(len(classes), *shape, device=classes.device)
        states = [z, *solve(lambda x, t: velocity(x, t, classes), z, times)]
        return torch.stack(states[:: PATH_STEPS // 2], dim=1)

    with torch.no_grad():
        return torch.cat([path(classes) for classes in torch.split(y, batch_size)])


def _loss(student: Any, paths: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Return the loss on the second half of every other path (B, 3, ...), the first of the rest.

    The second half starts where the student itself arrives, so that it learns to mend its errors.
    """
    z, middle, end = paths.unbind(dim=1)  # (B, ...) each
    # By the place in the whole batch: the same paths for any number of processes that share it.
    late = slice((own_share()[0] * len(y) + 1) % 2, None, 2)
    start, later, t = z.clone(), middle.clone(), z.new_zeros(len(y))
    with torch.no_grad():
        start[late] = _half_step(student, z[late], 0.0, y[late])
    later[late], t[late] = end[late], HALF
    return {"loss": (student(start, t, y) - (later - start) / HALF).square().mean()}


def sample_in_two(student: Any, z: Tensor, y: Tensor) -> Tensor:
    """Return rows of noise and classes in two evaluations of the student."""
    return _half_step(student, _half_step(student, z, 0.0, y), HALF, y)


def _half_step(student: Any, x: Tensor, t: float, y: Tensor) -> Tensor:
    times = torch.full((len(x),), t, dtype=x.dtype, device=x.device)
    moved: Tensor = x + HALF * student(x, times, y)
    return moved

"""Velocity network of a conditional flow."""

import copy

import torch
from torch import Tensor, nn

from gen_augment.modalities import DataSpec
from gen_augment.modalities.conditioning import ClassEmbedding, TimeEmbedding
from gen_augment.training import EMA

__all__ = ["FlowNetwork", "Velocity"]

CONDITION_DIM = 128


class FlowNetwork(nn.Module):
    """Velocity network, its moving average, and a student of the average.

    Parameters
    ----------
    spec : DataSpec
    width : int
    ema_decay : float
    has_student : bool

    Attributes
    ----------
    taught : Tensor of shape (), float64
        The guidance that the student has learned, or -1 before it has learned.
    """

    taught: Tensor

    def __init__(
        self, spec: DataSpec, width: int, ema_decay: float, *, has_student: bool = False
    ) -> None:
        super().__init__()
        self.velocity = Velocity(spec, width)
        self.ema = EMA(self.velocity, ema_decay)
        self.student = copy.deepcopy(self.velocity) if has_student else None
        self.register_buffer("taught", torch.tensor(-1.0, dtype=torch.float64))


class Velocity(nn.Module):
    """``v(x, t, y)``: the velocity of rows at a time, given their class.

    Parameters
    ----------
    spec : DataSpec
    width : int
    """

    def __init__(self, spec: DataSpec, width: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(CONDITION_DIM)
        self.label = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        self.body = spec.networks.velocity(spec, CONDITION_DIM, width)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return velocities of rows (B, ...) at times (B,); class code -1 is "no label"."""
        condition = nn.functional.silu(self.time(t) + self.label(y))
        velocity: Tensor = self.body(x, condition)
        return velocity

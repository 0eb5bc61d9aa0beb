"""Velocity network of a conditional flow.

For one-hot blocks the network returns logits. The velocity of a block follows from its expected
end: with probabilities ``p`` and rows of -1 and 1, ``v = (2 p - 1 - x_t) / (1 - t)``. So blocks are
learned by cross-entropy, as a classifier learns, which keeps the frequencies of rare categories.
To the logits the row's own evidence is added, ``2 t x_t / (1 - t)^2``. With the log-frequencies
this is Bayes' rule for a category that depends on nothing else, so the network learns the rest.

References
----------
Eijkelboom et al., "Variational Flow Matching for Graph Generation", NeurIPS 2024
(arXiv:2406.04843).
"""

import copy

import torch
from torch import Tensor, nn

from gen_augment.modalities import DataSpec
from gen_augment.modalities.blocks import block_softmax
from gen_augment.modalities.conditioning import ClassEmbedding, TimeEmbedding
from gen_augment.training import EMA

__all__ = ["FlowNetwork", "Velocity"]

CONDITION_DIM = 128
#: Velocities of blocks grow towards time 1, and no further than at this distance from it.
LEAST_TIME = 0.01


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
        self.blocks = spec.blocks
        self.time = TimeEmbedding(CONDITION_DIM)
        self.label = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        self.body = spec.networks.velocity(spec, CONDITION_DIM, width)

    def forward(self, x: Tensor, t: Tensor, y: Tensor, *, logits: bool = False) -> Tensor:
        """Return velocities of rows (B, ...) at times (B,); class code -1 is "no label".

        With `logits`, one-hot blocks have logits in the place of velocities.
        """
        condition = nn.functional.silu(self.time(t) + self.label(y))
        out: Tensor = self.body(x, condition)
        if not self.blocks:
            return out
        n, left = sum(self.blocks), (1 - t).clamp_min(LEAST_TIME)[:, None]
        scores = out[:, -n:] + 2 * t[:, None] * x[:, -n:] / left.square()
        if logits:
            return torch.cat([out[:, :-n], scores], dim=1)
        p = block_softmax(scores, self.blocks)
        return torch.cat([out[:, :-n], (2 * p - 1 - x[:, -n:]) / left], dim=1)

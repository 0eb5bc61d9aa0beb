"""Exponential moving average of a network's weights.

Reference: Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", 2019 (arXiv:1806.04498).
"""

import copy

import torch
from torch import Tensor, nn

__all__ = ["EMA"]


class EMA(nn.Module):
    """A frozen copy that follows a network: ``average <- d * average + (1 - d) * weights``.

    The decay warms up as ``min(decay, (1 + t) / (10 + t))``, so that the first, random weights are
    soon forgotten. Running statistics of normalisation layers are averaged alike.

    Parameters
    ----------
    module : nn.Module
        The network to copy.
    decay : float
        In [0, 1); 0 gives the last weights.
    """

    n_updates: Tensor

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay = decay
        self.register_buffer("n_updates", torch.zeros((), dtype=torch.int64))
        self._count: int | None = None

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the weights of `module`."""
        if self._count is None:
            self._count = int(self.n_updates)
        decay = min(self.decay, (1 + self._count) / (10 + self._count))
        mine = [t for t in self.module.state_dict().values() if t.is_floating_point()]
        theirs = [t for t in module.state_dict().values() if t.is_floating_point()]
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        self._count += 1
        self.n_updates += 1

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the averaged network."""
        output: Tensor = self.module(*inputs)
        return output

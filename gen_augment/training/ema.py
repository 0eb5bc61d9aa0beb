"""Exponential moving average of a network's weights.

Reference: Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", 2019 (arXiv:1806.04498).
"""

import copy
from collections.abc import Callable

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

    def follow(self, module: nn.Module) -> Callable[[], None]:
        """Prepare to follow `module`, which must stay where it is; call what comes back after each of its steps."""
        mine = [t for t in self.module.state_dict().values() if t.is_floating_point()]
        theirs = [t for t in module.state_dict().values() if t.is_floating_point()]
        count: int | None = None

        @torch.no_grad()
        def update() -> None:
            nonlocal count
            if count is None:  # read once, and late: a checkpoint may have been loaded since
                count = int(self.n_updates)
            torch._foreach_lerp_(mine, theirs, 1 - min(self.decay, (1 + count) / (10 + count)))
            count += 1
            self.n_updates += 1

        return update

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the averaged network."""
        output: Tensor = self.module(*inputs)
        return output

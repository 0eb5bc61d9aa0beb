"""Exponential moving average of a network's weights.

Reference: Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", 2019
(arXiv:1806.04498).
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["EMA"]


class EMA(nn.Module):
    """A frozen copy of the running average: ``average <- d * average + (1 - d) * weights``.

    The decay warms up as ``min(decay, (1 + t) / (10 + t))``, so that the initial random weights
    lose their influence soon. Running statistics of normalisation layers are averaged too.

    Parameters
    ----------
    module : nn.Module
        The network to copy.
    decay : float
        In [0, 1); 0 gives the last weights.

    Examples
    --------
    >>> layer = nn.Linear(1, 1)
    >>> average = EMA(layer, decay=0.0)
    >>> update = average.follow(layer)
    >>> _ = nn.init.constant_(layer.weight, 3.0)
    >>> update()
    >>> average.module.weight.item()
    3.0
    """

    n_updates: Tensor

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay = decay
        self.register_buffer("n_updates", torch.zeros((), dtype=torch.int64))

    def follow(self, module: nn.Module) -> Callable[[], None]:
        """Return a function to call after each step of `module`, which must stay on its device."""
        mine = [t for t in self.module.state_dict().values() if t.is_floating_point()]
        theirs = [t for t in module.state_dict().values() if t.is_floating_point()]
        count: int | None = None

        @torch.no_grad()
        def update() -> None:
            nonlocal count
            if count is None:  # read late: a checkpoint may have been loaded since
                count = int(self.n_updates)
            torch._foreach_lerp_(mine, theirs, 1 - min(self.decay, (1 + count) / (10 + count)))
            count += 1
            self.n_updates += 1

        return update

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the averaged network."""
        output: Tensor = self.module(*inputs)
        return output

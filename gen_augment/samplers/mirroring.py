"""Random mirror images in training."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["mirror_half"]


def mirror_half(x: Tensor, mirror: Callable[[Tensor], Tensor]) -> Tensor:
    """Mirror each row with probability 1/2.

    Nothing is drawn if `mirror` returns the same tensor, as for rows that have no mirror image.
    """
    mirrored = mirror(x)
    if mirrored is x:
        return x
    chosen = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) < 0.5
    return torch.where(chosen, mirrored, x)

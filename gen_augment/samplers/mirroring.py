"""Random mirror images in training."""

from collections.abc import Callable

import torch
from torch import Tensor

from gen_augment.batch_share import own_rows

__all__ = ["mirror_half"]


def mirror_half(x: Tensor, mirror: Callable[[Tensor], Tensor]) -> Tensor:
    """Mirror each row with probability 1/2.

    Nothing is drawn if `mirror` returns the same tensor, as for rows that have no mirror image.
    """
    mirrored = mirror(x)
    if mirrored is x:
        return x
    u = own_rows(lambda n: torch.rand(n, *[1] * (x.ndim - 1), device=x.device), len(x))
    return torch.where(u < 0.5, mirrored, x)

"""Lapping of patches: an invertible filter across the edges between them.

Patches of a lapped image are encoded one by one. What an error in one of them changes in the image
fades out over half a patch on each side, so that no edges are seen.

References
----------
Tran, Liang and Tu, "Lapped Transform via Time-Domain Pre- and Post-Filtering", IEEE Transactions on
Signal Processing, 2003: equations 12 to 15, with eight pixels and a scale of 8/5.
"""

import math

import torch
from torch import Tensor

__all__ = ["PATCH", "lapped", "lapping"]

PATCH = 8
#: Scale of the smoothest difference across an edge.
SCALE = 8 / 5


def lapping() -> Tensor:
    """Return the filter of the eight pixels around an edge: float64 Tensor of shape (8, 8).

    It keeps constants, and commutes with mirroring.
    """
    half = PATCH // 2
    place = torch.arange(half, dtype=torch.float64, device="cpu")
    one = torch.ones(half, dtype=torch.float64, device="cpu")
    second = (math.pi / half * torch.outer(place, place + 0.5)).cos() * math.sqrt(2 / half)
    second[0] /= math.sqrt(2)
    fourth = (math.pi / half * torch.outer(place + 0.5, place + 0.5)).cos() * math.sqrt(2 / half)
    scale = one.clone()
    scale[0] = SCALE
    inner = (second.T * scale @ fourth).flip(0, 1)
    same, mirror = one.diag(), one.diag().flip(0)
    butterfly = torch.cat([torch.cat([same, mirror], 1), torch.cat([mirror, -same], 1)])
    both = torch.cat([torch.cat([same, 0 * same], 1), torch.cat([0 * same, inner], 1)])
    return butterfly @ both @ butterfly / 2


def lapped(x: Tensor, matrix: Tensor) -> Tensor:
    """Multiply the eight pixels around each edge by a matrix, along both axes.

    Parameters
    ----------
    x : Tensor of shape (B, C, H, W)
        The sides are multiples of 8.
    matrix : Tensor of shape (8, 8)
        `lapping`, or its inverse.

    Examples
    --------
    >>> x = torch.linspace(-1, 1, 16 * 24).view(1, 1, 16, 24)
    >>> matrix = lapping().float()
    >>> torch.allclose(lapped(lapped(x, matrix), matrix.inverse()), x, atol=1e-5)
    True
    """
    matrix, x = matrix.to(x.dtype), x.clone()
    n, channels, height, width = x.shape
    inner = slice(PATCH // 2, -PATCH // 2)
    rows, columns = x[:, :, inner], x[..., inner]
    rows.copy_((matrix @ rows.reshape(n, channels, -1, PATCH, width)).flatten(2, 3))
    columns.copy_((columns.reshape(n, channels, height, -1, PATCH) @ matrix.T).flatten(3))
    return x

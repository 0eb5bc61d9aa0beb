"""Differentiable augmentation of images, for real and generated ones alike.

Reference: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020
(arXiv:2006.10738), sections 3.2 and 4.1.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from gen_augment.batch_share import own_rows

__all__ = ["SMALL_SHIFT", "diff_augment"]

#: A translation that keeps the label of nearly any image, as a share of the side: one pixel of 8,
#: two of 28.
SMALL_SHIFT = 1 / 14


def diff_augment(
    x: Tensor,
    *,
    p: float | Tensor = 1.0,
    shift: float = 0.125,
    cutout: float = 0.5,
    scale: float = 0.0,
    colour: bool = False,
) -> Tensor:
    """Translate, cut out, scale and recolour each image at random.

    Parameters
    ----------
    x : Tensor of shape (B, C, H, W)
        Images in [-1, 1].
    p : float or Tensor of shape ()
        Share of the images that are changed, in [0, 1]. The value of a Tensor is not read, so
        that the device does not have to be synchronised.
    shift : float
        Largest translation, as a share of the side; the border is filled with -1.
    cutout : float
        Side of the square that is set to 0, as a share of the side; 0 for none.
    scale : float
        Images become ``2 ** N(0, scale ** 2)`` times as large; 0 for none.
    colour : bool
        Random brightness, saturation and contrast.

    Returns
    -------
    Tensor of shape (B, C, H, W)
        Differentiable with respect to `x`.
    """
    changed = _recolour(x) if colour else x
    if scale > 0:
        changed = _resize(changed, scale)
    changed = _translate(changed, shift)
    if cutout > 0:
        changed = _cutout(changed, cutout)
    if not isinstance(p, Tensor) and p == 1:
        return changed
    u = own_rows(lambda n: torch.rand(n, 1, 1, 1, device=x.device), len(x))
    return torch.where(u < p, changed, x)


def _recolour(x: Tensor) -> Tensor:
    brightness, saturation, contrast = own_rows(
        lambda n: torch.rand(3, n, 1, 1, 1, device=x.device, dtype=x.dtype).transpose(0, 1), len(x)
    ).unbind(1)
    x = x + (brightness - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    recoloured: Tensor = (x - mean) * (contrast + 0.5) + mean
    return recoloured


def _resize(x: Tensor, deviation: float) -> Tensor:
    z = own_rows(lambda n: torch.randn(n, 1, 1, device=x.device, dtype=x.dtype), len(x))
    factor = torch.exp2(deviation * z)
    grid = F.affine_grid(
        factor * torch.eye(2, 3, device=x.device, dtype=x.dtype), list(x.shape), align_corners=False
    )
    return F.grid_sample(x + 1, grid, align_corners=False) - 1  # -1 beyond the border


def _translate(x: Tensor, share: float) -> Tensor:
    batch, _, height, width = x.shape
    dy, dx = round(height * share), round(width * share)
    padded = F.pad(x, (dx, dx, dy, dy), value=-1.0)
    top = _integers(x, 2 * dy + 1).view(-1, 1, 1)
    left = _integers(x, 2 * dx + 1).view(-1, 1, 1)
    rows = top + torch.arange(height, device=x.device)[None, :, None]  # (B, H, 1)
    columns = left + torch.arange(width, device=x.device)[None, None, :]  # (B, 1, W)
    which = torch.arange(batch, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)


def _cutout(x: Tensor, share: float) -> Tensor:
    _, _, height, width = x.shape
    size_y, size_x = round(height * share), round(width * share)
    centre_y, centre_x = _integers(x, height)[:, None], _integers(x, width)[:, None]
    far_y = (torch.arange(height, device=x.device) - centre_y).abs() * 2 >= size_y  # (B, H)
    far_x = (torch.arange(width, device=x.device) - centre_x).abs() * 2 >= size_x  # (B, W)
    keep = far_y[:, None, :, None] | far_x[:, None, None, :]
    return x * keep


def _integers(x: Tensor, high: int) -> Tensor:
    """Draw a number below `high` for each row: (B,)."""
    return own_rows(lambda n: torch.randint(high, (n,), device=x.device), len(x))

"""Differentiable augmentation of images, applied alike to real and generated ones.

Reference: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020
(arXiv:2006.10738), sections 3.2 and 4.1.
"""

import torch
from torch import Tensor

__all__ = ["diff_augment"]


def diff_augment(
    x: Tensor, *, p: float = 1.0, shift: float = 0.125, cutout: float = 0.5, colour: bool = False
) -> Tensor:
    """Shift, cut out and, where asked, recolour each image at random.

    Parameters
    ----------
    x : Tensor of shape (B, C, H, W)
        Images in [-1, 1].
    p : float
        Share of the images that are changed, in [0, 1].
    shift : float
        Largest translation, as a share of the side; the border is filled with the lowest value.
    cutout : float
        Side of the square that is blanked, as a share of the side; 0 for none.
    colour : bool
        Random brightness, saturation and contrast.

    Returns
    -------
    Tensor of shape (B, C, H, W)
        Differentiable with respect to `x`.
    """
    changed = _translate(_recolour(x) if colour else x, shift)
    if cutout > 0:
        changed = _cutout(changed, cutout)
    return changed if p == 1 else torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < p, changed, x)


def _recolour(x: Tensor) -> Tensor:
    brightness, saturation, contrast = torch.rand(3, x.shape[0], 1, 1, 1, device=x.device, dtype=x.dtype)
    x = x + (brightness - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    recoloured: Tensor = (x - mean) * (contrast + 0.5) + mean
    return recoloured


def _translate(x: Tensor, share: float) -> Tensor:
    batch, _, height, width = x.shape
    dy, dx = round(height * share), round(width * share)
    padded = torch.nn.functional.pad(x, (dx, dx, dy, dy), value=-1.0)
    top = torch.randint(0, 2 * dy + 1, (batch, 1, 1), device=x.device)
    left = torch.randint(0, 2 * dx + 1, (batch, 1, 1), device=x.device)
    rows = top + torch.arange(height, device=x.device)[None, :, None]  # (B, H, 1)
    columns = left + torch.arange(width, device=x.device)[None, None, :]  # (B, 1, W)
    which = torch.arange(batch, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)


def _cutout(x: Tensor, share: float) -> Tensor:
    batch, _, height, width = x.shape
    size_y, size_x = round(height * share), round(width * share)
    centre_y = torch.randint(0, height, (batch, 1), device=x.device)
    centre_x = torch.randint(0, width, (batch, 1), device=x.device)
    far_y = (torch.arange(height, device=x.device) - centre_y).abs() * 2 >= size_y  # (B, H)
    far_x = (torch.arange(width, device=x.device) - centre_x).abs() * 2 >= size_x  # (B, W)
    keep = far_y[:, None, :, None] | far_x[:, None, None, :]
    return x * keep

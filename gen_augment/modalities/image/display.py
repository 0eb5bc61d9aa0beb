"""Contact sheets of images."""

import torch
from torch import Tensor

__all__ = ["as_sheet"]


def as_sheet(images: Tensor, columns: int) -> Tensor:
    """Arrange images in lines of `columns`.

    Parameters
    ----------
    images : Tensor of shape (n, C, H, W)
        Encoded images, in [-1, 1].
    columns : int

    Returns
    -------
    Tensor of shape (H * lines, W * columns, C)
        An incomplete last line is filled with -1.
    """
    lacking = -len(images) % columns
    if lacking:
        images = torch.cat([images, images.new_full((lacking, *images.shape[1:]), -1.0)])
    lines = images.reshape(-1, columns, *images.shape[1:])  # (lines, columns, C, H, W)
    return lines.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)

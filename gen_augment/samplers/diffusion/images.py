"""The user's images at the size of a pipeline, and a pipeline's images at the user's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.samplers.diffusion.families import Family
from gen_augment.samplers.pretrained.checks import resized

__all__ = ["encode_images", "from_pipeline", "in_parts", "read_mask", "to_pipeline"]


def to_pipeline(images: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Return images (B, C, H, W) with the channels and the size that a pipeline takes."""
    return resized(_with_channels(images, channels), (channels, *size))


def from_pipeline(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a pipeline's images in [0, 1] as images of ``shape``, (C, H, W), in [-1, 1]."""
    return resized(_with_channels(images.float(), shape[0]), shape) * 2 - 1


def read_mask(mask: Any, n: int, shape: tuple[int, ...]) -> Tensor:
    """Return a mask for each of `n` images of `shape`, (C, H, W): bool, of shape (n, 1, H, W).

    Raises
    ------
    InputError
        It is not bool, or has another shape than (H, W) or (n, H, W).
    """
    array, size = np.asarray(mask), shape[1:]
    if array.dtype != bool or array.shape not in (size, (n, *size)):
        raise InputError(
            f"mask is of {array.dtype} and has shape {array.shape}: give booleans of shape {size} "
            f"or {(n, *size)}, True where images may change."
        )
    return torch.from_numpy(np.broadcast_to(array, (n, *size)).copy())[:, None]


@torch.no_grad()
def encode_images(
    family: Family, images: Tensor, size: tuple[int, int], device: torch.device, batch_size: int
) -> Tensor:
    """Return the latents of images (B, C, H, W) in [-1, 1]; the autoencoder works in 32 bits."""
    vae: Any = getattr(family.pipeline, "vae", None)
    dtype = torch.float32 if vae is None else vae.dtype
    if dtype != torch.float32:
        torch.nn.Module.to(vae, torch.float32)  # diffusers' own method warns

    def encode(part: slice) -> Tensor:
        return family.to_latents(to_pipeline(images[part].to(device), family.channels, size))

    made = in_parts(len(images), batch_size, encode)
    if dtype != torch.float32:
        torch.nn.Module.to(vae, dtype)
    return made


def in_parts(n: int, size: int, make: Callable[[slice], Tensor]) -> Tensor:
    """Return ``make(slice)`` of `n` rows, `size` of them at a time."""
    return torch.cat([make(slice(start, start + size)) for start in range(0, n, size)])


def _with_channels(images: Tensor, channels: int) -> Tensor:
    """Repeat a grey channel, or average colours to grey."""
    mine = images.shape[1]
    if mine == channels:
        return images
    if mine == 1:
        return images.expand(-1, channels, -1, -1)
    if channels == 1:
        return images.mean(dim=1, keepdim=True)
    raise InputError(
        f"images with {mine} channels cannot be turned into {channels}: convert the rows given to "
        "fit to RGB or grey."
    )

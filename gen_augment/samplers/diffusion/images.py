"""The user's images at the size of a pipeline, and a pipeline's images at the user's."""

from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.samplers.pretrained.checks import resized

__all__ = ["from_pipeline", "to_pipeline"]


def to_pipeline(images: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Return images (B, C, H, W) with the channels and the size that a pipeline takes."""
    return resized(_with_channels(images, channels), (channels, *size))


def from_pipeline(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a pipeline's images in [0, 1] as images of ``shape``, (C, H, W), in [-1, 1]."""
    return resized(_with_channels(images.float(), shape[0]), shape) * 2 - 1


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

"""Likelihood, warping decoder and classifier for images."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities.image.conv import ConvDecoder
from gen_augment.modalities.networks import GaussianNoise

__all__ = ["LatentNoise", "PixelNoise", "SmallCNN", "WarpDecoder", "warp"]

#: Cells along a side of the displacement field and of the gain.
FIELD_SIZE = 8
#: Largest displacement of a pixel, as a share of the side.
MAX_SHIFT = 0.25
#: Largest side that `SmallCNN` looks at in full resolution.
MAX_DENSE = 128


class PixelNoise(GaussianNoise):
    """Likelihood of an image: normal, with one learned scale for all pixels.

    A scale for each pixel would vanish at a constant border. Images are drawn without noise.
    """

    def __init__(self) -> None:
        super().__init__(0)

    def _scales(self) -> tuple[int, ...]:
        return ()

    def draw(self, out: Tensor, z: Tensor, strength: float = 1.0) -> Tensor:
        """Return the decoder's images, clipped to [-1, 1]."""
        return out.clamp(-1, 1)


class LatentNoise(PixelNoise):
    """Likelihood of a latent image, whose values have no bounds."""

    def draw(self, out: Tensor, z: Tensor, strength: float = 1.0) -> Tensor:
        """Return the decoder's latent images."""
        return out


class WarpDecoder(nn.Module):
    """Source image, code and condition to that image, warped and relit.

    The decoder gives a smooth displacement field and a smooth gain of each channel. A decoder of
    pixels could turn every source into an image of a frequent class.

    Parameters
    ----------
    channels, in_features, condition_dim, width : int
        As in `ConvDecoder`.
    """

    def __init__(self, channels: int, in_features: int, condition_dim: int, width: int) -> None:
        super().__init__()
        field = (2 + channels, FIELD_SIZE, FIELD_SIZE)
        self.decoder = ConvDecoder(field, in_features, condition_dim, width)

    def forward(self, source: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        made = self.decoder(z, condition).float()
        field = F.interpolate(made, source.shape[2:], mode="bicubic", align_corners=False)
        shift, gain = field[:, :2], field[:, 2:]
        # -1 is black: gain scales the distance to it.
        return (warp(source.float(), MAX_SHIFT * shift.tanh()) + 1) * (2 * gain.sigmoid()) - 1


def warp(x: Tensor, shift: Tensor) -> Tensor:
    """Move pixels of images (B, C, H, W) by `shift` (B, 2, H, W), to the right and down.

    A shift of 1 is the whole side.
    """
    height, width = x.shape[2:]
    across = (torch.arange(width, device=x.device, dtype=x.dtype) * 2 + 1) / width - 1
    down = (torch.arange(height, device=x.device, dtype=x.dtype) * 2 + 1) / height - 1
    place = torch.stack(
        [across.expand(height, width), down[:, None].expand(height, width)], dim=-1
    )  # (H, W, 2)
    grid = place + 2 * shift.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


class SmallCNN(nn.Sequential):
    """Classifier of small images with two convolutions and two dense layers.

    Images with a side of more than 128 px are first shrunk to a shorter side of 64 to 127 px.

    Parameters
    ----------
    shape : tuple of int
        ``(C, H, W)``.
    n_classes : int
    """

    def __init__(self, shape: tuple[int, ...], n_classes: int) -> None:
        channels, height, width = shape
        shrink = max(1, min(height, width) // 64) if max(height, width) > MAX_DENSE else 1
        height, width = height // shrink, width // shrink
        super().__init__(
            *([nn.AvgPool2d(shrink)] if shrink > 1 else []),
            *_conv_block(channels, 32),
            *_conv_block(32, 64),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, n_classes),
        )


def _conv_block(channels: int, out: int) -> list[nn.Module]:
    """Pool before the ReLU: the same function, on a quarter of the values."""
    return [
        nn.Conv2d(channels, out, 3, padding=1),
        nn.BatchNorm2d(out),
        nn.MaxPool2d(2),
        nn.ReLU(),
    ]

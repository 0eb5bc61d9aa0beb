"""Convolutional encoder and decoder for images of 8 to 128 px and any aspect ratio.

Strided 4x4 convolutions halve the size until the shorter side is at most 8 px, and transposed ones
double it again. Most of the computation thus happens at low resolution, which suits a CPU.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities.conditioning import ConditionalBatchNorm

__all__ = ["ConvDecoder", "ConvEncoder"]


def pyramid(height: int, width: int, base_width: int) -> tuple[list[int], int, int]:
    """Return the channels of each level, finest first, and the coarsest height and width."""
    n_levels = max(1, math.ceil(math.log2(min(height, width) / 8)))
    widths = [base_width * min(2**level, 4) for level in range(n_levels)]
    scale = 2**n_levels
    return widths, math.ceil(height / scale), math.ceil(width / scale)


class ConvEncoder(nn.Module):
    """Images (B, C, H, W) to feature vectors (B, out_features).

    Parameters
    ----------
    shape : tuple of int
        ``(C, H, W)`` of one image.
    base_width : int
        Channels at the finest level; doubled at each coarser one, up to fourfold.
    norm : bool
        Batch normalisation after each convolution but the first.
    """

    def __init__(self, shape: tuple[int, int, int], base_width: int, *, norm: bool = True) -> None:
        super().__init__()
        channels, height, width = shape
        widths, self.h0, self.w0 = pyramid(height, width, base_width)
        # Zero padding to a multiple of the stride gives encoder and decoder the same grid.
        scale = 2 ** len(widths)
        self.pad = (0, self.w0 * scale - width, 0, self.h0 * scale - height)
        layers: list[nn.Module] = []
        for level, out in enumerate(widths):
            layers.append(nn.Conv2d(channels, out, 4, stride=2, padding=1))
            if norm and level:
                layers.append(nn.BatchNorm2d(out))
            layers.append(nn.LeakyReLU(0.2))
            channels = out
        layers += [nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.out_features = 2 * channels * self.h0 * self.w0

    def forward(self, x: Tensor) -> Tensor:
        if any(self.pad):
            x = F.pad(x, self.pad)
        features: Tensor = self.layers(x).flatten(1)
        return features


class ConvDecoder(nn.Module):
    """Codes (B, in_features) and conditions (B, condition_dim) to images (B, C, H, W).

    There is no last non-linearity.

    Parameters
    ----------
    shape : tuple of int
        ``(C, H, W)`` of one image.
    in_features, condition_dim : int
    base_width : int
        As in `ConvEncoder`.
    """

    def __init__(
        self, shape: tuple[int, int, int], in_features: int, condition_dim: int, base_width: int
    ) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        widths, self.h0, self.w0 = pyramid(self.height, self.width, base_width)
        top = 2 * widths[-1]
        self.stem = nn.Linear(in_features + condition_dim, top * self.h0 * self.w0)
        widths[0] = max(widths[0] // 2, 4)  # channels are most expensive at full resolution
        ins, outs = [top, *widths[:0:-1]], widths[::-1]
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 4, stride=2, padding=1, bias=False)
            for i, o in zip(ins, outs, strict=True)
        )
        self.norms = nn.ModuleList(ConditionalBatchNorm(c, condition_dim) for c in [top, *outs])
        self.head = nn.Conv2d(widths[0], channels, 3, padding=1)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        x = self.stem(torch.cat([z, condition], dim=1))
        x = x.view(x.shape[0], -1, self.h0, self.w0)
        x = F.leaky_relu(self.norms[0](x, condition), 0.2)
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            x = F.leaky_relu(norm(up(x), condition), 0.2)
        image: Tensor = self.head(x)[:, :, : self.height, : self.width]
        return image

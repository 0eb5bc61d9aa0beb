"""Residual one-dimensional convolutions: encoder, decoder and velocity network of series.

Lengths of any size work. Steps are folded into channels, or strides taken, until few positions
are left, so that one layer there can look at the whole series.

Inside the networks, series are images of height 1 with channels last, (B, C, 1, L): a CPU
convolves them in less time than series (B, C, L).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities.conditioning import ConditionalBatchNorm

__all__ = ["SeriesDecoder", "SeriesEncoder", "SeriesUNet"]

#: Positions at the coarsest level of encoder and decoder, at their finest, and at the U-Net's.
COARSEST, FINEST, UNET_FINEST = 8, 64, 32


def fold_size(length: int, finest: int) -> int:
    """Return how many steps are folded into channels so that at most `finest` are left."""
    return 1 << max(0, math.ceil(math.log2(length / finest)))


def fold(x: Tensor, size: int, padded: int) -> Tensor:
    """Fold series (B, C, L), padded with zeros, to images (B, C * size, 1, padded / size)."""
    x = F.pad(x, (0, padded - x.shape[2]))
    n, channels, _ = x.shape
    steps = x.view(n, channels, -1, size).permute(0, 2, 1, 3).reshape(n, 1, -1, channels * size)
    return steps.permute(0, 3, 1, 2)  # channels last


def unfold(x: Tensor, size: int, length: int) -> Tensor:
    """Invert `fold`: (B, C * size, 1, n) to (B, C, length)."""
    n, folded, _, _ = x.shape
    series = x.reshape(n, folded // size, size, -1).transpose(2, 3).reshape(n, folded // size, -1)
    return series[..., :length]


def pyramid(length: int, width: int) -> tuple[list[int], int]:
    """Return the channels of each level, finest first, and the coarsest length."""
    n_levels = max(0, math.ceil(math.log2(length / COARSEST)))
    widths = [width * min(2**level, 4) for level in range(n_levels + 1)]
    return widths, math.ceil(length / 2**n_levels)


class _Conv(nn.Conv1d):
    """A convolution of images of height 1, with the weights of a one-dimensional one."""

    def forward(self, x: Tensor) -> Tensor:
        stride, padding = (1, self.stride[0]), (0, int(self.padding[0]))
        return F.conv2d(x, self.weight.unsqueeze(2), self.bias, stride, padding)


class _ConvTranspose(nn.ConvTranspose1d):
    """A transposed convolution of images of height 1."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        stride, padding = (1, self.stride[0]), (0, int(self.padding[0]))
        return F.conv_transpose2d(x, self.weight.unsqueeze(2), self.bias, stride, padding)


class SeriesEncoder(nn.Module):
    """Series (B, C, L) to feature vectors (B, out_features).

    Parameters
    ----------
    shape : tuple of int
        ``(C, L)``.
    width : int
        Channels at the finest level; doubled at each coarser one, up to fourfold.
    norm : bool
        Batch normalisation in each block.
    """

    def __init__(self, shape: tuple[int, int], width: int, *, norm: bool = True) -> None:
        super().__init__()
        channels, length = shape
        self.fold = fold_size(length, FINEST)
        widths, coarsest = pyramid(math.ceil(length / self.fold), width)
        self.padded = coarsest * 2 ** (len(widths) - 1) * self.fold
        self.stem = _Conv(channels * self.fold, widths[0], 5, padding=2)
        blocks: list[nn.Module] = [_DownBlock(i, o, norm) for i, o in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks)
        self.out_features = widths[-1] * coarsest

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(fold(x, self.fold, self.padded))
        features: Tensor = F.leaky_relu(self.blocks(h), 0.2).flatten(1)
        return features


class _DownBlock(nn.Module):
    """A residual block that halves the length."""

    def __init__(self, ins: int, outs: int, norm: bool) -> None:
        super().__init__()
        self.conv1 = _Conv(ins, outs, 5, stride=2, padding=2)
        self.norm = nn.BatchNorm2d(outs) if norm else nn.Identity()
        self.conv2 = _Conv(outs, outs, 3, padding=1)
        self.skip = _Conv(ins, outs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.conv1(F.leaky_relu(x, 0.2)))
        out: Tensor = self.skip(F.avg_pool2d(x, (1, 2))) + self.conv2(F.leaky_relu(h, 0.2))
        return out


class SeriesDecoder(nn.Module):
    """Codes (B, in_features) and conditions (B, condition_dim) to series (B, C, L).

    There is no last non-linearity.

    Parameters
    ----------
    shape : tuple of int
        ``(C, L)``.
    in_features, condition_dim : int
    width : int
        As in `SeriesEncoder`.
    """

    def __init__(
        self, shape: tuple[int, int], in_features: int, condition_dim: int, width: int
    ) -> None:
        super().__init__()
        channels, self.length = shape
        self.fold = fold_size(self.length, FINEST)
        widths, self.coarsest = pyramid(math.ceil(self.length / self.fold), width)
        self.stem = nn.Linear(in_features + condition_dim, widths[-1] * self.coarsest)
        pairs = pairwise(widths[::-1])
        self.blocks = nn.ModuleList(_UpBlock(i, o, condition_dim) for i, o in pairs)
        self.norm = ConditionalBatchNorm(widths[0], condition_dim)
        self.head = _Conv(widths[0], channels * self.fold, 5, padding=2)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        h = self.stem(torch.cat([z, condition], dim=1)).view(len(z), -1, 1, self.coarsest)
        h = h.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            h = block(h, condition)
        h = self.head(F.leaky_relu(self.norm(h, condition), 0.2))
        return unfold(h, self.fold, self.length)


class _UpBlock(nn.Module):
    """A residual block that doubles the length."""

    def __init__(self, ins: int, outs: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = ConditionalBatchNorm(ins, condition_dim)
        self.conv1 = _ConvTranspose(ins, outs, 4, stride=2, padding=1)
        self.conv2 = _Conv(outs, outs, 3, padding=1)
        self.skip = _Conv(ins, outs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(F.leaky_relu(self.norm(x, condition), 0.2))
        up = F.interpolate(self.skip(x), scale_factor=(1, 2))
        out: Tensor = up + self.conv2(F.leaky_relu(h, 0.2))
        return out


class SeriesUNet(nn.Module):
    """Series (B, C, L) and conditions (B, condition_dim) to velocities (B, C, L).

    Steps are folded into channels until at most `UNET_FINEST` positions are left. Two levels of
    residual blocks follow; at the coarser one a layer mixes all positions.

    Parameters
    ----------
    shape : tuple of int
        ``(C, L)``.
    condition_dim : int
    width : int
        Channels of the finer level; the coarser one has twice as many.
    """

    def __init__(self, shape: tuple[int, int], condition_dim: int, width: int) -> None:
        super().__init__()
        channels, self.length = shape
        self.fold = fold_size(self.length, UNET_FINEST)
        n_fine = 2 * math.ceil(self.length / (2 * self.fold))
        self.padded = n_fine * self.fold
        folded, fine, coarse = channels * self.fold, width, 2 * width
        self.stem = _Conv(folded, fine, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(fine, n_fine))
        self.fine_in = _ResidualBlock(fine, fine, condition_dim)
        self.down = _Conv(fine, coarse, 4, stride=2, padding=1)
        self.mixers = nn.ModuleList(_Mixer(coarse, n_fine // 2) for _ in range(2))
        self.coarse = nn.ModuleList(_ResidualBlock(coarse, coarse, condition_dim) for _ in range(2))
        self.up = _ConvTranspose(coarse, fine, 4, stride=2, padding=1)
        self.fine_out = _ResidualBlock(2 * fine, fine, condition_dim)
        self.norm = nn.GroupNorm(_groups(fine), fine)
        self.head = _Conv(fine, folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = fold(x, self.fold, self.padded)
        fine = self.fine_in(self.stem(h) + self.position.unsqueeze(1), condition)
        h = self.down(fine)
        for mixer, block in zip(self.mixers, self.coarse, strict=True):
            h = block(mixer(h), condition)
        h = self.fine_out(torch.cat([self.up(h), fine], dim=1), condition)
        return unfold(self.head(F.silu(self.norm(h))), self.fold, self.length)


class _ResidualBlock(nn.Module):
    """Two convolutions; gain and bias of the second normalisation depend on the condition."""

    def __init__(self, ins: int, outs: int, condition_dim: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(_groups(ins), ins), _Conv(ins, outs, 3, padding=1)
        self.norm2 = nn.GroupNorm(_groups(outs), outs)
        self.conv2 = _Conv(outs, outs, 3, padding=1)
        self.modulation = nn.Linear(condition_dim, 2 * outs)
        self.skip = _Conv(ins, outs, 1) if ins != outs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        gain, bias = self.modulation(condition)[..., None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(torch.addcmul(bias, self.norm2(h), gain + 1)))
        out: Tensor = self.skip(x) + h
        return out


class _Mixer(nn.Module):
    """Adds a linear map over the positions of each channel."""

    def __init__(self, channels: int, n_positions: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_groups(channels), channels)
        self.mix = nn.Linear(n_positions, n_positions)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x + self.mix(self.norm(x))
        return mixed


def _groups(channels: int) -> int:
    """Return a number of groups, at most 8, each of at least 4 channels."""
    return math.gcd(channels, 8) if channels >= 32 else math.gcd(channels, max(1, channels // 4))

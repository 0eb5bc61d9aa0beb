"""Velocity network of flows for images: a compact U-Net."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["SkipUNet", "UNet"]


class GroupNorm(nn.GroupNorm):
    """Group normalisation in 32 bits, as under CUDA's autocast; in bfloat16 a CPU is slower."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; gain and bias of the second normalisation depend on the condition."""

    def __init__(self, ins: int, outs: int, condition_dim: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(_groups(ins), ins), nn.Conv2d(ins, outs, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(_groups(outs), outs), nn.Conv2d(outs, outs, 3, padding=1)
        self.modulation = nn.Linear(condition_dim, 2 * outs)
        self.skip = nn.Conv2d(ins, outs, 1) if ins != outs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        gain, bias = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(torch.addcmul(bias, self.norm2(h), gain + 1)))
        out: Tensor = self.skip(x) + h
        return out


class UNet(nn.Module):
    """Images (B, C, H, W) and conditions (B, condition_dim) to velocities (B, C, H, W).

    Pixels are first folded into channels until the shorter side has at most 16 pixels, which makes
    the network fast on a CPU. Two levels of residual blocks follow; the coarser one has twice the
    channels.

    Parameters
    ----------
    shape : tuple of int
        ``(C, H, W)`` of one image.
    condition_dim : int
    width : int
        Channels of the finer level.
    """

    def __init__(self, shape: tuple[int, int, int], condition_dim: int, width: int) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        self.fold = 2 ** max(0, math.ceil(math.log2(min(self.height, self.width) / 16)))
        multiple = 2 * self.fold
        self.pad = (0, -self.width % multiple, 0, -self.height % multiple)
        folded, wide = channels * self.fold**2, 2 * width
        self.stem = nn.Conv2d(folded, width, 3, padding=1)
        self.fine_in = ResidualBlock(width, width, condition_dim)
        self.down = nn.Conv2d(width, wide, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(ResidualBlock(wide, wide, condition_dim) for _ in range(2))
        self.up = nn.ConvTranspose2d(wide, width, 4, stride=2, padding=1)
        self.fine_out = ResidualBlock(2 * width, width, condition_dim)
        self.norm = GroupNorm(_groups(width), width)
        self.head = nn.Conv2d(width, folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        if any(self.pad):
            x = F.pad(x, self.pad)
        fine = self.fine_in(self.stem(F.pixel_unshuffle(x, self.fold)), condition)
        h = self.down(fine)
        for block in self.coarse:
            h = block(h, condition)
        h = self.fine_out(torch.cat([self.up(h), fine], dim=1), condition)
        velocity = F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.fold)
        return velocity[:, :, : self.height, : self.width]


class SkipUNet(nn.Module):
    """A `UNet` beside a gain of each channel: ``v(x, c) = UNet(x, c) + gain(c) x``.

    A velocity holds all of the noise, and latent images have more channels than the U-Net can
    carry. If a channel were normal, a gain that depends on the time would give its velocity; the
    U-Net adds what is not normal. Predicting the clean image has the same reason in Li and He,
    "Back to Basics: Let Denoising Generative Models Denoise", 2025 (arXiv:2511.13720).

    Parameters
    ----------
    shape, condition_dim, width
        As in `UNet`.
    """

    def __init__(self, shape: tuple[int, int, int], condition_dim: int, width: int) -> None:
        super().__init__()
        self.unet = UNet(shape, condition_dim, width)
        self.gain = nn.Sequential(
            nn.Linear(condition_dim, condition_dim), nn.SiLU(), nn.Linear(condition_dim, shape[0])
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain = self.gain(condition)[:, :, None, None]
        return torch.addcmul(self.unet(x, condition), gain, x)


def _groups(channels: int) -> int:
    """Return a number of groups, at most 8, each of at least 4 channels."""
    return math.gcd(channels, 8) if channels >= 32 else math.gcd(channels, max(1, channels // 4))

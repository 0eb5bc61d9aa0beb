"""Networks and likelihood of series for generic samplers."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities.generators import DataSpec, GeneratorNetworks
from gen_augment.modalities.networks import GaussianNoise
from gen_augment.modalities.series.conv import SeriesDecoder, SeriesEncoder, SeriesUNet
from gen_augment.modalities.series.resampling import resample

__all__ = ["SeriesNetworks", "SeriesNoise", "SeriesWarpDecoder"]

#: Positions of the smooth displacement, gain and offset of `SeriesWarpDecoder`.
FIELD_SIZE = 8
#: Largest displacement, as a share of the length.
MAX_SHIFT = 0.25


class SeriesNetworks(GeneratorNetworks):
    """Residual one-dimensional networks for series of any length."""

    sample_batch_size = 256

    def encoder(self, spec: DataSpec, width: int, *, norm: bool = True) -> SeriesEncoder:
        """Build a residual encoder with `width` channels at the finest level."""
        return SeriesEncoder(_sides(spec), width, norm=norm)

    def decoder(
        self, spec: DataSpec, in_features: int, condition_dim: int, width: int
    ) -> SeriesDecoder:
        """Build a residual decoder."""
        return SeriesDecoder(_sides(spec), in_features, condition_dim, width)

    def velocity(self, spec: DataSpec, condition_dim: int, width: int) -> SeriesUNet:
        """Build a U-Net."""
        return SeriesUNet(_sides(spec), condition_dim, width)

    def pair_decoder(
        self, spec: DataSpec, in_features: int, condition_dim: int, width: int
    ) -> "SeriesWarpDecoder":
        """Build a decoder that warps and scales the source series."""
        return SeriesWarpDecoder(spec.shape[0], in_features, condition_dim, width)

    def noise(self, spec: DataSpec) -> "SeriesNoise":
        """Build a normal likelihood with one scale for each channel."""
        return SeriesNoise(*_sides(spec))

    def noise_dim(self, spec: DataSpec) -> int:
        """Return the number of values: one number of noise for each."""
        return spec.shape[0] * spec.shape[1]


class SeriesNoise(GaussianNoise):
    """Likelihood of a series: normal and white, with a learned scale for each channel.

    Parameters
    ----------
    channels, length : int
    """

    def __init__(self, channels: int, length: int) -> None:
        self.channels, self.length = channels, length
        super().__init__(channels * length)

    def _scales(self) -> tuple[int, ...]:
        return self.channels, 1

    def draw(self, out: Tensor, z: Tensor, strength: float = 1.0) -> Tensor:
        """Draw series by standard normal noise (B, C * L); at strength 0 the mean."""
        noise = z.view(len(z), self.channels, self.length)
        return torch.addcmul(out, self.std(), noise, value=strength)


class SeriesWarpDecoder(nn.Module):
    """Source series, code and condition to that series, warped in time, scaled and shifted.

    Displacement, gain and offset are smooth. A decoder of all steps could turn every source into
    a series of a frequent class.

    Parameters
    ----------
    channels, in_features, condition_dim, width : int
        As in `SeriesDecoder`.
    """

    def __init__(self, channels: int, in_features: int, condition_dim: int, width: int) -> None:
        super().__init__()
        field = (1 + 2 * channels, FIELD_SIZE)
        self.decoder = SeriesDecoder(field, in_features, condition_dim, width)

    def forward(self, source: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        made, length = self.decoder(z, condition).float(), source.shape[2]
        field = F.interpolate(made, length, mode="linear", align_corners=False)
        gain, offset = field[:, 1:].chunk(2, dim=1)  # (B, C, L) each
        steps = torch.arange(length, device=source.device)
        moved = resample(source.float(), steps + MAX_SHIFT * length * field[:, 0].tanh())
        return moved * (2 * gain.sigmoid()) + offset


def _sides(spec: DataSpec) -> tuple[int, int]:
    channels, length = spec.shape
    return channels, length

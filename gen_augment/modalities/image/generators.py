"""Convolutional networks for generic samplers."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gen_augment.modalities.generators import DataSpec, GeneratorNetworks
from gen_augment.modalities.image.conv import ConvDecoder, ConvEncoder
from gen_augment.modalities.image.diffaugment import diff_augment
from gen_augment.modalities.image.networks import LatentNoise, PixelNoise, WarpDecoder
from gen_augment.modalities.image.perceptual import train_feature_cnn
from gen_augment.modalities.image.unet import SkipUNet, UNet

__all__ = ["ImageNetworks", "LatentNetworks"]


class ImageNetworks(GeneratorNetworks):
    """Convolutional networks for images of 8 to 1,024 px a side; meant for up to 128 px."""

    sample_batch_size = 128
    source_dtype = torch.uint8
    low_precision = True
    label_steps = 2400
    #: The two weights of the KL term differ because codes of samples do: those of the VAE come from
    #: a mixture fitted to the training codes, those of `PairedVAE` from the prior.
    auto: ClassVar[Mapping[str, Any]] = {
        "vae.beta": 0.1,
        "vae.latent": "mixture",
        "paired.beta": 0.5,
        "flow.class_balance": 0.5,
        "gan.class_balance": 1.0,
    }

    def encoder(self, spec: DataSpec, width: int, *, norm: bool = True) -> ConvEncoder:
        """Build a convolutional encoder with `width` channels at the finest level."""
        return ConvEncoder(_sides(spec), width, norm=norm)

    def decoder(
        self, spec: DataSpec, in_features: int, condition_dim: int, width: int
    ) -> ConvDecoder:
        """Build a convolutional decoder."""
        return ConvDecoder(_sides(spec), in_features, condition_dim, width)

    def velocity(self, spec: DataSpec, condition_dim: int, width: int) -> UNet | SkipUNet:
        """Build a compact U-Net."""
        return UNet(_sides(spec), condition_dim, width)

    def pair_decoder(
        self, spec: DataSpec, in_features: int, condition_dim: int, width: int
    ) -> WarpDecoder:
        """Build a decoder that warps and relights the source image."""
        return WarpDecoder(spec.shape[0], in_features, condition_dim, width)

    def noise(self, spec: DataSpec) -> PixelNoise:
        """Build a normal likelihood with one scale for all pixels."""
        return PixelNoise()

    def noise_dim(self, spec: DataSpec) -> int:
        """Return 0: images are drawn without noise."""
        return 0

    def augmentation(self, spec: DataSpec) -> Callable[..., Tensor]:
        """Return random translations, and random colours of RGB images if `colour` is set."""
        return _augment

    def mirror(self, x: Tensor) -> Tensor:
        """Flip images left to right."""
        return x.flip(-1)

    def perceptual_network(
        self, x: Tensor, y: Tensor, n_classes: int, *, n_steps: int, batch_size: int
    ) -> nn.Module:
        """Train a small classifier, whose features compare images."""
        return train_feature_cnn(x, y, n_classes, n_steps=n_steps, batch_size=batch_size)


class LatentNetworks(ImageNetworks):
    """Networks of the same kind for latent images, whose values have no bounds.

    Parameters
    ----------
    autoencoder : Autoencoder or "learned"
        It is needed for mirror images alone.
    """

    source_dtype = torch.float32

    def __init__(self, autoencoder: Any) -> None:
        self.autoencoder = autoencoder

    def mirror(self, x: Tensor) -> Tensor:
        """Flip the images from left to right."""
        mirrored: Tensor = self.autoencoder.mirror(x)
        return mirrored

    def velocity(self, spec: DataSpec, condition_dim: int, width: int) -> SkipUNet:
        """Build a compact U-Net beside a gain of each channel."""
        return SkipUNet(_sides(spec), condition_dim, width)

    def noise(self, spec: DataSpec) -> LatentNoise:
        """Build a normal likelihood with one scale for all values."""
        return LatentNoise()


def _augment(x: Tensor, *, p: float | Tensor = 1.0, shift: float, colour: bool = False) -> Tensor:
    return diff_augment(x, p=p, shift=shift, cutout=0, colour=colour and x.shape[1] == 3)


def _sides(spec: DataSpec) -> tuple[int, int, int]:
    channels, height, width = spec.shape
    return channels, height, width

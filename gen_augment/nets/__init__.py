"""Names that move: this module goes as soon as no other imports it."""

from typing import Any

from gen_augment.modalities import DataSpec
from gen_augment.modalities.conditioning import ClassEmbedding, TimeEmbedding
from gen_augment.modalities.image.unet import UNet

__all__ = [
    "ClassEmbedding", "TimeEmbedding", "UNet", "build_decoder", "build_encoder", "build_velocity",
]  # fmt: skip


def build_encoder(spec: DataSpec, width: int, *, norm: bool = True) -> Any:
    """Build an encoder."""
    return spec.modality.encoder(spec, width, norm=norm)


def build_decoder(spec: DataSpec, in_features: int, condition_dim: int, width: int) -> Any:
    """Build a decoder."""
    return spec.modality.decoder(spec, in_features, condition_dim, width)


def build_velocity(spec: DataSpec, condition_dim: int, width: int) -> Any:
    """Build a velocity network."""
    return spec.modality.velocity(spec, condition_dim, width)

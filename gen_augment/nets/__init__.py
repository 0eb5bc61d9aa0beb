"""Bare networks, and the builders that choose one by the kind of data."""

from torch import nn

from gen_augment.nets.condition import ClassEmbedding, TimeEmbedding
from gen_augment.nets.conv import ConvDecoder, ConvEncoder
from gen_augment.nets.mlp import MLPDecoder, MLPEncoder
from gen_augment.nets.unet import UNet, VelocityMLP
from gen_augment.types import DataSpec

__all__ = [
    "ClassEmbedding",
    "ConvDecoder",
    "ConvEncoder",
    "MLPDecoder",
    "MLPEncoder",
    "TimeEmbedding",
    "UNet",
    "VelocityMLP",
    "build_decoder",
    "build_encoder",
    "build_velocity",
]


def build_encoder(spec: DataSpec, width: int, *, norm: bool = True) -> ConvEncoder | MLPEncoder:
    """Rows to feature vectors: convolutional for images, an MLP for tables; it has `out_features`.

    Parameters
    ----------
    spec : DataSpec
    width : int
        Channels at the finest level; an MLP has four times as many hidden units.
    norm : bool
        Batch normalisation, for images.
    """
    if spec.kind == "image":
        channels, height, side = spec.shape
        return ConvEncoder((channels, height, side), width, norm=norm)
    return MLPEncoder(spec.shape[0], 4 * width)


def build_decoder(spec: DataSpec, in_features: int, condition_dim: int, width: int) -> nn.Module:
    """Codes ``(B, in_features)`` and conditions ``(B, condition_dim)`` to rows, without a last non-linearity."""
    if spec.kind == "image":
        channels, height, side = spec.shape
        return ConvDecoder((channels, height, side), in_features, condition_dim, width)
    return MLPDecoder(spec.shape[0], in_features, condition_dim, 4 * width)


def build_velocity(spec: DataSpec, condition_dim: int, width: int) -> nn.Module:
    """Rows and conditions ``(B, condition_dim)`` to velocities of the rows' shape; zero at the start."""
    if spec.kind == "image":
        channels, height, side = spec.shape
        return UNet((channels, height, side), condition_dim, width)
    return VelocityMLP(spec.shape[0], condition_dim, 8 * width)

"""What generic samplers ask of a modality: networks, likelihood and what goes with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gen_augment.modalities.networks import (
    BetweenDecoder,
    GaussianNoise,
    MLPDecoder,
    MLPEncoder,
    VelocityMLP,
)

__all__ = ["DataSpec", "GeneratorNetworks"]


@dataclass(frozen=True)
class DataSpec:
    """What a network has to know about the data.

    Attributes
    ----------
    modality : Modality
    shape : tuple of int
        Shape of one encoded row: ``(C, H, W)`` for images, ``(width,)`` for tables.
    n_classes : int
    bounded, binary, blocks
        As in `Codec`.
    """

    modality: Any
    shape: tuple[int, ...]
    n_classes: int
    bounded: bool = False
    binary: bool = False
    blocks: tuple[int, ...] = ()

    @classmethod
    def of(cls, codec: Any, n_classes: int) -> "DataSpec":
        """Describe rows that a `Codec` encodes."""
        return cls(
            codec.modality, codec.shape, n_classes, codec.bounded, codec.binary, codec.blocks
        )

    @property
    def networks(self) -> "GeneratorNetworks":
        """The networks of the modality."""
        networks: GeneratorNetworks = self.modality.networks
        return networks

    @property
    def n_numbers(self) -> int:
        """Values of a flat row that are in no block."""
        return self.shape[0] - sum(self.blocks)


class GeneratorNetworks:
    """Networks for rows that are encoded as flat vectors; a modality may override any of them.

    Attributes
    ----------
    sample_batch_size : int
        How many rows a generator makes in one forward pass on a CPU.
    source_dtype : torch.dtype
        Storage type of training rows that a sampler keeps; uint8 needs values in [-1, 1].
    low_precision : bool
        Whether generators may compute in 16 bits without visible loss.
    label_steps : int
        Optimiser steps of the classifier that infers missing labels.
    between : bool
        Whether values between two encoded rows are rows too, as interpolation needs.
    default_samplers : tuple of str
        Names of the samplers of a study that is given none.
    fit_sampler : str
        Name of the sampler that `gen-augment fit` takes if none is named.
    auto : mapping of str to value
        Values of ``"auto"`` parameters of generic samplers that differ from the sampler's default,
        by ``"sampler.parameter"``.
    """

    sample_batch_size: ClassVar[int] = 1024
    source_dtype: ClassVar[torch.dtype] = torch.float32
    low_precision: ClassVar[bool] = False
    label_steps: ClassVar[int] = 600
    between: ClassVar[bool] = True
    default_samplers: ClassVar[tuple[str, ...]] = ("flow", "gan", "vae")
    fit_sampler: ClassVar[str] = "flow"
    auto: ClassVar[Mapping[str, Any]] = {}

    def encoder(self, spec: DataSpec, width: int, *, norm: bool = True) -> Any:
        """Build a network from rows to feature vectors; it has `out_features`.

        Parameters
        ----------
        spec : DataSpec
        width : int
            Size of the network: channels at the finest level, a quarter of an MLP's hidden units.
        norm : bool
            Whether layers may normalise over the batch.
        """
        return MLPEncoder(spec.shape[0], 4 * width)

    def decoder(
        self, spec: DataSpec, in_features: int, condition_dim: int, width: int
    ) -> nn.Module:
        """Build a network from codes (B, in_features) and conditions (B, condition_dim) to rows.

        There is no last non-linearity.
        """
        return MLPDecoder(spec.shape[0], in_features, condition_dim, 4 * width)

    def velocity(self, spec: DataSpec, condition_dim: int, width: int) -> nn.Module:
        """Build a network from rows and conditions to velocities of the rows' shape."""
        return VelocityMLP(spec.shape[0], condition_dim, 8 * width)

    def pair_decoder(
        self, spec: DataSpec, in_features: int, condition_dim: int, width: int
    ) -> nn.Module:
        """Build a network that turns one row into another of its class: ``f(source, z, c)``."""
        return BetweenDecoder(spec.shape[0], spec.blocks, in_features, condition_dim, 4 * width)

    def noise(self, spec: DataSpec) -> Any:
        """Build the likelihood of a row given the decoder's output; see `GaussianNoise`."""
        return GaussianNoise(spec.n_numbers, spec.blocks, bounded=spec.bounded)

    def noise_dim(self, spec: DataSpec) -> int:
        """Numbers of noise that the likelihood's `draw` takes for each row."""
        return spec.shape[0]

    def augmentation(self, spec: DataSpec) -> Callable[..., Tensor] | None:
        """Return a differentiable augmentation that keeps labels, if there is one.

        It is called as ``f(x, p=p, shift=shift, colour=colour)``: the share of rows that change,
        the largest translation as a share of the side, and whether colours change too.
        """
        return None

    def mirror(self, x: Tensor) -> Tensor:
        """Mirror encoded rows left to right; return `x` itself if rows have no mirror image."""
        return x

    def perceptual_network(
        self, x: Tensor, y: Tensor, n_classes: int, *, n_steps: int, batch_size: int
    ) -> Any:
        """Train features that reconstructions are compared by; None to compare values only."""
        return None

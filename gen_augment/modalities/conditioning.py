"""Class and time embeddings, and normalisation that depends on a condition."""

import math

import torch
from torch import Tensor, nn

__all__ = ["ClassEmbedding", "ConditionalBatchNorm", "TimeEmbedding"]


class ClassEmbedding(nn.Embedding):
    """Embedding of class codes (B,) as vectors (B, dim).

    The code -1, "no label", has the last vector.

    Parameters
    ----------
    n_classes, dim : int
    """

    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__(n_classes + 1, dim)

    def forward(self, y: Tensor) -> Tensor:
        return super().forward(torch.where(y < 0, self.num_embeddings - 1, y))


class TimeEmbedding(nn.Module):
    """Embedding of times (B,) in [0, 1] as vectors (B, dim).

    It is an MLP on sines and cosines of the time.

    Parameters
    ----------
    dim, n_frequencies : int
        Length of the vectors, and number of frequencies in a geometric sequence.
    """

    frequencies: Tensor

    def __init__(self, dim: int, n_frequencies: int = 32) -> None:
        super().__init__()
        frequencies = 2 * math.pi * torch.logspace(-1, 1.5, n_frequencies)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * n_frequencies, dim), nn.SiLU(), nn.Linear(dim, dim)
        )

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None] * self.frequencies
        embedding: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedding


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose gain and bias are linear in the condition.

    Reference: de Vries et al., "Modulating early visual processing by language", 2017
    (arXiv:1707.00683).

    Parameters
    ----------
    channels, condition_dim : int
    """

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Linear(condition_dim, 2 * channels)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = self.affine(condition)[..., None, None].chunk(2, dim=1)
        return torch.addcmul(bias, self.norm(x), gain + 1)

"""What networks are told of a row besides its values: its class and, in a flow, the time."""

import math

import torch
from torch import Tensor, nn

__all__ = ["ClassEmbedding", "TimeEmbedding"]


class ClassEmbedding(nn.Embedding):
    """Class numbers to vectors: ``(B,)`` to ``(B, dim)``; -1, a row without a label, has the last one.

    Parameters
    ----------
    n_classes, dim : int
    """

    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__(n_classes + 1, dim)

    def forward(self, y: Tensor) -> Tensor:
        return super().forward(torch.where(y < 0, self.num_embeddings - 1, y))


class TimeEmbedding(nn.Module):
    """Times in [0, 1] to sines and cosines of geometric frequencies, and through an MLP: ``(B,)`` to ``(B, dim)``."""

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

"""Multilayer perceptrons for tables."""

import torch
from torch import Tensor, nn

__all__ = ["MLPDecoder", "MLPEncoder"]


class MLPEncoder(nn.Sequential):
    """Row to feature vector: ``(B, n_columns)`` to ``(B, out_features)``."""

    def __init__(self, n_columns: int, hidden: int) -> None:
        super().__init__(
            nn.Linear(n_columns, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
        )
        self.out_features = hidden


class MLPDecoder(nn.Module):
    """Code and condition to row: ``(B, in_features), (B, condition_dim)`` to ``(B, n_columns)``."""

    def __init__(self, n_columns: int, in_features: int, condition_dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features + condition_dim, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, n_columns),
        )

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        rows: Tensor = self.layers(torch.cat([z, condition], dim=1))
        return rows

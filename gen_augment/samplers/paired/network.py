"""Networks of the auto-encoder of pairs, and the rows that its samples start from."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities import DataSpec
from gen_augment.samplers.elbo import draw_code, kl_divergence
from gen_augment.samplers.kept_rows import KeptRows, choose_rows

__all__ = ["PairNetwork", "Sources"]

CONDITION_DIM = 64


class PairNetwork(nn.Module):
    """Encoder of pairs, encoder of sources, and decoder; with the kept sources.

    Parameters
    ----------
    spec : DataSpec
    latent_dim, width, n_sources : int
    """

    def __init__(self, spec: DataSpec, latent_dim: int, width: int, n_sources: int) -> None:
        super().__init__()
        pairs = replace(spec, shape=(2 * spec.shape[0], *spec.shape[1:]))
        self.pair_encoder = spec.networks.encoder(pairs, width)
        self.to_code = nn.Linear(self.pair_encoder.out_features, 2 * latent_dim)
        self.source_encoder = spec.networks.encoder(spec, width)
        self.to_condition = nn.Linear(self.source_encoder.out_features, CONDITION_DIM)
        self.decoder = spec.networks.pair_decoder(spec, latent_dim, CONDITION_DIM, width)
        self.noise = spec.networks.noise(spec)
        self.sources = Sources(spec, n_sources)

    def forward(self, source: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means over the batch of -log p(x|z,s) and of KL(q || p), in nats per row."""
        mean, log_var = self.encode(source, x)
        rows = self.decode(source, draw_code(mean, log_var))
        return self.noise(x, rows), kl_divergence(mean, log_var)

    def encode(self, source: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x,s), each of shape (B, latent_dim)."""
        features = self.pair_encoder(torch.cat([source, x - source], dim=1))
        mean, log_var = self.to_code(features).chunk(2, dim=1)
        return mean, log_var

    def generate(self, source: Tensor, z: Tensor, noise: Tensor, strength: float = 1.0) -> Tensor:
        """Decode codes, and draw rows from the likelihood with `noise` scaled by `strength`."""
        rows: Tensor = self.noise.draw(self.decode(source, z), noise, strength)
        return rows

    def decode(self, source: Tensor, z: Tensor) -> Tensor:
        """Return the mean of p(x|z,s)."""
        condition = F.leaky_relu(self.to_condition(self.source_encoder(source)), 0.2)
        rows: Tensor = self.decoder(source, z, condition)
        return rows


class Sources(KeptRows):
    """Training rows by class, with 8 bits per value if the modality allows it.

    Parameters
    ----------
    spec : DataSpec
    size : int
    """

    rows: Tensor

    def __init__(self, spec: DataSpec, size: int) -> None:
        super().__init__(size)
        dtype = spec.networks.source_dtype
        self.register_buffer("rows", torch.zeros(size, *spec.shape, dtype=dtype))

    def fill(self, x: Tensor, y: Tensor, seed: int) -> None:
        """Keep as many rows as there is room for."""
        chosen = choose_rows(y, len(self.label), seed)
        rows = x[chosen]
        self.clear()
        self.label[: len(chosen)] = y[chosen]
        if self.rows.dtype == torch.uint8:
            # Clamped: rows of `partial_fit` may lie outside the range that was fitted.
            rows = ((rows + 1) * 127.5).round().clamp(0, 255).byte()
        self.rows[: len(chosen)] = rows

    def rows_of(self, y: Tensor, u: Tensor) -> Tensor:
        """Return a row of each of these classes; all are equally likely if `u` is uniform."""
        rows = self.rows[self.pick(y, u)]
        return rows.float() / 127.5 - 1 if rows.dtype == torch.uint8 else rows

"""Encoder, decoder and likelihood of a conditional VAE."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities import DataSpec
from gen_augment.modalities.blocks import bounded_numbers
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.samplers.elbo import draw_code, kl_divergence
from gen_augment.samplers.vae.codes import CodeBook

__all__ = ["VAENetwork"]

CONDITION_DIM = 32


class VAENetwork(nn.Module):
    """Encoder and decoder, both conditioned on the label, and codes of training rows.

    Parameters
    ----------
    spec : DataSpec
    latent_dim, width : int
    likelihood : {"bce", "gaussian"}
    n_codes : int
        Size of the code book.
    """

    def __init__(
        self, spec: DataSpec, latent_dim: int, width: int, likelihood: str, n_codes: int
    ) -> None:
        super().__init__()
        self.embedding = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        self.encoder = spec.networks.encoder(spec, width)
        self.to_code = nn.Linear(self.encoder.out_features + CONDITION_DIM, 2 * latent_dim)
        self.decoder = spec.networks.decoder(spec, latent_dim, CONDITION_DIM, width)
        self.noise = spec.networks.noise(spec) if likelihood == "gaussian" else None
        self.bounded = spec.bounded
        self.blocks = spec.blocks
        self.codes = CodeBook(n_codes, latent_dim)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the two terms of the negative ELBO, and reconstructions.

        Returns
        -------
        reconstruction, kl : Tensor of shape ()
            Means over the batch of -log p(x|z,y) and of KL(q || p), in nats per row.
        rows : Tensor of shape (B, ...)
        """
        mean, log_var = self.encode(x, y)
        logits = self.decoder(draw_code(mean, log_var), self.embedding(y))
        rows = self._rows(logits)
        if self.noise is None:
            total = F.binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="sum")
            reconstruction = total / len(x)
        else:
            reconstruction = self.noise(x, rows)
        return reconstruction, kl_divergence(mean, log_var), rows

    def log_likelihood(self, x: Tensor, z: Tensor, y: Tensor) -> Tensor:
        """Return log p(x|z,y) of each row, in nats: (B,)."""
        logits = self.decoder(z, self.embedding(y))
        if self.noise is None:
            losses = F.binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="none")
            return -losses.flatten(1).sum(dim=1)
        log_p: Tensor = self.noise.log_prob(x, self._rows(logits))
        return log_p

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x,y), each of shape (B, latent_dim)."""
        features = torch.cat([self.encoder(x), self.embedding(y)], dim=1)
        mean, log_var = self.to_code(features).chunk(2, dim=1)
        return mean, log_var

    def generate(self, z: Tensor, noise: Tensor, y: Tensor, strength: float = 1.0) -> Tensor:
        """Decode codes, and draw rows from the likelihood with `noise` scaled by `strength`."""
        rows = self._rows(self.decoder(z, self.embedding(y)))
        if self.noise is None:
            return rows
        drawn: Tensor = self.noise.draw(rows, noise, strength)
        return drawn

    def _rows(self, logits: Tensor) -> Tensor:
        if self.noise is None:
            return logits.sigmoid() * 2 - 1
        return bounded_numbers(logits, self.blocks) if self.bounded else logits

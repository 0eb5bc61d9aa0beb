"""Generator and discriminator of a conditional GAN.

References
----------
Miyato and Koyama, "cGANs with Projection Discriminator", 2018 (arXiv:1802.05637).
Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018
(arXiv:1710.10196): minibatch standard deviation.
Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019 (arXiv:1907.00503):
categories by Gumbel-softmax.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gen_augment.batch_share import whole_var_mean
from gen_augment.modalities import DataSpec
from gen_augment.modalities.blocks import bounded_numbers, relaxed_blocks
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.samplers.gan.augmentation import AdaptiveProbability
from gen_augment.training import EMA
from gen_augment.training.collapse import CollapseProbe

__all__ = ["GANNetwork", "Generator", "ProjectionDiscriminator", "append_spread"]

CONDITION_DIM = 32


class GANNetwork(nn.Module):
    """Generator, its moving average, discriminator, and the state of training.

    Parameters
    ----------
    generator : Generator
    discriminator : ProjectionDiscriminator
    p, highest : float
        Lowest and highest share of augmented rows.
    decay : float
        Decay of the moving average.
    """

    #: Parts that `fit(init=)` does not copy if all classes are new: a discriminator that knows
    #: other classes rejects every row of the new ones.
    not_transferred: ClassVar[tuple[str, ...]] = ("discriminator",)

    def __init__(
        self,
        generator: "Generator",
        discriminator: "ProjectionDiscriminator",
        p: float,
        highest: float,
        decay: float,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.ema = EMA(self.generator, decay)
        self.augmentation = AdaptiveProbability(p, highest)
        self.probe = CollapseProbe(self.ema.module)


class Generator(nn.Module):
    """Noise and class codes to rows.

    Bounded numbers end in tanh. One-hot blocks are drawn from their logits by the noise that
    follows the first `latent_dim` values.

    Parameters
    ----------
    spec : DataSpec
    latent_dim, width : int
    """

    def __init__(self, spec: DataSpec, latent_dim: int, width: int) -> None:
        super().__init__()
        self.bounded = spec.bounded
        self.blocks = spec.blocks
        self.latent_dim = latent_dim
        self.embedding = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        self.decoder = spec.networks.decoder(spec, latent_dim, CONDITION_DIM, width)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return rows (B, ...) from noise (B, latent_dim + sum(blocks)) and class codes (B,)."""
        out: Tensor = self.decoder(z[:, : self.latent_dim], self.embedding(y))
        if self.bounded:
            out = bounded_numbers(out, self.blocks)
        if not self.blocks:
            return out
        n_places = sum(self.blocks)
        numbers, logits = out[:, :-n_places], out[:, -n_places:].float()
        return torch.cat([numbers, relaxed_blocks(logits, z[:, self.latent_dim :], self.blocks)], 1)


class ProjectionDiscriminator(nn.Module):
    """``D(x, y) = w . f(x) + v_y . f(x)``: a score of realism plus one of agreement with the label.

    Parameters
    ----------
    spec : DataSpec
    width : int
    """

    def __init__(self, spec: DataSpec, width: int) -> None:
        super().__init__()
        self.encoder = spec.networks.encoder(spec, width, norm=False)
        features = 8 * width
        self.head = nn.Sequential(
            nn.Linear(self.encoder.out_features + 1, features), nn.LeakyReLU(0.2)
        )
        self.score = nn.Linear(features, 1)
        self.projection = ClassEmbedding(spec.n_classes, features)
        nn.init.normal_(self.projection.weight, std=features**-0.5)

    def forward(
        self, x: Tensor, y: Tensor, n_groups: int = 1, spread: Tensor | None = None
    ) -> Tensor:
        """Return scores of shape (B,).

        Parameters
        ----------
        x : Tensor of shape (B, ...)
            Rows: `n_groups` batches, one after the other, each of which has a spread of its own.
        y : Tensor of shape (B,)
        n_groups : int
        spread : Tensor of shape (1,), optional
            Used as the spread of all rows, so that scores do not depend on the batch.
        """
        encoded: Tensor = self.encoder(x)
        if spread is None:
            encoded = append_spread(encoded, n_groups)
        else:
            encoded = torch.cat([encoded, spread.expand(len(encoded), 1)], dim=1)
        features = self.head(encoded)
        score: Tensor = self.score(features).squeeze(1) + (features * self.projection(y)).sum(dim=1)
        return score

    def spread(self, x: Tensor) -> Tensor:
        """Return the spread of a batch, of shape (1,)."""
        return append_spread(self.encoder(x), 1)[0, -1:]


def append_spread(features: Tensor, n_groups: int) -> Tensor:
    """Append to each row the mean standard deviation of its group (minibatch standard deviation).

    The rows of a collapsed generator have a low one.
    """
    groups = features.view(n_groups, -1, features.shape[1])
    var, _ = whole_var_mean(groups.float(), [1])
    spread = (var + 1e-8).sqrt().mean(dim=1)  # (n_groups,)
    of_row = spread.repeat_interleave(groups.shape[1])[:, None]
    return torch.cat([features, of_row.to(features.dtype)], dim=1)

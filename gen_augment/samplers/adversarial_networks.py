"""The two sides of a conditional GAN: a generator, and a discriminator that judges rows one by one or in packs.

References
----------
Miyato and Koyama, "cGANs with Projection Discriminator", 2018 (arXiv:1802.05637).
Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018 (arXiv:1802.05957).
Karras et al., "Progressive Growing of GANs", 2018 (arXiv:1710.10196): minibatch standard deviation.
Lin et al., "PacGAN: The Power of Two Samples in Generative Adversarial Networks", 2018 (arXiv:1712.04086).
Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019 (arXiv:1907.00503): categories by Gumbel-softmax,
and the conditional vector.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gen_augment.modalities import DataSpec
from gen_augment.modalities.blocks import block_log_p, relaxed_blocks
from gen_augment.nets import ClassEmbedding

__all__ = ["Generator", "ProjectionDiscriminator", "append_place", "append_spread"]

CONDITION_DIM = 32
#: In which a row is judged, where it is not judged alone.
MAX_PACKS = 8


class Generator(nn.Module):
    """Noise and class number to row; images end in tanh, and blocks of tables are drawn from logits.

    Parameters
    ----------
    spec : DataSpec
    latent_dim, width : int
    tell_category : bool
        Whether each row is told one category of one of its blocks. In training it is given; otherwise the last number
        of the noise picks a block, each as often as any other, and a category of it as often as its class has it.
    """

    def __init__(
        self, spec: DataSpec, latent_dim: int, width: int, *, tell_category: bool = False
    ) -> None:
        super().__init__()
        self.bounded = spec.bounded
        self.blocks = spec.blocks
        self.latent_dim = latent_dim
        self.n_places = sum(spec.blocks)
        self.embedding = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        told = self.n_places if tell_category else 0
        self.decoder = spec.modality.decoder(spec, latent_dim, CONDITION_DIM + told, width)
        self.shares = ClassEmbedding(spec.n_classes, told).requires_grad_(False) if told else None

    @torch.no_grad()
    def set_shares(self, x: Tensor, y: Tensor) -> None:
        """Learn how often each class has each category; a class without rows keeps what is known of it."""
        if self.shares is not None:
            table = self.shares.weight
            sums = torch.zeros_like(table).index_add_(0, y, x[:, -self.n_places :])
            counts = torch.bincount(y, minlength=len(table))[:, None]
            table.copy_(torch.where(counts > 0, sums / counts.clamp(min=1), table))

    def forward(self, z: Tensor, y: Tensor, place: Tensor | None = None) -> Any:
        """Rows; where the `place` of a category ``(B,)`` is told, also the mean cross-entropy of the rows having it."""
        code, picks = (
            z[:, : self.latent_dim],
            z[:, self.latent_dim : self.latent_dim + self.n_places],
        )
        told = self.embedding(y)
        if self.shares is not None:
            told = append_place(told, self.pick(z, y) if place is None else place, self.n_places)
        out: Tensor = self.decoder(code, told)
        if not self.blocks:
            return out.tanh() if self.bounded else out
        numbers, logits = out[:, : -self.n_places], out[:, -self.n_places :].float()
        rows = torch.cat([numbers, relaxed_blocks(logits, picks, self.blocks)], dim=1)
        if place is None:
            return rows
        return rows, -block_log_p(logits, self.blocks).gather(1, place[:, None]).mean()

    def pick(self, z: Tensor, y: Tensor) -> Tensor:
        """Places ``(B,)`` of the categories that rows of this noise are told."""
        shares: Tensor = self.shares(y)  # type: ignore[misc]
        u = torch.special.ndtr(z[:, -1:].double()) * len(self.blocks)
        found = torch.searchsorted(shares.double().cumsum(dim=1), u, right=True)
        return found.squeeze(1).clamp(max=self.n_places - 1)


class ProjectionDiscriminator(nn.Module):
    """``D(x, y) = w . f(x) + v_y . f(x)``: a score of realism plus one of agreement with the label, if there is one.

    Parameters
    ----------
    spec : DataSpec
    width : int
    spectral : bool
        Spectral normalisation of all layers.
    pac : int
        Rows of a table that are judged together: ``f`` sees all of them and their labels, and ``v`` is the mean of
        theirs.
    tell_category : bool
        Whether rows end in a one-hot vector more, of the category that each was told.
    """

    def __init__(
        self,
        spec: DataSpec,
        width: int,
        *,
        spectral: bool,
        pac: int = 1,
        tell_category: bool = False,
    ) -> None:
        super().__init__()
        self.pac = pac
        self.label = ClassEmbedding(spec.n_classes, CONDITION_DIM) if pac > 1 else None
        if len(spec.shape) == 1:
            seen = spec.shape[0] + sum(spec.blocks) * tell_category + CONDITION_DIM * (pac > 1)
            spec = replace(spec, shape=(pac * seen,))
        self.encoder = spec.modality.encoder(spec, width, norm=False)
        features = 8 * width
        self.head = nn.Sequential(
            nn.Linear(self.encoder.out_features + 1, features), nn.LeakyReLU(0.2)
        )
        self.score = nn.Linear(features, 1)
        self.projection = ClassEmbedding(spec.n_classes, features)
        nn.init.normal_(self.projection.weight, std=features**-0.5)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
                    spectral_norm(module)

    def forward(
        self, x: Tensor, y: Tensor, n_groups: int = 1, spread: Tensor | None = None
    ) -> Tensor:
        """Scores ``(B / pac,)``; the rows are `n_groups` batches, one after another, whose spreads are told apart.

        A `spread` that is given is taken for that of all of them.
        """
        encoded = self._encode(x, y)
        if spread is None:
            encoded = append_spread(encoded, n_groups)
        else:
            encoded = torch.cat([encoded, spread.expand(len(encoded), 1)], dim=1)
        features = self.head(encoded)
        vector = self.projection(y)
        if self.pac > 1:
            vector = vector.view(len(features), self.pac, -1).mean(dim=1)
        score: Tensor = self.score(features).squeeze(1) + (features * vector).sum(dim=1)
        return score

    def spread(self, x: Tensor, y: Tensor) -> Tensor:
        """How varied a batch is, of shape (1,)."""
        return append_spread(self._encode(x, y), 1)[0, -1:]

    def judge(self, x: Tensor, y: Tensor, company: Tensor, company_y: Tensor) -> Tensor:
        """Scores ``(B,)`` of rows by themselves, whatever the rows beside them.

        The spread is that of `company`, a batch; in packs each row has others of it beside it, and its score is the
        mean over several such packs.
        """
        spread, others = self.spread(company, company_y), self.pac - 1
        scores: list[Tensor] = [] if others else [self(x, y, spread=spread)]
        n_packs = min(MAX_PACKS, len(company) // others) if others else 0
        for number in range(n_packs):
            part = slice(number * others, (number + 1) * others)
            rows, labels = company[part], company_y[part]
            packed = torch.cat([x[:, None], rows.expand(len(x), -1, -1)], dim=1).flatten(0, 1)
            told = torch.cat([y[:, None], labels.expand(len(x), -1)], dim=1).flatten()
            scores.append(self(packed, told, spread=spread))
        return torch.stack(scores).mean(dim=0)

    def _encode(self, x: Tensor, y: Tensor) -> Tensor:
        if self.label is not None:
            x = torch.cat([x, self.label(y)], dim=1).view(len(x) // self.pac, -1)
        encoded: Tensor = self.encoder(x)
        return encoded


def append_place(rows: Tensor, place: Tensor, n_places: int) -> Tensor:
    """Append to each row the place of the category it was told, one-hot."""
    return torch.cat([rows, F.one_hot(place, n_places).to(rows.dtype)], dim=1)


def append_spread(features: Tensor, n_groups: int) -> Tensor:
    """Append to each row the mean standard deviation of its group, which gives away a collapsed generator."""
    groups = features.view(n_groups, -1, features.shape[1])
    spread = (groups.float().var(dim=1, unbiased=False) + 1e-8).sqrt().mean(dim=1)  # (n_groups,)
    return torch.cat(
        [features, spread.repeat_interleave(groups.shape[1])[:, None].to(features.dtype)], dim=1
    )

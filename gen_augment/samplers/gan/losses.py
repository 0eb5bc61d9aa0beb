"""Losses and training step of a GAN.

References
----------
Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661): the non-saturating loss.
Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", 2018
(arXiv:1801.04406): the R1 penalty.
Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020 (arXiv:1912.04958):
the penalty is computed every 16th step only.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from gen_augment.batch_share import concatenated, own_rows
from gen_augment.samplers.mirroring import mirror_half
from gen_augment.training.balance import LabelDraw
from gen_augment.types import Batch

__all__ = ["R1_EVERY", "AdversarialStep", "discriminator_loss", "generator_loss", "r1_penalty"]

#: Steps between two evaluations of the R1 penalty.
R1_EVERY = 16

Discriminator = Callable[[Tensor, Tensor], Tensor]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return ``E softplus(-D(x)) + E softplus(D(G(z)))`` from scores of shape (B,)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Return ``E softplus(-D(G(z)))`` from scores of shape (B,)."""
    return F.softplus(-fake).mean()


def r1_penalty(discriminator: Discriminator, x: Tensor, y: Tensor) -> Tensor:
    """Return ``E |grad_x D(x, y)|^2`` over real rows (Mescheder et al. 2018, equation 9)."""
    x = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x, y).sum(), x, create_graph=True)
    return gradient.square().sum() / len(x)


@dataclass
class AdversarialStep:
    """One update of the discriminator, then one of the generator.

    Attributes
    ----------
    generator, discriminator : (module, Optimizer)
        As `Loop.setup` returned them.
    bare : nn.Module
        The discriminator in full precision and not compiled. The R1 penalty is differentiated
        twice, which neither allows.
    r1_gamma : float
    labels : LabelDraw
        Draws the labels of generated rows.
    latent_shape : tuple of int
    augment : callable
        Applied to real and generated rows before the discriminator sees them.
    mirror : callable, optional
        Applied to half of the real rows.
    backward : callable
    without_averaging : callable
        See `Loop`.
    """

    generator: tuple[Any, Optimizer]
    discriminator: tuple[Any, Optimizer]
    bare: Any
    r1_gamma: float
    labels: LabelDraw
    latent_shape: tuple[int, ...]
    augment: Callable[[Tensor], Tensor]
    mirror: Callable[[Tensor], Tensor] | None
    backward: Callable[[Tensor], None]
    without_averaging: Callable[[Any], AbstractContextManager[Any]]

    def __call__(self, batch: Batch, number: int) -> tuple[dict[str, Tensor], Tensor]:
        """Run step `number`; return its losses, and the scores of the real rows."""
        x, y = batch
        if self.mirror is not None:
            x = mirror_half(x, self.mirror)
        fake_y = self.labels(len(y))
        z = own_rows(lambda n: torch.randn(n, *self.latent_shape, device=y.device), len(y))
        fake = self.generator[0](z, fake_y)
        discriminator_loss, score = self._train_discriminator(x, y, fake.detach(), fake_y, number)
        loss = self._train_generator(fake, fake_y)
        return {"loss": loss, "discriminator_loss": discriminator_loss}, score

    def _train_generator(self, fake: Tensor, fake_y: Tensor) -> Tensor:
        self.bare.requires_grad_(False)
        with self.without_averaging(self.discriminator[0]):
            loss = generator_loss(self.discriminator[0](self.augment(fake), fake_y))
        self._update(self.generator[1], loss)
        self.bare.requires_grad_(True)
        return loss

    def _train_discriminator(
        self, x: Tensor, y: Tensor, fake: Tensor, fake_y: Tensor, number: int
    ) -> tuple[Tensor, Tensor]:
        model, optimizer = self.discriminator
        with concatenated(2):
            seen = self.augment(torch.cat([x, fake]))
        real_score, fake_score = model(seen, torch.cat([y, fake_y]), n_groups=2).chunk(2)
        loss = discriminator_loss(real_score, fake_score)
        if number % R1_EVERY == 0:
            penalty = r1_penalty(self.bare.forward, self.augment(x), y)
            loss = loss + R1_EVERY * self.r1_gamma / 2 * penalty
        self._update(optimizer, loss)
        return loss, real_score

    def _update(self, optimizer: Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.backward(loss)
        optimizer.step()

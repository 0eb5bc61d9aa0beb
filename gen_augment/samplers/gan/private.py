"""Training step of a private GAN.

Only the discriminator sees real rows, so only its steps need noise; what the generator learns from
it is post-processing. One real and one generated row form one example, whose joint gradient is
clipped. Each row is a batch of its own, so there is no minibatch standard deviation. The noise
takes the place of the R1 penalty. The generator's batch has a fixed size and labels drawn from the
released class prior, since size and labels of the real batch would reveal rows.

References
----------
Xie et al., "Differentially Private Generative Adversarial Network", 2018 (arXiv:1802.06739).
Bie, Kamath and Zhang, "Private GANs, Revisited", 2023 (arXiv:2302.02936).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from gen_augment.samplers.gan.losses import discriminator_loss, generator_loss
from gen_augment.samplers.mirroring import mirror_half
from gen_augment.types import Batch

__all__ = ["PrivateAdversarialStep"]

#: The minibatch standard deviation of a single row, see `append_spread`.
SINGLE_SPREAD = 1e-4


@dataclass
class PrivateAdversarialStep:
    """One private update of the discriminator, then one of the generator.

    Attributes
    ----------
    generator : (module, Optimizer)
    discriminator : module
    update : callable
        The discriminator's `NoisyUpdate`.
    prior : Tensor of shape (n_classes,)
        Released class prior.
    batch_size : int
        Rows of the generator's batch.
    latent_shape : tuple of int
    augment : callable
        Changes each row by itself.
    mirror : callable, optional
    """

    generator: tuple[Any, Optimizer]
    discriminator: Any
    update: Callable[..., dict[str, Tensor]]
    prior: Tensor
    batch_size: int
    latent_shape: tuple[int, ...]
    augment: Callable[[Tensor], Tensor]
    mirror: Callable[[Tensor], Tensor] | None

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Run one step; return its losses."""
        x, y = batch
        if self.mirror is not None:
            x = mirror_half(x, self.mirror)
        with torch.no_grad():
            fake, fake_y = self._generate(len(y))
            pair = x, y, fake, fake_y
            if len(y):
                pair = self.augment(x), y, self.augment(fake), fake_y
        found = self.update(self._loss, *pair)
        return {"loss": self._train_generator(), "discriminator_loss": found["loss"]}

    def _loss(
        self, discriminator: Any, x: Tensor, y: Tensor, fake: Tensor, fake_y: Tensor
    ) -> dict[str, Tensor]:
        seen, labels = torch.cat([x, fake]), torch.cat([y, fake_y])
        real_score, fake_score = discriminator(seen, labels, n_groups=2).chunk(2)
        return {"loss": discriminator_loss(real_score, fake_score)}

    def _train_generator(self) -> Tensor:
        fake, fake_y = self._generate(self.batch_size)
        self.discriminator.requires_grad_(False)
        spread = fake.new_full((1,), SINGLE_SPREAD)
        loss = generator_loss(self.discriminator(self.augment(fake), fake_y, spread=spread))
        self.generator[1].zero_grad()
        torch.autograd.backward(loss)
        self.generator[1].step()
        self.discriminator.requires_grad_(True)
        return loss

    def _generate(self, n: int) -> tuple[Tensor, Tensor]:
        """Generate `n` rows with labels from the released prior."""
        y = torch.multinomial(self.prior, max(n, 1), replacement=True)[:n]
        z = torch.randn(n, *self.latent_shape, device=self.prior.device)
        return self.generator[0](z, y) if n else z.new_zeros(0), y

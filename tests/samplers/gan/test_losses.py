"""Losses and the R1 penalty against their definitions."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gen_augment.samplers.gan.losses import discriminator_loss, generator_loss, r1_penalty

REAL, FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, -3.0, 0.0])


def test_losses_are_cross_entropies() -> None:
    ones, zeros = torch.ones(3), torch.zeros(3)
    cross_entropy = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(
        discriminator_loss(REAL, FAKE), cross_entropy(REAL, ones) + cross_entropy(FAKE, zeros)
    )
    torch.testing.assert_close(generator_loss(FAKE), cross_entropy(FAKE, ones))


def quadratic(x: Tensor, y: Tensor) -> Tensor:
    """D(x, y) = 3 |x|^2: the gradient is 6 x."""
    return 3 * x.square().sum(dim=1)


def test_r1_penalty_is_the_mean_squared_gradient() -> None:
    x = torch.tensor([[1.0, 2.0], [0.5, 0.0]])
    torch.testing.assert_close(
        r1_penalty(quadratic, x, torch.zeros(2)), (36 * x.square().sum(dim=1)).mean()
    )

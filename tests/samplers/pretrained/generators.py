"""Small pretrained generators, and the expected rows of a sampler that wraps them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.rng import derive_seed, normal
from gen_augment.samplers.pretrained import PretrainedSampler


class Affine(nn.Module):
    """``tanh(W z + b_y)`` as an image of 12 x 12 px."""

    def __init__(
        self, n_classes: int = 2, channels: int = 1, side: int = 12, width: int = 12
    ) -> None:
        super().__init__()
        values = channels * side * width
        rng = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(values, 4, generator=rng) / 2)
        self.bias = nn.Parameter(torch.randn(n_classes, values, generator=rng) / 2)
        self.shape = channels, side, width

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.tanh(z @ self.weight.T + self.bias[y]).reshape(
            -1, self.shape[0], self.shape[1], self.shape[2]
        )


class Normed(Affine):
    """A generator with layers that depend on the batch in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.norm(super().forward(z, y))


def plain(z: Tensor, y: Tensor) -> Tensor:
    """A generator without weights. Class 0 is dark, class 1 bright."""
    return torch.tanh(z.mean(dim=1).view(-1, 1, 1, 1) + 2.0 * y.view(-1, 1, 1, 1) - 1).expand(
        -1, 1, 12, 12
    )


def blend(x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
    return (1 - strength) * x + strength * plain(z, y)


def noisy(z: Tensor, y: Tensor) -> Tensor:
    """Draws from torch's global generator, as StyleGAN's noise layers do."""
    return (plain(z, y) + 0.5 * torch.randn(len(z), 1, 12, 12, device=z.device)).clamp(-1, 1)


def numpy_noise(z: Tensor, y: Tensor) -> Tensor:
    return plain(z, y) * torch.from_numpy(np.random.uniform(-1, 1, (len(z), 1, 12, 12))).float()


def make(generator: Any = None, **params: Any) -> PretrainedSampler:
    defaults: dict[str, Any] = {"latent_shape": (4,), "random_state": 3, "device": "cpu"}
    return PretrainedSampler(Affine() if generator is None else generator, **(defaults | params))


def by_hand(generator: Any, index: Any, numbers: Any, seed: int = 3) -> np.ndarray:
    """Rows as uint8 of shape (n, H, W, C), without the sampler."""
    z = normal(np.asarray(index), (4,), derive_seed(seed, "noise"))
    with torch.no_grad():
        images = generator(z, torch.as_tensor(numbers))
    return np.rint((images.numpy().transpose(0, 2, 3, 1).clip(-1, 1) + 1) * 127.5).astype(np.uint8)

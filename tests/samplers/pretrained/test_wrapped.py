"""A user's generator: modes, noise and values."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gen_augment import (
    InputError,
)
from tests.conftest import toy_images
from tests.samplers.pretrained.generators import (
    Normed,
    make,
    numpy_noise,
    plain,
)


def test_noise_that_cannot_be_seeded_is_refused() -> None:
    X, y = toy_images()
    with pytest.raises(
        InputError, match=r"numpy_noise returns different images for a row alone.*not from numpy"
    ):
        make(numpy_noise).fit(X, y)
    with pytest.raises(InputError, match=r"put its network into eval"):
        make(lambda z, y: plain(z, y) - plain(z, y).mean(dim=0, keepdim=True)).fit(X, y)


def test_nan_in_a_later_batch_is_found() -> None:
    X, y = toy_images()
    sampler = make(lambda z, y: torch.where(z[:, :1, None, None] > 2, torch.nan, plain(z, y))).fit(
        X, y
    )
    with pytest.raises(InputError, match=r"NaN or infinity in \d+ of 64 rows"):
        sampler.generate(np.arange(500), 0)


def test_modules_are_in_eval_mode_while_they_generate() -> None:
    X, y = toy_images()
    seen: list[tuple[bool, ...]] = []

    class Watched(Normed):
        def forward(self, z: Tensor, y: Tensor) -> Tensor:
            seen.append((self.training, self.norm.training, torch.is_grad_enabled()))
            return super().forward(z, y)

    generator = Watched().train()
    generator.norm.eval()
    mean: Any = generator.norm.running_mean
    before = mean.clone()
    sampler = make(generator).fit(X, y)
    sampler.sample(3)
    make(generator.forward).fit(X, y).sample(3)  # a method of a module
    assert set(seen) == {(False, False, False)}
    assert (generator.training, generator.norm.training) == (True, False)
    assert torch.equal(before, mean)
    assert generator.weight.requires_grad

"""A private step of a GAN: what reaches the discriminator, and what the generator."""

from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import ConditionalGAN, Private
from gen_augment.samplers.gan import private
from gen_augment.samplers.gan.networks import ProjectionDiscriminator
from tests.conftest import toy_table

BUDGET = Private(3, 1e-4, bounds={0: (-9, 9), 1: (-9, 9), 2: (-9, 9)}, classes=[0, 1])


def test_the_generator_sees_no_size_and_no_label_of_the_real_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    pairs: list[tuple[int, ...]] = []
    loss, of_one = private.generator_loss, private.PrivateAdversarialStep._loss

    def seen(fake: Any) -> Any:
        sizes.append(len(fake))
        return loss(fake)

    def pair(self: Any, discriminator: Any, *rows: Any) -> Any:
        pairs.append(tuple(len(part) for part in rows))
        return of_one(self, discriminator, *rows)

    monkeypatch.setattr(private, "generator_loss", seen)
    monkeypatch.setattr(private.PrivateAdversarialStep, "_loss", pair)
    X, y = toy_table(80)
    sampler = ConditionalGAN(
        max_steps=6, batch_size=10, width=4, device="cpu", random_state=0, privacy=BUDGET
    ).fit(X, y)
    assert sizes == [10] * 6
    assert set(pairs) == {(1, 1, 1, 1)}  # one real and one generated row at a time
    scores = sampler.discriminate(X, y)
    np.testing.assert_allclose(sampler.discriminate(X[:3], y[:3]), scores[:3], rtol=1e-5)


def test_the_spread_of_a_single_row() -> None:
    sampler = ConditionalGAN(max_steps=1, width=4, device="cpu").fit(*toy_table())
    network: Any = sampler.network_
    discriminator: ProjectionDiscriminator = network.discriminator
    x = sampler.codec_.encode(toy_table()[0])
    assert discriminator.spread(x[:1]).item() == pytest.approx(private.SINGLE_SPREAD)
    alone = discriminator(x[:1], torch.zeros(1, dtype=torch.int64))
    spread = torch.full((1,), private.SINGLE_SPREAD)
    together = discriminator(x, torch.zeros(len(x), dtype=torch.int64), spread=spread)
    torch.testing.assert_close(alone[0], together[0])

"""The GAN's parts against their definitions, and its samples against a known mixture."""

import pytest
import torch
from torch import nn

from gen_augment import ConditionalGAN
from gen_augment.modalities import DataSpec, Table
from gen_augment.samplers.adversarial_networks import ProjectionDiscriminator, append_spread
from gen_augment.samplers.gan import GANNetwork
from tests.conftest import toy_images
from tests.samplers.mixture import check_mixture, draw_mixture


def test_projection_adds_agreement_with_the_label() -> None:
    torch.manual_seed(0)
    discriminator = ProjectionDiscriminator(DataSpec(Table(), (4,), 3), 4, spectral=False)
    x = torch.randn(5, 4)
    a, b = (discriminator(x, torch.full((5,), label)) for label in (0, 2))
    features = discriminator.head(append_spread(discriminator.encoder(x), 1))
    projection = discriminator.projection.weight
    torch.testing.assert_close(a - b, features @ (projection[0] - projection[2]))


def test_spectral_norm_bounds_every_layer() -> None:
    X, y = toy_images()
    sampler = ConditionalGAN(
        regularizer="spectral_norm",
        loss="hinge",
        max_steps=30,
        batch_size=8,
        width=4,
        random_state=0,
        device="cpu",
    ).fit(X, y)
    network = sampler.network_
    assert isinstance(network, GANNetwork)
    layers = [
        m
        for m in network.discriminator.modules()
        if isinstance(m, (nn.Conv2d, nn.Linear, nn.Embedding))
    ]
    assert len(layers) >= 4
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert norm < 1.1  # power iteration is an estimate


def test_samples_come_from_the_average() -> None:
    X, y = toy_images()
    sampler = ConditionalGAN(
        ema_decay=0.0, max_steps=5, batch_size=8, width=4, random_state=0, device="cpu"
    ).fit(X, y)
    network = sampler.network_
    z, labels = torch.randn(4, sampler.latent_dim), torch.tensor([0, 1, 0, 1])
    with torch.no_grad():
        torch.testing.assert_close(network.ema(z, labels), network.generator.eval()(z, labels))
        slow = ConditionalGAN(
            ema_decay=0.999, max_steps=5, batch_size=8, width=4, random_state=0, device="cpu"
        ).fit(X, y)
        assert not torch.allclose(slow.network_.ema(z, labels), network.ema(z, labels))


@pytest.mark.slow
def test_recovers_each_class_of_a_known_mixture() -> None:
    X, y = draw_mixture()
    sampler = ConditionalGAN(max_steps=2000, random_state=0, device="cpu").fit(X, y)
    check_mixture(sampler, mean=0.25, covariance=0.35)


def test_spread_is_that_of_each_group() -> None:
    torch.manual_seed(0)
    features = torch.randn(8, 5)
    out = append_spread(features, 2)
    torch.testing.assert_close(out[:, :5], features)
    for group in (slice(0, 4), slice(4, 8)):
        expected = features[group].std(dim=0, correction=0).mean()
        torch.testing.assert_close(out[group, 5], expected.expand(4))

"""Features of a small classifier of images."""

import torch

from gen_augment.modalities.image.perceptual import train_feature_cnn
from tests.conftest import toy_images


def test_perceptual_features_are_those_of_a_trained_classifier() -> None:
    X, y = toy_images(80, channels=3)
    x, labels = torch.from_numpy(X).permute(0, 3, 1, 2) / 127.5 - 1, torch.from_numpy(y)
    torch.manual_seed(0)
    network = train_feature_cnn(x, labels, 2, n_steps=40, batch_size=16)
    assert (network(x).argmax(dim=1) == torch.from_numpy(toy_images(80)[1])).float().mean() > 0.95
    assert not any(p.requires_grad for p in network.parameters())
    assert network.distance(x, x).item() == 0
    near, far = network.distance(x, x + 0.1 * torch.randn_like(x)), network.distance(x, x.flip(2))
    assert 0 < near < far
    expected = [
        ((a - b) ** 2).mean()
        for a, b in zip(network.features(x), network.features(x.flip(2)), strict=True)
    ]
    torch.testing.assert_close(far, 0.5 * 3 * 12 * 12 * sum(expected) / 3)

"""The network of pairs: its objective, and its stored rows."""

from typing import Any

import numpy as np
import pytest
import torch

from gen_augment.modalities import DataSpec, Image, Table
from gen_augment.samplers.paired import PairedVAE
from gen_augment.samplers.paired.network import PairNetwork
from tests.conftest import toy_images


def fit(X: Any, y: Any, **params: Any) -> PairedVAE:
    small: dict[str, Any] = {
        "max_steps": 8,
        "batch_size": 8,
        "width": 4,
        "latent_dim": 3,
        "random_state": 0,
    }
    return PairedVAE(**({**small, "device": "cpu", "n_sources": 100} | params)).fit(X, y)


@pytest.mark.parametrize(
    "spec",
    [DataSpec(Image(), (1, 9, 12), 2, bounded=True), DataSpec(Table(), (4,), 2)],
    ids=["image", "table"],
)
def test_the_objective_is_the_negative_elbo_of_the_target(spec: DataSpec) -> None:
    torch.manual_seed(0)
    network = PairNetwork(spec, 3, 4, n_sources=5).eval()
    source, x = torch.rand(2, 6, *spec.shape) * 2 - 1
    mean, log_var = network.encode(source, x)
    posterior = torch.distributions.Normal(mean, (log_var / 2).exp())
    torch.manual_seed(1)
    reconstruction, kl = network(source, x)
    torch.manual_seed(1)
    made = network.decode(source, mean + torch.randn_like(mean) * posterior.scale)
    expected = (
        -torch.distributions.Normal(made, network.noise.std())
        .log_prob(x)
        .flatten(1)
        .sum(dim=1)
        .mean()
    )
    torch.testing.assert_close(reconstruction, expected)
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(kl, divergence.sum(dim=1).mean())


def test_sources_brighter_than_what_was_fitted_stay_bright() -> None:
    images, y = toy_images()
    rows = images.astype(np.float32) / 255
    sampler = fit(rows * 0.4, y).partial_fit(rows, y)
    sources, n = sampler.network_.sources, len(rows)
    encoded = sampler.codec_.encode(rows)
    assert encoded.max() > 1.5
    kept = (sources.rows[:n] / 127.5 - 1)[sources.label[:n] == 1].mean()
    assert kept.item() == pytest.approx(encoded[y == 1].clamp(-1, 1).mean().item(), abs=0.01)


def test_many_small_classes_keep_one_source_each() -> None:
    X, _ = toy_images(200)
    sampler = fit(X[:, :10], np.arange(200) // 2, n_sources=1)
    new, labels = sampler.sample(y=dict.fromkeys(range(100), 1))
    assert new.shape == (100, 10, 12, 1)
    assert labels.tolist() == list(range(100))

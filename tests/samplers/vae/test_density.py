"""The bound of a VAE's density, against linear models with a known density."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from gen_augment import ConditionalVAE, InputError
from gen_augment.modalities import DataSpec, Table
from gen_augment.samplers.vae.density import importance_log_prob
from gen_augment.samplers.vae.network import CONDITION_DIM, VAENetwork
from tests.conftest import toy_images, toy_table

STD = 0.5


class Linear(nn.Module):
    """A decoder ``W z + b`` that ignores the label."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        return z @ self.weight.T + self.bias


def linear_vae() -> tuple[VAENetwork, multivariate_normal]:
    """A VAE with a linear decoder and its exact posterior, and the law of its rows."""
    network = VAENetwork(DataSpec(Table(), (3,), 2), 1, 4, "gaussian", 4)
    weight, bias = torch.tensor([[1.0], [-0.5], [0.3]]), torch.tensor([0.2, 0.0, -1.0])
    network.decoder = Linear(weight, bias)
    scale = math.log(math.expm1(math.log(STD) + 4)) - 4  # the inverse of `GaussianNoise.std`
    nn.init.constant_(network.noise.log_scale, scale)
    precision = 1 + float(weight.square().sum()) / STD**2
    to_mean = weight.T / STD**2 / precision
    network.encoder = nn.Identity()
    network.to_code = nn.Linear(3 + CONDITION_DIM, 2)
    with torch.no_grad():
        network.to_code.weight.zero_()
        network.to_code.weight[0, :3] = to_mean
        network.to_code.bias.copy_(torch.tensor([-float(to_mean @ bias), -math.log(precision)]))
    covariance = weight @ weight.T + STD**2 * torch.eye(3)
    return network, multivariate_normal(bias.numpy(), covariance.numpy())


@pytest.mark.parametrize("n_draws", [1, 5])
def test_with_the_exact_posterior_the_bound_is_the_density(n_draws: int) -> None:
    network, law = linear_vae()
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(n_draws, 1, generator=torch.Generator().manual_seed(1))
    found = importance_log_prob(network, x, torch.zeros(6, dtype=torch.long), noise)
    np.testing.assert_allclose(found.numpy(), law.logpdf(x.numpy()), rtol=1e-4)


def test_one_draw_misses_the_density_by_the_kl_divergence_and_many_draws_do_not() -> None:
    network, law = linear_vae()
    precision, shift, widening = math.exp(-network.to_code.bias[1].item()), 0.2, 0.8
    with torch.no_grad():
        network.to_code.bias += torch.tensor([shift, widening])
    x, y = torch.randn(1, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(1).long()
    draws = torch.randn(4000, 1, generator=torch.Generator().manual_seed(1))
    single = [float(importance_log_prob(network, x, y, e[None])) for e in draws[:1000]]
    kl = 0.5 * (math.exp(widening) + shift**2 * precision - 1 - widening)
    expected = float(law.logpdf(x.numpy()))
    assert abs(np.mean(single) - (expected - kl)) < 4 * np.std(single) / math.sqrt(1000)
    assert float(importance_log_prob(network, x, y, draws)) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    "data, likelihood", [(toy_table, "auto"), (toy_images, "auto"), (toy_images, "bce")]
)
def test_rows_are_scored_one_by_one(data: object, likelihood: str) -> None:
    X, y = data()  # type: ignore[operator]
    vae = ConditionalVAE(
        max_steps=3, width=4, latent_dim=4, batch_size=8, likelihood=likelihood, random_state=0, device="cpu"
    ).fit(X, y)  # fmt: skip
    whole = vae.log_prob(X, y, n_draws=3)
    assert whole.shape == (len(X),)
    np.testing.assert_allclose(vae.log_prob(X[3:5], y[3:5], n_draws=3), whole[3:5], rtol=1e-4)
    each = np.stack([vae.log_prob(X, np.repeat(c, len(X))) for c in (0, 1)], axis=1)
    expected = np.logaddexp(*(each + np.log(vae.class_prior_)).T)
    np.testing.assert_allclose(vae.log_prob(X), expected, rtol=1e-6)
    with pytest.raises(InputError, match="n_draws=0"):
        vae.log_prob(X, y, n_draws=0)

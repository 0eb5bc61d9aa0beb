"""Densities of a flow with known velocity against normal distributions, and class scores."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from gen_augment import ConditionalFlow, InputError, NotFittedError
from gen_augment.samplers.flow import scores
from tests.conftest import toy_images, toy_table


def normal_velocity(mean: Tensor, std: Tensor) -> Any:
    """Velocity of the straight path to N(mean, std^2): E[x - z | x_t]; class 1 has minus the mean."""

    def velocity(x: Tensor, t: float | Tensor, y: Tensor) -> Tensor:
        t = torch.as_tensor(t).reshape(-1, 1)
        centre = torch.where(y[:, None] == 1, -mean, mean)
        variance = (1 - t) ** 2 + (t * std) ** 2
        return centre + (t * std**2 - (1 - t)) / variance * (x - t * centre)

    return velocity


def test_the_change_of_variables_gives_the_density_of_a_normal_law() -> None:
    mean, std = torch.tensor([1.0, -0.5, 0.0]), torch.tensor([0.4, 1.0, 2.0])
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    y = torch.arange(20) % 2
    directions = scores.probes((3,), 0)
    found = scores.flow_log_prob(normal_velocity(mean, std), x, y, directions, n_steps=100)
    for code, sign in ((0, 1), (1, -1)):
        law = multivariate_normal(sign * mean.numpy(), np.diag(std.numpy() ** 2))
        expected = law.logpdf(x[y == code].numpy())
        np.testing.assert_allclose(found[y == code].numpy(), expected, atol=0.02)


def test_hutchinson_is_the_trace_on_average() -> None:
    size = scores.EXACT_DIM + 1
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(0)) / 6
    exact, found = float(matrix.trace()), []
    for seed in range(400):
        e = scores.probes((size,), seed)
        assert e.shape == (scores.N_PROBES, size)
        found.append(float(((e @ matrix) * e).sum()))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - exact) < 4 * error


def test_in_many_dimensions_the_estimate_is_near_the_density() -> None:
    size = scores.EXACT_DIM + 8
    mean, std = torch.zeros(size), torch.full((size,), 0.5)
    x = 0.5 * torch.randn(5, size, generator=torch.Generator().manual_seed(0))
    e = scores.probes((size,), 0)
    found = scores.flow_log_prob(normal_velocity(mean, std), x, torch.zeros(5), e, n_steps=100)
    expected = multivariate_normal(mean.numpy(), np.diag(std.numpy() ** 2)).logpdf(x.numpy())
    np.testing.assert_allclose(found.numpy(), expected, atol=0.05)  # the Jacobian is diagonal


def test_the_denoising_loss_orders_classes_as_their_densities_do() -> None:
    mean, std = torch.tensor([1.0, 0.5]), torch.tensor([0.8, 0.8])
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0)) + mean
    found = scores.class_scores(normal_velocity(mean, std), x, 2, 40, 0, seed=0)
    log_odds = 2 * (x @ mean) / 0.8**2  # log p(x|0) - log p(x|1)
    clear = log_odds.abs() > 0.5
    assert ((found[:, 0] > found[:, 1]) == (log_odds > 0))[clear].float().mean() > 0.97
    # Linear in the log-odds: E|v(x_t) - (x - z)|^2 of normal laws differs by a multiple of them.
    correlation = np.corrcoef((found[:, 0] - found[:, 1]).numpy(), log_odds.numpy())[0, 1]
    assert correlation > 0.98


def test_further_pairs_change_the_two_best_classes_alone_and_reduce_their_error() -> None:
    mean, std = torch.tensor([0.2, 0.1]), torch.tensor([1.0, 1.0])
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))

    def velocity(x: Tensor, t: Tensor, y: Tensor) -> Tensor:  # class 2 is far away
        found: Tensor = normal_velocity(mean, std)(x, t, y) + 5 * (y[:, None] == 2)
        return found

    first = scores.class_scores(velocity, x, 3, 3, 0, seed=0)
    refined = scores.class_scores(velocity, x, 3, 3, 60, seed=0)
    assert torch.equal(first[:, 2], refined[:, 2])
    torch.testing.assert_close(first[:, :2].sum(1), refined[:, :2].sum(1))
    truth = scores.class_scores(velocity, x, 3, 500, 0, seed=9)
    errors = [((s - truth)[:, 0] - (s - truth)[:, 1]).square().mean() for s in (first, refined)]
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize("data", [toy_table, toy_images])
def test_a_row_has_one_score_whatever_the_batch(data: Any) -> None:
    X, y = data()
    flow = ConditionalFlow(
        n_steps=1, max_steps=3, width=4, batch_size=8, random_state=0, device="cpu"
    ).fit(X, y)
    whole = flow.class_scores(X, n_pairs=2, n_close=2)
    assert whole.shape == (len(X), 2)
    np.testing.assert_allclose(
        flow.class_scores(X[5:7], n_pairs=2, n_close=2), whole[5:7], rtol=1e-4
    )
    each = np.stack([flow.log_prob(X[:4], np.repeat(c, 4)) for c in (0, 1)], axis=1)
    np.testing.assert_allclose(
        flow.log_prob(X[:4]), np.logaddexp(*(each + np.log(flow.class_prior_)).T), rtol=1e-5
    )
    np.testing.assert_allclose(
        flow.log_prob(X[2:3], y[2]), flow.log_prob(X[:4], y[:4])[2:3], rtol=1e-4
    )


def test_a_fitted_flow_separates_classes() -> None:
    X, y = toy_table(400)
    flow = ConditionalFlow(max_steps=200, width=8, random_state=0, device="cpu").fit(
        X[:200], y[:200]
    )
    X, truth = X[200:], y[200:]
    assert (flow.class_scores(X).argmax(axis=1) == truth).mean() > 0.9
    other = flow.log_prob(X, 1 - truth)
    assert (flow.log_prob(X, truth) > other).mean() > 0.9


def test_bad_requests_are_refused() -> None:
    with pytest.raises(NotFittedError):
        ConditionalFlow().log_prob(np.zeros((1, 2)), [0])
    X, y = toy_table()
    flow = ConditionalFlow(max_steps=1, width=4, batch_size=8, random_state=0, device="cpu").fit(
        X, y
    )
    with pytest.raises(InputError, match="n_pairs=0"):
        flow.class_scores(X, n_pairs=0)
    with pytest.raises(InputError, match="n_close=-1"):
        flow.class_scores(X, n_close=-1)
    with pytest.raises(InputError, match="label 7"):
        flow.log_prob(X, 7)

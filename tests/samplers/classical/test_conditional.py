"""Conditional distributions of mixtures, against closed forms and rejection."""

import numpy as np
import pytest
import torch

from gen_augment.samplers.classical.conditional import fill_from_mixture

COVARIANCE = torch.tensor([[2.0, 0.8, -0.3], [0.8, 1.0, 0.2], [-0.3, 0.2, 0.5]]).double()
MEAN = torch.tensor([1.0, -2.0, 0.5]).double()


def fill(x: torch.Tensor, missing: list[bool], noise: object = None) -> torch.Tensor:
    root, shares = torch.linalg.cholesky(COVARIANCE)[None], torch.ones(len(x), 1).double()
    pattern = torch.tensor([missing]).expand(len(x), -1)
    return fill_from_mixture(x, pattern, shares, MEAN[None], root, noise)  # type: ignore[arg-type]


def test_one_component_gives_the_regression_on_the_observed_values() -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
    found = fill(x, [False, True, False])
    s_oo, s_om = COVARIANCE[[0, 2]][:, [0, 2]], COVARIANCE[[0, 2], 1]
    expected = MEAN[1] + (x[:, [0, 2]] - MEAN[[0, 2]]) @ torch.linalg.inv(s_oo) @ s_om
    torch.testing.assert_close(found[:, 1], expected)
    torch.testing.assert_close(found[:, [0, 2]], x[:, [0, 2]])


def test_a_row_without_observed_values_is_a_draw_from_the_law() -> None:
    n = 40_000
    generator = torch.Generator().manual_seed(0)
    noise = (
        torch.rand(n, generator=generator).double(),
        torch.randn(n, 3, generator=generator).double(),
    )
    found = fill(torch.zeros(n, 3).double(), [True, True, True], noise)
    torch.testing.assert_close(found.mean(dim=0), MEAN, atol=0.03, rtol=0)
    torch.testing.assert_close(torch.cov(found.T), COVARIANCE, atol=0.05, rtol=0)


def test_draws_have_the_conditional_law_of_the_mixture() -> None:
    """The reference is draws of the mixture with a first value close to the observed one."""
    rng = np.random.default_rng(0)
    shares, means = np.array([0.3, 0.7]), np.array([[-1.0, 2.0], [1.0, -1.0]])
    roots = np.array([[[1.0, 0.0], [0.7, 0.5]], [[0.8, 0.0], [-0.5, 0.4]]])
    component = (rng.random(400_000) < shares[1]).astype(int)
    whole = means[component] + np.einsum(
        "nij,nj->ni", roots[component], rng.normal(size=(400_000, 2))
    )
    near = whole[np.abs(whole[:, 0] - 0.2) < 0.03, 1]
    n = 20_000
    x = torch.zeros(n, 2).double()
    x[:, 0] = 0.2
    arguments = (
        x,
        torch.tensor([[False, True]]).expand(n, -1),
        torch.tensor(shares).expand(n, -1),
        torch.tensor(means),
        torch.tensor(roots),
    )
    noise = torch.tensor(rng.random(n)), torch.tensor(rng.normal(size=(n, 2)))
    drawn = fill_from_mixture(*arguments, noise)[:, 1].numpy()
    levels = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(np.quantile(drawn, levels), np.quantile(near, levels), atol=0.08)
    mean = fill_from_mixture(*arguments, None)[0, 1].item()
    assert mean == pytest.approx(drawn.mean(), abs=0.03)

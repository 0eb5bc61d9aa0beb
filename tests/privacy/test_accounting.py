"""Noise and budgets, against closed forms, integrals and the accountants of opacus."""

import sys
import warnings

import numpy as np
import pytest
from opacus.accountants import PRVAccountant, RDPAccountant
from scipy import integrate, stats

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.privacy.accounting import (
    concentrated_epsilon,
    concentrated_rho,
    gaussian_delta,
    gaussian_sigma,
    sampled_epsilon,
    sampled_sigma,
)


@pytest.mark.parametrize("sigma, epsilon", [(0.5, 1.0), (1.0, 0.5), (3.0, 1.0), (10.0, 0.1)])
def test_the_gaussian_mechanism_is_the_integral_of_its_definition(
    sigma: float, epsilon: float
) -> None:
    def excess(x: float) -> float:
        p, q = stats.norm.pdf(x, 1, sigma), stats.norm.pdf(x, 0, sigma)
        return max(0.0, p - np.exp(epsilon) * q)

    start = sigma**2 * epsilon + 0.5  # where both densities are equal
    delta, _ = integrate.quad(excess, start, start + 40 * sigma, limit=500)
    assert gaussian_delta(sigma, epsilon) == pytest.approx(delta, rel=1e-5)
    least = gaussian_sigma(epsilon, delta)
    assert sigma <= least * (1 + 1e-6)
    assert least == pytest.approx(sigma, rel=2e-3)


def of_opacus(accountant: type, sigma: float, rate: float, steps: int, delta: float) -> float:
    made = accountant()
    made.history = [(sigma, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(made.get_epsilon(delta=delta))


@pytest.mark.parametrize("sigma, rate, steps", [(1.0, 0.02, 300), (2.0, 0.2, 50), (0.8, 0.05, 20)])
def test_sampling_is_accounted_for_as_by_opacus(sigma: float, rate: float, steps: int) -> None:
    mine = sampled_epsilon(sigma, 1e-5, rate, steps)
    assert mine >= of_opacus(RDPAccountant, sigma, rate, steps, 1e-5) - 1e-6  # of fewer orders
    assert mine == pytest.approx(of_opacus(RDPAccountant, sigma, rate, steps, 1e-5), rel=0.02)
    # The other accountant is tighter, and computes in another way.
    tight = of_opacus(PRVAccountant, sigma, rate, steps, 1e-5)
    assert 0.75 * mine < tight < mine


@pytest.mark.parametrize("sigma", [0.7, 2.0, 8.0])
def test_one_step_on_all_rows_is_the_gaussian_mechanism(sigma: float) -> None:
    epsilon = sampled_epsilon(sigma, 1e-5, 1, 1)
    assert gaussian_delta(sigma, epsilon) == pytest.approx(1e-5, rel=0.02)
    nearly = of_opacus(RDPAccountant, sigma, 1.0, 1, 1e-5)
    assert epsilon < nearly < 1.4 * epsilon + 0.05
    # Four steps with twice the noise are one step.
    assert sampled_epsilon(2 * sigma, 1e-5, 1, 4) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize("epsilon", [0.2, 5.0])
@pytest.mark.parametrize("rate", [0.05, 1.0])
def test_the_least_noise_meets_the_budget_and_hardly_more(epsilon: float, rate: float) -> None:
    sigma = sampled_sigma(epsilon, 1e-5, rate, 40)
    assert sampled_epsilon(sigma, 1e-5, rate, 40) <= epsilon * (1 + 2e-3)
    assert sampled_epsilon(0.97 * sigma, 1e-5, rate, 40) > epsilon


def test_without_opacus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[privacy\]"):
        sampled_epsilon(1.0, 1e-5, 0.1, 1)


def test_no_noise_is_enough() -> None:
    with pytest.raises(InputError, match="budget is too small"):
        sampled_sigma(1e-9, 1e-12, 1, 1000)


@pytest.mark.parametrize("sigma", [1.0, 5.0, 20.0])
def test_concentrated_privacy_of_a_gaussian_mechanism(sigma: float) -> None:
    """The Gaussian mechanism is 1 / (2 sigma^2)-zCDP, whose epsilon bounds its own."""
    exact = sampled_epsilon(sigma, 1e-6, 1, 1)
    bound = concentrated_epsilon(1 / (2 * sigma**2), 1e-6)
    assert exact < bound < 1.25 * exact
    assert concentrated_epsilon(concentrated_rho(bound, 1e-6), 1e-6) <= bound * (1 + 1e-9)
    assert concentrated_rho(bound, 1e-6) == pytest.approx(1 / (2 * sigma**2), rel=2e-3)

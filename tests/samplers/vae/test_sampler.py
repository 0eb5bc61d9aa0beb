"""The VAE's objective against closed forms, and its samples against a known mixture."""

import math

import numpy as np
import pytest

from gen_augment import ConditionalVAE, InputError
from tests.conftest import toy_images, toy_table
from tests.samplers.mixture import check_mixture, draw_mixture


def test_cross_entropy_of_a_table_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"likelihood='bce' needs bounded values.*table rows have no bounds"
    ):
        ConditionalVAE(likelihood="bce", max_steps=2, device="cpu").fit(*toy_table())


def test_warm_up_and_beta_weigh_the_kl_term() -> None:
    X, y = toy_table()
    sampler = ConditionalVAE(
        max_steps=100, beta=0.5, warmup=0.5, batch_size=8, width=4, random_state=0, device="cpu"
    )
    history = sampler.fit(X, y).history_
    weights = (np.array(history["loss"]) - history["reconstruction"]) / history["kl"]
    # Readings are means over 25 steps; the first two fall into the warm-up of 50.
    assert weights[0] < 0.5 * 0.5
    assert weights[0] < weights[1] < 0.5
    np.testing.assert_allclose(weights[2:], 0.5, rtol=1e-4)


def test_likelihood_bound_reaches_the_entropy_of_the_data() -> None:
    """The bound cannot exceed the entropy of a normal distribution, and comes close after a fit."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2))
    sampler = ConditionalVAE(max_steps=1500, random_state=0, device="cpu").fit(
        X, np.arange(2000) % 2
    )
    elbo = -sampler.history_["loss"][-1]
    entropy = 2 * 0.5 * math.log(2 * math.pi * math.e)  # of two standardised columns
    assert -entropy - 0.15 < elbo < -entropy + 0.1


@pytest.mark.slow
def test_recovers_each_class_of_a_known_mixture() -> None:
    X, y = draw_mixture()
    sampler = ConditionalVAE(max_steps=1500, random_state=0, device="cpu").fit(X, y)
    check_mixture(sampler, mean=0.15, covariance=0.2)


def test_images_are_learned_by_class() -> None:
    X, y = toy_images(200)
    sampler = ConditionalVAE(
        max_steps=400, batch_size=32, width=8, random_state=0, device="cpu"
    ).fit(X, y)
    for label in (0, 1):
        mean = sampler.sample(50, y=label, random_state=0)[0].mean(axis=0)
        assert (
            np.abs(mean - X[y == label].mean(axis=0)).mean() < 10
        )  # the halves are 150 grey levels apart

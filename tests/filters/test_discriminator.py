"""Discriminator rejection against closed-form densities."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, norm

from gen_augment import ConditionalGAN, ConditionalVAE, InputError
from gen_augment.filters import DiscriminatorRejection, Duplicates, FilteredSampler
from gen_augment.inject.resample import GenerativeOverSampler
from tests.conftest import toy_images, toy_table
from tests.filters.toys import REAL, Toy, truth

MEAN, STD = 0.6, 0.7


def log_ratio(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log-ratio of wanted and generated densities of the first column, plus a constant."""
    ratio: np.ndarray = norm.logpdf(X[:, 0], MEAN, STD) - norm.logpdf(X[:, 0]) + 3
    return ratio


def test_accepted_rows_have_the_wanted_distribution() -> None:
    sampler = Toy(truth, width=1)
    gate = DiscriminatorRejection(discriminator=log_ratio, gamma=0).fit(
        REAL[0][:, :1], REAL[1], sampler=sampler
    )
    X = sampler.generate(np.arange(20_000), 0)
    kept = gate.keep(X, 0)
    grid = np.linspace(-5, 5, 10_001)
    most = np.exp(norm.logpdf(grid, MEAN, STD) - norm.logpdf(grid)).max()
    assert kept.mean() == pytest.approx(1 / most, rel=0.05)
    assert kstest(X[kept, 0], norm(MEAN, STD).cdf).pvalue > 0.01
    assert kstest(X[:, 0], norm(MEAN, STD).cdf).pvalue < 1e-9
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(gate.keep(X[order], 0), kept[order])


def test_gamma_and_threshold_control_the_acceptance_rate() -> None:
    sampler = Toy(truth, width=1)
    X = sampler.generate(np.arange(4000), 0)

    def share(**params: Any) -> float:
        gate = DiscriminatorRejection(discriminator=log_ratio, **params).fit(
            REAL[0][:, :1], REAL[1], sampler=sampler
        )
        return float(gate.keep(X, 0).mean())

    assert share(gamma=2) < share(gamma=0) < share(gamma=-2)
    assert share(gamma=0, threshold=-2) == pytest.approx(share(gamma=-2), abs=0.01)
    flat = DiscriminatorRejection(discriminator=lambda X, y: np.zeros(len(X)), gamma=0)
    assert flat.fit(REAL[0][:, :1], REAL[1], sampler=sampler).keep(X, 0).all(), (
        "equal log-odds accept every row"
    )


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_the_discriminator_of_a_gan_is_the_default(data: Any) -> None:
    X, y = data(60)
    gan = ConditionalGAN(
        max_steps=40,
        batch_size=16,
        width=4,
        latent_dim=4,
        random_state=0,
        device="cpu",
    )
    gate = DiscriminatorRejection(n_reference=200)
    sampler = FilteredSampler(gan, gate).fit(X, y)
    scores = gan.discriminate(X, y)
    assert scores.shape == (60,)
    np.testing.assert_allclose(
        gan.discriminate(X[[9, 4]], y[[9, 4]]), scores[[9, 4]], rtol=1e-3, atol=1e-4
    )
    new, labels = sampler.sample(40)
    assert gate.keep(new, labels).all()
    odds = [
        gan.discriminate(rows, labels).mean()
        for rows in (gan.generate(np.arange(1000, 1040), labels), new)
    ]
    assert odds[0] < odds[1]
    balanced = GenerativeOverSampler(
        gan, sampling_strategy={0: 35, 1: 30}, filters=[gate]
    ).fit_resample(X, y)
    assert len(balanced[1]) == 65


def test_bad_input_is_an_error() -> None:
    X, y = REAL
    for gate in (Duplicates(), DiscriminatorRejection()):
        with pytest.raises(TypeError, match="required keyword-only argument: 'sampler'"):
            gate.fit(X, y)  # type: ignore[call-arg]
    sampler = Toy(truth)
    vae = ConditionalVAE(max_steps=2, device="cpu", random_state=0).fit(X, y)
    for gate, source, message in (
        (Duplicates(n_reference=0), sampler, "n_reference"),
        (DiscriminatorRejection(n_reference=0), sampler, "n_reference"),
        (DiscriminatorRejection(gamma=np.nan, discriminator=log_ratio), sampler, "gamma"),
        (DiscriminatorRejection(), vae, "ConditionalVAE has no discriminator"),
        (
            DiscriminatorRejection(discriminator=lambda X, y: X),
            sampler,
            r"shape \(2000, 3\) for 2000 rows",
        ),
    ):
        with pytest.raises(InputError, match=message):
            gate.fit(X, y, sampler=source)

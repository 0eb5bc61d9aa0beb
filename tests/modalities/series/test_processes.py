"""Samples of known processes have their means, spectra and autocorrelations."""

from typing import Any

import numpy as np
import pytest

from gen_augment import ConditionalFlow, TransformSampler
from gen_augment.modalities.series.measures import autocorrelation, spectrum

N, LENGTH = 300, 24
#: Coefficients of autoregressive processes, and frequencies of sinusoids, in cycles a series.
AR = {0: (1.2, -0.6), 1: (-0.5, 0.2)}
CYCLES = {0: 2, 1: 5}
NOISE = 0.1


def autoregressive(rng: np.random.Generator, a: float, b: float) -> np.ndarray:
    x = np.zeros((N, LENGTH + 60))
    e = rng.normal(size=x.shape)
    for t in range(2, x.shape[1]):
        x[:, t] = a * x[:, t - 1] + b * x[:, t - 2] + e[:, t]
    return x[:, 60:]


def sinusoids(rng: np.random.Generator, cycles: int) -> np.ndarray:
    phase = rng.uniform(0, 2 * np.pi, (N, 1))
    wave = np.sin(2 * np.pi * cycles * np.arange(LENGTH) / LENGTH + phase)
    return cycles + wave + NOISE * rng.normal(size=wave.shape)


def autocorrelations(a: float, b: float, n: int) -> np.ndarray:
    """Closed form of an AR(2) process, by the Yule-Walker equations."""
    rho = [1, a / (1 - b)]
    while len(rho) <= n:
        rho.append(a * rho[-1] + b * rho[-2])
    return np.array(rho[1 : n + 1])


def sampled(made: Any, rows: dict[int, np.ndarray], n_steps: int) -> dict[int, np.ndarray]:
    X, y = np.concatenate(list(rows.values())), np.repeat(list(rows), N)
    sampler = made(max_steps=n_steps, width=16, modality="series", random_state=0, device="cpu")
    X, y = sampler.fit(X, y).sample(y=dict.fromkeys(rows, 500))
    return {code: X[y == code] for code in rows}


def test_rows_without_training_keep_the_process() -> None:
    """The estimates of this file, on samples that are known to be right but for 3% of noise."""
    rng = np.random.default_rng(0)
    sampler = TransformSampler(transforms="jitter", modality="series", random_state=0)
    X = np.concatenate([autoregressive(rng, *ab) for ab in AR.values()])
    X, y = sampler.fit(X, np.repeat(list(AR), N)).sample(y=dict.fromkeys(AR, 500))
    for code, (a, b) in AR.items():
        found = autocorrelation(X[y == code][:, None], np.full(500, LENGTH), 2)[0]
        # Without the mean of each series, and with fewer products at longer lags.
        expected = autocorrelations(a, b, 2) * (1 - np.array([1, 2]) / LENGTH)
        np.testing.assert_allclose(found, expected, atol=0.1)
    waves = np.concatenate([sinusoids(rng, k) for k in CYCLES.values()])
    X, y = sampler.fit(waves, np.repeat(list(CYCLES), N)).sample(y=dict.fromkeys(CYCLES, 500))
    for code, cycles in CYCLES.items():
        power = spectrum(X[y == code][:, None], np.full(500, LENGTH), LENGTH)[0]
        assert power.argmax() == cycles
        assert power[cycles] > 0.9
        np.testing.assert_allclose(X[y == code].mean(), cycles, atol=0.05)


@pytest.mark.slow
def test_autocorrelations_of_samples_are_those_of_the_process() -> None:
    """The benchmark `processes` has the other samplers."""
    rng = np.random.default_rng(0)
    rows = {code: autoregressive(rng, *ab) for code, ab in AR.items()}
    found = sampled(ConditionalFlow, rows, 150)
    for code, (a, b) in AR.items():
        x = found[code]
        rho = autocorrelations(a, b, 4)
        variance = 1 / (1 - a * rho[0] - b * rho[1])
        assert abs(x.mean()) < 0.15 * np.sqrt(variance)
        np.testing.assert_allclose(x.var(), variance, rtol=0.25)
        measured = [(x[:, :-k] * x[:, k:]).mean() / (x * x).mean() for k in range(1, 5)]
        np.testing.assert_allclose(measured, rho, atol=0.12)


@pytest.mark.slow
def test_sinusoids_have_their_frequency_and_any_phase() -> None:
    rng = np.random.default_rng(0)
    found = sampled(ConditionalFlow, {code: sinusoids(rng, k) for code, k in CYCLES.items()}, 350)
    for code, cycles in CYCLES.items():
        x = found[code]
        np.testing.assert_allclose(x.mean(), cycles, atol=0.1)
        spectrum = np.fft.rfft(x, axis=1)
        power = np.abs(spectrum[:, 1:]) ** 2
        assert np.median(power[:, cycles - 1] / power.sum(axis=1)) > 0.9
        np.testing.assert_allclose(2 / LENGTH * np.abs(spectrum[:, cycles]).mean(), 1, atol=0.1)
        phases = np.angle(spectrum[:, cycles])
        assert abs(np.exp(1j * phases).mean()) < 0.2  # 0.04 for 500 uniform phases
        counts = np.histogram(phases, bins=8, range=(-np.pi, np.pi))[0]
        assert counts.min() > 20  # 62 on average

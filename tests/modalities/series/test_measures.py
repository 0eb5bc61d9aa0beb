import numpy as np
import pytest
from scipy.signal import periodogram

from gen_augment.modalities.series.measures import (
    autocorrelation,
    autocorrelation_distance,
    spectral_distance,
    spectrum,
)

RNG = np.random.default_rng(0)


def padded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values, np.full(len(values), values.shape[2])


def sines(cycles: int, n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    phases = RNG.uniform(0, 6.3, (n, 1, 1))
    return padded(np.sin(2 * np.pi * cycles * np.arange(40) / 40 + phases))


def test_spectra_are_those_of_scipy() -> None:
    values = RNG.normal(size=(5, 2, 33)) + 7
    power = periodogram(values, detrend="constant", return_onesided=False)[1][..., :17]
    expected = (power / power.sum(axis=2, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(spectrum(*padded(values), 33), expected, atol=1e-12)


def test_autocorrelations_are_those_of_the_definition() -> None:
    values, lengths = RNG.normal(size=(3, 1, 20)), np.array([20, 12, 3])
    expected = np.zeros((3, 4))
    for number, length in enumerate(lengths):
        x = values[number, 0, :length] - values[number, 0, :length].mean()
        full = np.correlate(x, x, "full")[length:] / (x @ x)
        expected[number, : min(4, length - 1)] = full[:4]
    found = autocorrelation(values, lengths, 4)
    np.testing.assert_allclose(found[0, :2], expected[:, :2].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found[0, 2:], expected[:2, 2:].mean(axis=0), atol=1e-12)


def test_distances_separate_frequencies() -> None:
    assert spectral_distance(sines(3), sines(3)) < 1e-9
    assert spectral_distance(sines(3), sines(8)) == pytest.approx(1)
    assert autocorrelation_distance(sines(3), sines(3)) < 0.02
    assert autocorrelation_distance(sines(3), sines(8)) > 0.4


def test_constant_and_short_series_have_no_distance() -> None:
    flat = padded(np.full((4, 1, 6), 3.0))
    assert spectral_distance(flat, flat) == autocorrelation_distance(flat, flat) == 0
    assert autocorrelation_distance(padded(np.ones((4, 1, 1))), flat) == 0

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


@pytest.mark.parametrize("scale, mean", [(1e-13, 0), (1e-200, 0), (1e25, 0), (1, 1e6)])
def test_distances_do_not_depend_on_the_unit(scale: float, mean: float) -> None:
    one, other = sines(3), padded(RNG.normal(size=(20, 1, 40)))
    scaled = [padded(rows * scale + mean) for rows, _ in (one, other)]
    for distance in (spectral_distance, autocorrelation_distance):
        assert distance(*scaled) == pytest.approx(distance(one, other), rel=1e-6)


def test_constant_and_short_series_have_no_distance() -> None:
    flat = padded(np.full((4, 1, 6), 0.1))  # its mean is another number
    assert flat[0][0, 0].mean() != 0.1
    assert spectral_distance(flat, flat) == autocorrelation_distance(flat, flat) == 0
    assert autocorrelation_distance(padded(np.ones((4, 1, 1))), flat) == 0

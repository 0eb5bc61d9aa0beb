"""How far series are from training series: in their spectra and in their autocorrelations."""

import numpy as np

__all__ = ["autocorrelation", "autocorrelation_distance", "spectral_distance", "spectrum"]

#: Longest lag of `autocorrelation`, in steps.
MAX_LAG = 50
#: A channel varies if it leaves its mean by more than this share of its largest value.
_SMALLEST_CHANGE = 1e-12


def spectrum(values: np.ndarray, lengths: np.ndarray, size: int) -> np.ndarray:
    """Return the mean share of the power at each frequency.

    Parameters
    ----------
    values : ndarray of shape (n, C, L)
        Padded series. The mean of each channel of a series is removed.
    lengths : ndarray of shape (n,)
    size : int
        Length of the Fourier transform, at least L.

    Returns
    -------
    ndarray of shape (C, size // 2 + 1)
        Each channel sums to 1, or to 0 if all its series are constant.
    """
    total = np.zeros((values.shape[1], size // 2 + 1))
    n_varied = np.zeros(values.shape[1])
    for row, length in zip(values, lengths.tolist(), strict=True):
        power = np.abs(np.fft.rfft(_centred(row[:, :length]), size, axis=1)) ** 2
        sums = power.sum(axis=1)
        varied = sums > 0
        total[varied] += power[varied] / sums[varied, None]
        n_varied += varied
    return total / np.maximum(n_varied, 1)[:, None]


def spectral_distance(
    train: tuple[np.ndarray, np.ndarray], X: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the total variation between the spectra of two sets of series, mean over channels.

    Parameters
    ----------
    train, X : (ndarray of shape (n, C, L), ndarray of shape (n,))
        Padded series and their lengths.

    Returns
    -------
    float in [0, 1]
        0 for equal spectra, 1 for spectra without a common frequency.
    """
    size = max(train[0].shape[2], X[0].shape[2])
    a, b = spectrum(*train, size), spectrum(*X, size)
    return float(np.abs(a - b).sum(axis=1).mean() / 2)


def autocorrelation(values: np.ndarray, lengths: np.ndarray, n_lags: int) -> np.ndarray:
    """Return the mean autocorrelation of series at lags 1 to `n_lags`: shape (C, n_lags).

    The mean of each channel of a series is removed. A series counts at the lags below its length.
    """
    total = np.zeros((values.shape[1], n_lags))
    counts = np.zeros_like(total)
    for row, length in zip(values, lengths.tolist(), strict=True):
        x = _centred(row[:, :length])
        variance = (x * x).sum(axis=1)
        varied = variance > 0
        lags = min(n_lags, length - 1)
        size = 2 * length
        found = np.fft.irfft(np.abs(np.fft.rfft(x, size, axis=1)) ** 2, size, axis=1)
        total[varied, :lags] += found[varied, 1 : lags + 1] / variance[varied, None]
        counts[varied, :lags] += 1
    return total / np.maximum(counts, 1)


def autocorrelation_distance(
    train: tuple[np.ndarray, np.ndarray], X: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the mean absolute difference of the autocorrelations at lags 1 to 50.

    Fewer lags are compared if no series of one set is as long.

    Parameters
    ----------
    train, X : (ndarray of shape (n, C, L), ndarray of shape (n,))
        Padded series and their lengths.

    Returns
    -------
    float in [0, 2]
    """
    n_lags = min(MAX_LAG, int(train[1].max()) - 1, int(X[1].max()) - 1)
    if n_lags < 1:
        return 0.0
    a, b = autocorrelation(*train, n_lags), autocorrelation(*X, n_lags)
    return float(np.abs(a - b).mean())


def _centred(x: np.ndarray) -> np.ndarray:
    """Return channels without their means, with 1 as the largest deviation; 0 for constant ones."""
    x = x.astype(np.float64)
    largest = np.abs(x).max(axis=1, keepdims=True)
    x = x - x.mean(axis=1, keepdims=True)
    peak = np.abs(x).max(axis=1, keepdims=True)
    varied = peak > _SMALLEST_CHANGE * largest
    return np.where(varied, x / np.where(varied, peak, 1), 0.0)

"""Figures of series for audits: spectra, autocorrelations, and the scores of TimeGAN."""

from typing import Any, ClassVar

import numpy as np

from gen_augment.modalities.scan import Scan
from gen_augment.modalities.series.forms import read_series
from gen_augment.modalities.series.measures import autocorrelation_distance, spectral_distance
from gen_augment.modalities.series.recurrent_scores import discriminative_score, predictive_score
from gen_augment.modalities.views import Figure, RowViews

__all__ = ["FIGURES", "SeriesViews", "WaveformViews"]

#: Values (n, C, L), padded with zeros, and lengths.
_Series = tuple[np.ndarray, np.ndarray]

_REAL = "Do the rows look real?"
_USE = "Can a classifier learn from the rows?"
_AS_REAL = "as real rows"

FIGURES = {
    "spectral_distance": Figure(
        _REAL,
        "Distance of spectra",
        "Difference between the shares of power at each frequency (total variation), 0 to 1.",
        _AS_REAL,
    ),
    "autocorrelation_distance": Figure(
        _REAL,
        "Distance of autocorrelations",
        "Mean absolute difference of the autocorrelations at lags of up to 50 steps.",
        _AS_REAL,
    ),
    "discriminative_score": Figure(
        _REAL,
        "Discriminative score",
        "How far the accuracy of a recurrent network that tells synthetic from real series is "
        "from 0.5 (TimeGAN).",
        "0",
    ),
    "predictive_score": Figure(
        _USE,
        "Predictive score",
        "Error on real series of a recurrent network that learned from synthetic series to "
        "predict the next step, as a share of the range (TimeGAN).",
        _AS_REAL,
    ),
}


class WaveformViews(RowViews):
    """Figures of long series: spectra and autocorrelations."""

    figures: ClassVar = {
        name: FIGURES[name] for name in ("spectral_distance", "autocorrelation_distance")
    }

    def scan(self, modality: Any) -> Scan:
        """Return what learns lengths and bounds of all rows, and the rest of a sample."""
        return Scan(modality, _extreme_series)

    def measure(self, train: Any, X: Any, unseen: Any = None) -> dict[str, tuple[float, float]]:
        """Compare rows, and unseen rows, with training rows."""
        first = read_series(train)[1:]
        found = self._compare(first, read_series(X)[1:])
        if unseen is None:
            return {name: (value, float("nan")) for name, value in found.items()}
        references = self._compare(first, read_series(unseen)[1:])
        return {name: (value, references[name]) for name, value in found.items()}

    def _compare(self, train: _Series, rows: _Series) -> dict[str, float]:
        return {
            "spectral_distance": spectral_distance(train, rows),
            "autocorrelation_distance": autocorrelation_distance(train, rows),
        }


class SeriesViews(WaveformViews):
    """Figures of series: also the scores of recurrent networks."""

    figures: ClassVar = FIGURES

    def _compare(self, train: _Series, rows: _Series) -> dict[str, float]:
        return super()._compare(train, rows) | {
            "discriminative_score": discriminative_score(train, rows),
            "predictive_score": predictive_score(train, rows),
        }


def _extreme_series(X: Any) -> list[int]:
    """Return positions of the shortest and longest series, and of the bounds of each channel."""
    _, values, lengths = read_series(X)
    if not values.size:
        return []
    high, low = values.max(axis=2).argmax(axis=0), values.min(axis=2).argmin(axis=0)
    return [*high.tolist(), *low.tolist(), int(lengths.argmin()), int(lengths.argmax())]

"""Figures of series for audits: spectra, autocorrelations, and the scores of TimeGAN."""

from typing import Any, ClassVar

from gen_augment.modalities.series.forms import read_series
from gen_augment.modalities.series.measures import autocorrelation_distance, spectral_distance
from gen_augment.modalities.series.recurrent_scores import discriminative_score, predictive_score
from gen_augment.modalities.views import Figure, RowViews

__all__ = ["FIGURES", "SeriesViews", "WaveformViews"]

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

    def measure(self, train: Any, X: Any) -> dict[str, float]:
        """Compare spectra and autocorrelations with those of training rows."""
        pair = read_series(train)[1:], read_series(X)[1:]
        return {
            "spectral_distance": spectral_distance(*pair),
            "autocorrelation_distance": autocorrelation_distance(*pair),
        }


class SeriesViews(WaveformViews):
    """Figures of series: also the scores of recurrent networks."""

    figures: ClassVar = FIGURES

    def measure(self, train: Any, X: Any) -> dict[str, float]:
        """Compare with training rows, by networks too."""
        pair = read_series(train)[1:], read_series(X)[1:]
        return super().measure(train, X) | {
            "discriminative_score": discriminative_score(*pair),
            "predictive_score": predictive_score(*pair),
        }

"""Scores of predicted probabilities."""

import numpy as np
from sklearn.metrics import recall_score

__all__ = ["METRICS", "expected_calibration_error", "scores"]

#: Name to (label, whether larger is better).
METRICS = {
    "balanced_accuracy": ("balanced accuracy", True),
    "accuracy": ("accuracy", True),
    "worst_class_recall": ("worst-class recall", True),
    "nll": ("negative log-likelihood", False),
    "ece": ("expected calibration error", False),
}


def scores(codes: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """All of `METRICS`.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        True class numbers.
    probabilities : ndarray of shape (n, n_classes)
    """
    predicted = probabilities.argmax(axis=1)
    recall = recall_score(codes, predicted, labels=np.unique(codes), average=None, zero_division=0.0)
    likelihood = np.clip(probabilities[np.arange(len(codes)), codes], 1e-12, 1)
    return {
        "balanced_accuracy": float(recall.mean()),
        "accuracy": float((predicted == codes).mean()),
        "worst_class_recall": float(recall.min()),
        "nll": float(-np.log(likelihood).mean()),
        "ece": expected_calibration_error(codes, probabilities),
    }


def expected_calibration_error(codes: np.ndarray, probabilities: np.ndarray, n_bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by their rows.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", 2017 (arXiv:1706.04599), equation 3.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == codes
    which = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(which, correct - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(codes))

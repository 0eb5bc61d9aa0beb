"""Scores of predicted probabilities."""

import numpy as np

__all__ = ["AREAS", "METRICS", "UNSCALED", "expected_calibration_error", "geometric_mean", "scores"]

#: Name to (label, whether larger is better).
METRICS = {
    "balanced_accuracy": ("balanced accuracy", True),
    "accuracy": ("accuracy", True),
    "macro_f1": ("macro F1", True),
    "worst_class_recall": ("worst-class recall", True),
    "geometric_mean": ("geometric mean of recalls", True),
    "roc_auc": ("area under the ROC curve", True),
    "average_precision": ("average precision", True),
    "nll": ("negative log-likelihood", False),
    "brier": ("Brier score", False),
    "ece": ("expected calibration error", False),
}
#: Told as they are, and not in hundredths.
UNSCALED = ("nll", "brier")
#: Those under a curve, which take rows of two classes or more.
AREAS = ("roc_auc", "average_precision")


def scores(codes: np.ndarray, probabilities: np.ndarray, *, areas: bool = True) -> dict[str, float]:
    """All of `METRICS`.

    ROC AUC and average precision are means over classes, each against the rest; for two classes, they are those of the
    second. The Brier score is the squared distance of probabilities to the one-hot label, from 0 to 2. Classes without
    rows are left out; where only one class has rows, the two areas are NaN.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        True class numbers.
    probabilities : ndarray of shape (n, n_classes)
    areas : bool
        Without the two areas, which take most of the time.
    """
    predicted, n_classes = probabilities.argmax(axis=1), probabilities.shape[1]
    true, claimed = (np.bincount(numbers, minlength=n_classes) for numbers in (codes, predicted))
    right = np.bincount(codes[predicted == codes], minlength=n_classes)
    there = np.flatnonzero(true)
    recall = right[there] / true[there]
    likelihood = np.clip(probabilities[np.arange(len(codes)), codes], 1e-12, 1)
    truth = np.eye(n_classes)[codes]
    return {
        "balanced_accuracy": float(recall.mean()),
        "accuracy": float((predicted == codes).mean()),
        "macro_f1": float((2 * right[there] / (true + claimed)[there]).mean()),
        "worst_class_recall": float(recall.min()),
        "geometric_mean": geometric_mean(recall),
        **(_areas(truth, probabilities, there) if areas else {}),
        "nll": float(-np.log(likelihood).mean()),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        "ece": expected_calibration_error(codes, probabilities),
    }


def geometric_mean(recall: np.ndarray) -> float:
    """Of the recalls; 0 where a class is never found (Kubat and Matwin 1997).

    Examples
    --------
    >>> round(geometric_mean(np.array([0.9, 0.4])), 6)
    0.6
    """
    return float(np.exp(np.log(recall).mean())) if (recall > 0).all() else 0.0


def _areas(truth: np.ndarray, probabilities: np.ndarray, there: np.ndarray) -> dict[str, float]:
    if len(there) < 2:
        return {"roc_auc": float("nan"), "average_precision": float("nan")}
    columns = [1] if truth.shape[1] == 2 else there
    found = [_areas_of_one(truth[:, c] > 0, probabilities[:, c]) for c in columns]
    roc, precision = np.mean(found, axis=0).tolist()
    return {"roc_auc": roc, "average_precision": precision}


def _areas_of_one(positive: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """ROC AUC, ties half, and average precision, from one sort: scikit-learn's checks take longer than the sums."""
    order = np.argsort(-score, kind="stable")
    last = np.append(
        np.flatnonzero(np.diff(score[order])), len(score) - 1
    )  # of each run of equal scores
    hits = np.cumsum(positive[order])[last]
    misses = last + 1 - hits
    recall, precision = hits / hits[-1], hits / (last + 1)
    gained = np.diff(recall, prepend=0)
    roc = np.diff(misses, prepend=0) @ (recall - gained / 2) / misses[-1]
    return float(roc), float(gained @ precision)


def expected_calibration_error(
    codes: np.ndarray, probabilities: np.ndarray, n_bins: int = 15
) -> float:
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

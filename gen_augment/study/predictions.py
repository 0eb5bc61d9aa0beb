"""What follows from the stored predictions of a study: confusions, recalls, other tested rows."""

import numpy as np
import pandas as pd

from gen_augment.study.findings import Findings, predictions_of
from gen_augment.study.metrics import score

__all__ = ["class_recall", "confusion", "robustness"]


def confusion(found: Findings, arm: str) -> np.ndarray:
    """Count test rows by true and predicted class over all seeds: shape (n_classes, n_classes)."""
    rows = predictions_of(found, arm, "test")
    n_classes = rows[0][1].shape[1]
    pairs = np.concatenate([codes * n_classes + p.argmax(axis=1) for codes, p in rows])
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_recall(found: Findings, arm: str) -> np.ndarray:
    """Return the recall of each class over all seeds; NaN for a class without test rows."""
    counts = confusion(found, arm)
    n = counts.sum(axis=1)
    return np.where(n > 0, np.diagonal(counts) / np.maximum(n, 1), np.nan)


def robustness(found: Findings) -> pd.DataFrame:
    """Return the mean metric on other tested rows.

    Returns
    -------
    DataFrame
        One row per arm; one column for each name in `shifted`, and for each corruption as
        ``"corruption/severity"``.
    """
    names = [name for name in next(iter(found.truth.values()), {}) if name != "test"]
    if not found.metric.can_score:
        names = []
    rows = {
        arm: {
            name: np.mean([score(found.metric, *pair) for pair in predictions_of(found, arm, name)])
            for name in names
        }
        for arm in found.scores().columns
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("arm")

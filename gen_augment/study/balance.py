"""Imbalance treated in the classifier: class weights, logit adjustment, tuned thresholds.

References
----------
Menon et al., "Long-tail learning via logit adjustment", 2021
(arXiv:2007.07314), equations 9 and 10.
"""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from gen_augment.data import Rows
from gen_augment.data.folds import stratified_folds

__all__ = [
    "class_weights",
    "held_out_offsets",
    "log_prior",
    "shift_probabilities",
    "tune_offsets",
    "weight_key",
]


def class_weights(
    codes: np.ndarray, n_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return ``n / (K n_k)``, whose mean over the rows is 1; 0 for a class without rows.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    n_classes : int
    weights : ndarray of shape (n,), optional
        Weights of the rows; all 1 by default.

    Returns
    -------
    ndarray of shape (n_classes,)

    Examples
    --------
    >>> class_weights(np.array([0, 0, 0, 1]), 2).round(3).tolist()
    [0.667, 2.0]
    """
    counts = np.bincount(codes, weights, minlength=n_classes)
    present = counts > 0
    return np.asarray(
        np.where(present, counts.sum() / (present.sum() * np.where(present, counts, 1)), 0.0)
    )


def log_prior(codes: np.ndarray, n_classes: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the log of each class's share of the rows, or of their weight: shape (n_classes,).

    A class without rows counts as half a row.
    """
    counts = np.bincount(codes, weights, minlength=n_classes)
    counts = np.where(counts > 0, counts, 0.5)
    return np.asarray(np.log(counts / counts.sum()))


def shift_probabilities(probabilities: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the probabilities ``softmax(log p + offsets)``, of shape (n, n_classes).

    With the negative log-prior as offsets, this is logit adjustment after training (equation 9).

    Examples
    --------
    >>> shift_probabilities(np.array([[0.9, 0.1]]), -np.log([0.9, 0.1])).round(3).tolist()
    [[0.5, 0.5]]
    """
    logits = np.log(np.clip(probabilities, 1e-12, None)) + offsets
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def weight_key(estimator: Any) -> str | None:
    """Return the keyword by which `fit` takes row weights, or None if it takes none."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not has_fit_parameter(last, "sample_weight"):
        return None
    return (
        f"{estimator.steps[-1][0]}__sample_weight"
        if isinstance(estimator, Pipeline)
        else "sample_weight"
    )


def held_out_offsets(estimator: Any, X: Any, rows: Rows, n_classes: int, seed: int) -> np.ndarray:
    """Tune offsets for balanced accuracy on cross-validated probabilities: shape (n_classes,)."""
    codes = rows.codes
    folds = PredefinedSplit(stratified_folds(rows, 5, seed % 2**32))
    found = cross_val_predict(clone(estimator), X, codes, cv=folds, method="predict_proba")
    probabilities = np.zeros((len(X), n_classes))
    probabilities[:, np.unique(codes)] = found
    return tune_offsets(codes, probabilities)


def tune_offsets(codes: np.ndarray, probabilities: np.ndarray, n_sweeps: int = 3) -> np.ndarray:
    """Find offsets of log-probabilities that maximise balanced accuracy.

    This is coordinate ascent from 0, one class after another. Each step is exact, because only the
    margins at which the predicted class of a row changes have to be examined.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    probabilities : ndarray of shape (n, n_classes)
    n_sweeps : int
        Passes over all classes but the first, whose offset is 0.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    >>> offsets = tune_offsets(np.array([0, 0, 0, 1]), p)
    >>> bool(0.6 < 0.4 * np.exp(offsets[1]) and 0.8 > 0.2 * np.exp(offsets[1]))
    True
    """
    logits = np.log(np.clip(probabilities, 1e-12, None))
    weight = class_weights(codes, probabilities.shape[1])[codes]
    offsets = np.zeros(probabilities.shape[1])
    for _ in range(n_sweeps):
        for code in range(1, len(offsets)):
            offsets[code] = _best_offset(
                code, codes, logits + offsets, logits[:, code], weight, offsets[code]
            )
    return offsets


def _best_offset(
    code: int,
    codes: np.ndarray,
    shifted: np.ndarray,
    own: np.ndarray,
    weight: np.ndarray,
    current: float,
) -> float:
    """Return the best offset of class `code` with the others fixed; `current` if none is better."""
    others = np.delete(shifted, code, axis=1)
    rival = np.delete(np.arange(shifted.shape[1]), code)[others.argmax(axis=1)]
    margin = others.max(axis=1) - own  # the class is predicted where its offset exceeds this
    order = np.argsort(margin)
    margin = margin[order]
    gain = (weight * ((codes == code).astype(float) - (rival == codes)))[order]
    # With the offset between two margins, the class is predicted for the rows before.
    score = np.concatenate([[0.0], np.cumsum(gain)])
    apart = np.concatenate([[True], np.diff(margin) > 1e-12, [True]])
    ends = np.concatenate([[margin[0] - 1], margin, [margin[-1] + 1]])
    places = (ends[:-1] + ends[1:]) / 2
    now = score[np.searchsorted(margin, current)]
    best = int(np.where(apart, score, -np.inf).argmax())
    return float(places[best]) if score[best] > now + 1e-12 else current

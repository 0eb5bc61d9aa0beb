"""Weights of class scores, fitted on rows that no model was trained on.

References
----------
Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (arXiv:1706.04599): the
temperature, here one for each term.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

__all__ = ["fit_weights", "weighted_proba"]

#: Penalty on squared weights of standardised terms: keeps them finite if rows are separable.
PENALTY = 1e-4


def weighted_proba(
    terms: Sequence[np.ndarray], weights: Sequence[float] | np.ndarray, offset: np.ndarray | float
) -> np.ndarray:
    """Return ``softmax(sum of weight * term + offset)``, of shape (n, n_classes).

    Examples
    --------
    >>> weighted_proba([np.array([[0.0, 1.0]])], [0.0], 0.0).tolist()
    [[0.5, 0.5]]
    """
    found: np.ndarray = softmax(_combined(terms, weights) + offset, axis=1)
    return found


def fit_weights(
    terms: Sequence[np.ndarray], codes: np.ndarray, offset: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return the weights, of at least 0, with the lowest log loss; the problem is convex.

    Parameters
    ----------
    terms : sequence of ndarray of shape (n, n_classes)
        Log-probabilities or scores of held-out rows.
    codes : ndarray of shape (n,)
        Their class codes.
    offset : ndarray of shape (n_classes,) or float
        Added with weight 1, such as the log-prior.

    Returns
    -------
    ndarray of shape (len(terms),)

    Examples
    --------
    >>> scores = np.log([[0.75, 0.25]] * 4)
    >>> fit_weights([scores], np.array([0, 0, 0, 1])).round(2).tolist()
    [1.0]
    """
    centred = [term - term.mean(axis=1, keepdims=True) for term in terms]
    scales = np.array([max(float(term.std()), 1e-12) for term in centred])
    unit = [term / scale for term, scale in zip(centred, scales, strict=True)]
    rows = np.arange(len(codes))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        log_p = log_softmax(_combined(unit, weights) + offset, axis=1)
        error = np.exp(log_p)
        error[rows, codes] -= 1
        slope = np.array([(error * term).sum() / len(codes) for term in unit])
        penalty = PENALTY * np.square(weights).sum()
        return -log_p[rows, codes].mean() + penalty, slope + 2 * PENALTY * weights

    bounds = [(0, None)] * len(unit)
    found = minimize(loss, np.ones(len(unit)), jac=True, method="L-BFGS-B", bounds=bounds)
    weights: np.ndarray = found.x / scales
    return weights


def _combined(terms: Sequence[np.ndarray], weights: Sequence[float] | np.ndarray) -> np.ndarray:
    total: np.ndarray = np.sum([w * term for w, term in zip(weights, terms, strict=True)], axis=0)
    return total

"""Scores of the classes of a fitted sampler, whichever it can give."""

from typing import Any

import numpy as np

from gen_augment.errors import InputError

__all__ = ["FLOOR", "check_scores", "sampler_scores"]

#: Lowest score of a class below the best one of the row; a density may be 0.
FLOOR = 1e3


def check_scores(sampler: Any) -> None:
    """Raise `InputError` unless a sampler, fitted or not, can score the classes of rows."""
    if isinstance(sampler, type) or not hasattr(sampler, "fit"):
        raise InputError(f"sampler={sampler!r} is not an instance of a sampler: give one.")
    if not hasattr(sampler, "class_scores") and not hasattr(sampler, "log_prob"):
        raise InputError(
            f"{type(sampler).__name__} has no log_prob, so it cannot score classes: use "
            "ConditionalFlow, ConditionalVAE, MixtureSampler or KDESampler."
        )


def sampler_scores(sampler: Any, X: Any) -> np.ndarray:
    """Return `class_scores` of a fitted sampler, or its `log_prob` for each class.

    Parameters
    ----------
    sampler : fitted sampler
    X : n rows, in the form that was fitted

    Returns
    -------
    ndarray of shape (n, n_classes)
        Rows that no class can explain have equal scores.
    """
    if hasattr(sampler, "class_scores"):
        scores: np.ndarray = sampler.class_scores(X)
    else:
        each = [sampler.log_prob(X, np.repeat([c], len(X))) for c in sampler.classes_]
        scores = np.stack(each, axis=1)
    best = scores.max(axis=1, keepdims=True)
    known = np.isfinite(best)
    floored: np.ndarray = np.where(known, np.maximum(scores, best - FLOOR), 0.0)
    return floored

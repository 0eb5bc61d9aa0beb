"""A downstream classifier: the user's own, or a small network."""

from typing import Any, Protocol

import numpy as np
from sklearn.base import clone

from gen_augment.metrics.features import train_network
from gen_augment.metrics.rows import LabelledRows, Values

__all__ = ["Classifier", "fit_classifier", "seeded_clone"]


class Classifier(Protocol):
    """What gives the probability of each known class."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of shape (n, n_classes) for rows as the user has them."""


def fit_classifier(estimator: Any, rows: LabelledRows, *, n_steps: int, seed: int) -> Classifier:
    """Train a classifier on rows.

    Parameters
    ----------
    estimator : scikit-learn classifier with predict_proba, or None
        Cloned, and given scaled columns or pixels; a small network otherwise.
    rows : LabelledRows
        Known classes that have none get a probability of 0 from an estimator.
    n_steps : int
        Optimiser steps of that network.
    seed : int
        Of whatever the classifier draws.
    """
    if estimator is None:
        return train_network(rows, n_steps=n_steps, seed=seed)
    return _OnValues(estimator, rows, seed)


def seeded_clone(estimator: Any, seed: int) -> Any:
    """An unfitted copy of a scikit-learn estimator whose random states, a pipeline's steps' too, are `seed`.

    One that is left None would draw from NumPy's global generator.
    """
    copy = clone(estimator)
    states = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(states, seed % 2**32))


class _OnValues:
    """A scikit-learn classifier of flat encoded values."""

    def __init__(self, estimator: Any, rows: LabelledRows, seed: int) -> None:
        self.values, self.n_classes = Values(rows.codec), rows.n_classes
        self.model = seeded_clone(estimator, seed)
        self.model.fit(rows.encoded.flatten(1).numpy(), rows.codes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of all known classes."""
        probabilities = np.zeros((len(X), self.n_classes))
        probabilities[:, self.model.classes_] = self.model.predict_proba(self.values(X))
        return probabilities

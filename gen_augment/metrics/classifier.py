"""The classifier that metrics and filters train: the user's estimator, or a small network."""

from typing import Any, Protocol

import numpy as np
from sklearn.base import clone

from gen_augment.data.rows import Rows
from gen_augment.metrics.features import train_network

__all__ = ["Classifier", "fit_classifier", "seeded_clone"]


class Classifier(Protocol):
    """A fitted classifier that predicts probabilities of all known classes."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of shape (n, n_classes) for rows in the user's form."""


def fit_classifier(estimator: Any, rows: Rows, *, n_steps: int, seed: int) -> Classifier:
    """Train a classifier on labelled rows.

    Parameters
    ----------
    estimator : scikit-learn classifier with predict_proba, or None
        Cloned, and fitted on the modality's inputs for classifiers; None trains a small
        network.
    rows : Rows
        A class without rows gets probability 0 from an estimator.
    n_steps : int
        Optimiser steps of the network.
    seed : int
        Seeds the classifier.
    """
    if estimator is None:
        return train_network(rows, n_steps=n_steps, seed=seed)
    return _FittedEstimator(estimator, rows, seed)


def seeded_clone(estimator: Any, seed: int) -> Any:
    """Return an unfitted copy of a scikit-learn estimator with all random states set.

    The steps of a pipeline are included. An estimator whose random state stays None would
    use NumPy's global generator.
    """
    copy = clone(estimator)
    states = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(states, seed % 2**32))


class _FittedEstimator:
    """A scikit-learn classifier of the modality's inputs, as flat vectors."""

    def __init__(self, estimator: Any, rows: Rows, seed: int) -> None:
        self.inputs = rows.modality.classifier_inputs(rows.codec, rows.X)
        self.n_classes = rows.n_classes
        self.model = seeded_clone(estimator, seed)
        self.model.fit(self.inputs(rows.X).flatten(1).numpy(), rows.codes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of all known classes."""
        probabilities = np.zeros((len(X), self.n_classes))
        found = self.model.predict_proba(self.inputs(X).flatten(1).numpy())
        probabilities[:, self.model.classes_] = found
        return probabilities

"""The classifier that metrics and filters train: the user's estimator, or a small network."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from sklearn.pipeline import Pipeline
from torch import Tensor

from gen_augment.data.rows import Rows
from gen_augment.metrics.features import train_network
from gen_augment.rng import seeded_clone

__all__ = ["Classifier", "estimator_inputs", "fit_classifier"]


class Classifier(Protocol):
    """A fitted classifier that predicts probabilities of all known classes."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of shape (n, n_classes) for rows in the user's form."""


def fit_classifier(estimator: Any, rows: Rows, *, n_steps: int, seed: int) -> Classifier:
    """Train a classifier on labelled rows.

    Parameters
    ----------
    estimator : scikit-learn classifier with predict_proba, or None
        Cloned, and fitted on `estimator_inputs`; None trains what the modality has for this, or a
        small network.
    rows : Rows
        A class without rows gets probability 0 from an estimator.
    n_steps : int
        Optimiser steps of the network.
    seed : int
        Seeds the classifier.
    """
    estimator = rows.modality.views.judge() if estimator is None else estimator
    if estimator is None:
        return train_network(rows, n_steps=n_steps, seed=seed)
    return _FittedEstimator(estimator, rows, seed)


def estimator_inputs(estimator: Any, rows: Rows) -> Callable[[Any], Any]:
    """Return what maps rows to the inputs of a scikit-learn estimator.

    A Pipeline takes rows as `RowViews.pipeline_rows` gives them, if it does; other estimators take
    the modality's inputs of classifiers as vectors.
    """
    views = rows.modality.views
    if isinstance(estimator, Pipeline) and views.pipeline_rows(rows.X) is not None:
        return views.pipeline_rows
    encode = rows.modality.classifier_inputs(rows.codec, rows.X)
    return partial(_flat, encode)


def _flat(encode: Callable[[Any], Tensor], X: Any) -> np.ndarray:
    vectors: np.ndarray = encode(X).flatten(1).numpy()
    return vectors


class _FittedEstimator:
    """A scikit-learn classifier of the modality's inputs."""

    def __init__(self, estimator: Any, rows: Rows, seed: int) -> None:
        self.inputs = estimator_inputs(estimator, rows)
        self.n_classes = rows.n_classes
        self.model = seeded_clone(estimator, seed)
        self.model.fit(self.inputs(rows.X), rows.codes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of all known classes."""
        probabilities = np.zeros((len(X), self.n_classes))
        found = self.model.predict_proba(self.inputs(X))
        probabilities[:, self.model.classes_] = found
        return probabilities

"""Filter for rows whose label a classifier of real rows agrees with.

References
----------
Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
2021 (arXiv:1911.00068): classifiers judge rows that they were not trained on.
"""

from typing import Any, Literal

import numpy as np
from sklearn.model_selection import PredefinedSplit

from gen_augment.data.folds import stratified_folds
from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.filters.base import RowFilter
from gen_augment.metrics.classifier import Classifier, fit_classifier
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_choice, check_positive_int

__all__ = ["LabelAgreement"]


class LabelAgreement(RowFilter):
    """Keep rows whose label agrees with classifiers of the real rows.

    Several classifiers are trained, each on all but one fold of the real rows, and their
    probabilities are averaged. Real rows are scored by the classifier that was not trained
    on them, see `cross_fitted_scores_`.

    Parameters
    ----------
    measure : {"margin", "confidence"}
        The score. "confidence": the probability of the label, in [0, 1]. "margin": that
        probability minus the largest probability of another label, in [-1, 1].
    threshold : float
        Lowest score that passes. A margin of 0 means that the label is the most likely one.
    n_folds : int
        Number of folds and classifiers. There are fewer if a class has fewer rows, and a
        single classifier of all rows if a class has one row.
    estimator : scikit-learn classifier with predict_proba, optional
        Cloned for each fold, and fitted on the modality's inputs for classifiers. By
        default a small network is trained.
    n_steps : int
        Optimiser steps of that network.
    random_state : int, RandomState or None
        Seeds folds and classifiers.

    Attributes
    ----------
    cross_fitted_scores_ : ndarray of shape (n_rows,)
        Scores of the real rows; NaN if there is a single classifier. A low score indicates
        a wrong label.
    models_ : list of classifiers
        One per fold.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_wine(return_X_y=True)
    >>> gate = LabelAgreement(estimator=LogisticRegression()).fit(X, y)
    >>> gate.keep(X[:2], [0, 1]).tolist()
    [True, False]
    """

    def __init__(
        self,
        *,
        measure: Literal["margin", "confidence"] = "margin",
        threshold: float = 0.0,
        n_folds: int = 3,
        estimator: Any = None,
        n_steps: int = 500,
        random_state: RandomState = 0,
    ) -> None:
        self.measure = measure
        self.threshold = threshold
        self.n_folds = n_folds
        self.estimator = estimator
        self.n_steps = n_steps
        self.random_state = random_state

    def _fit(self, real: Rows) -> None:
        check_choice("measure", self.measure, ("margin", "confidence"))
        check_positive_int("n_steps", self.n_steps)
        if real.n_classes < 2:
            raise InputError("all rows have one label: a classifier needs at least two.")
        n_folds = min(check_positive_int("n_folds", self.n_folds), int(real.class_counts.min()))
        seed = resolve_seed(self.random_state)
        self.models_: list[Classifier] = []
        self.cross_fitted_scores_ = np.full(len(real), np.nan)
        if n_folds < 2:
            self.models_.append(self._train(real, seed))
            return
        fold_seed = derive_seed(seed, "folds") % 2**32
        folds = PredefinedSplit(stratified_folds(real, n_folds, fold_seed))
        for train, held_out in folds.split():
            model = self._train(real.take(train), derive_seed(seed, "model", len(self.models_)))
            self.models_.append(model)
            unseen = real.take(held_out)
            scores = self._measured(model.predict_proba(unseen.X), unseen.codes)
            self.cross_fitted_scores_[held_out] = scores

    def _train(self, real: Rows, seed: int) -> Classifier:
        return fit_classifier(self.estimator, real, n_steps=self.n_steps, seed=seed)

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        probabilities = np.mean([model.predict_proba(X) for model in self.models_], axis=0)
        return self._measured(probabilities, codes)

    def _measured(self, probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
        rows = np.arange(len(codes))
        of_label: np.ndarray = probabilities[rows, codes]
        if self.measure == "confidence":
            return of_label
        others = probabilities.copy()
        others[rows, codes] = -np.inf
        margin: np.ndarray = of_label - others.max(axis=1)
        return margin

"""Rows that a classifier of real rows takes for what they are labelled.

References
----------
Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021 (arXiv:1911.00068):
classifiers judge rows that they were not trained on.
"""

from typing import Any, Literal

import numpy as np
from sklearn.model_selection import StratifiedKFold

from gen_augment.codecs import take
from gen_augment.errors import InputError
from gen_augment.filters.base import RowFilter
from gen_augment.metrics.classifier import Classifier, fit_classifier
from gen_augment.metrics.rows import LabelledRows
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_choice, check_positive_int

__all__ = ["LabelAgreement"]


class LabelAgreement(RowFilter):
    """Keep rows whose label classifiers of the real rows agree with.

    The mean probability of several classifiers is asked, each trained on all but one fold of the real rows. So real
    rows can be scored as well, each by the classifier that has not seen it: see `cross_fitted_scores_`.

    Parameters
    ----------
    measure : {"margin", "confidence"}
        The score: probability of the label less that of the likeliest other one, in [-1, 1], or that of the label, in
        [0, 1].
    threshold : float
        Lowest score that passes. 0 with "margin" asks that the label be the likeliest.
    n_folds : int
        Folds, and classifiers; fewer where a class has fewer rows, and one for all rows where a class has one.
    estimator : scikit-learn classifier with predict_proba, optional
        Cloned for each fold, and given scaled columns or pixels; a small network otherwise.
    n_steps : int
        Optimiser steps of that network.
    random_state : int, RandomState or None
        Seeds folds and networks.

    Attributes
    ----------
    cross_fitted_scores_ : ndarray of shape (n_rows,)
        Scores of the real rows; nan where there was one fold. A low one may be a wrong label.

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

    def _fit(self, real: LabelledRows) -> None:
        check_choice("measure", self.measure, ("margin", "confidence"))
        check_positive_int("n_steps", self.n_steps)
        counts = np.bincount(real.codes)
        if len(counts) < 2:
            raise InputError("all rows have one label: a classifier has nothing to tell apart.")
        n_folds = min(check_positive_int("n_folds", self.n_folds), int(counts.min()))
        seed = resolve_seed(self.random_state)
        self.models_: list[Classifier] = []
        self.cross_fitted_scores_ = np.full(len(real), np.nan)
        if n_folds < 2:
            self.models_.append(self._train(real, seed))
            return
        folds = StratifiedKFold(
            n_folds, shuffle=True, random_state=derive_seed(seed, "folds") % 2**32
        )
        for train, held_out in folds.split(np.zeros(len(real)), real.codes):
            model = self._train(real.part(train), derive_seed(seed, "model", len(self.models_)))
            self.models_.append(model)
            scores = self._measured(
                model.predict_proba(take(real.X, held_out)), real.codes[held_out]
            )
            self.cross_fitted_scores_[held_out] = scores

    def _train(self, real: LabelledRows, seed: int) -> Classifier:
        return fit_classifier(self.estimator, real, n_steps=self.n_steps, seed=seed)

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        return self._measured(
            np.mean([model.predict_proba(X) for model in self.models_], axis=0), codes
        )

    def _measured(self, probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
        rows = np.arange(len(codes))
        mine: np.ndarray = probabilities[rows, codes]
        if self.measure == "confidence":
            return mine
        others = probabilities.copy()
        others[rows, codes] = -np.inf
        margin: np.ndarray = mine - others.max(axis=1)
        return margin

"""Bayes' rule: a conditional generator as a classifier.

::

    p(y | x) is proportional to p(y) * exp(scale * score(x, y))

For a log-density, a scale of 1 is Bayes' rule. Densities in many dimensions are overconfident, and
a denoising loss is a density only up to a scale, so the scale is fitted on held-out rows.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from gen_augment.classify.held_out import held_out_parts
from gen_augment.classify.scores import check_scores, sampler_scores
from gen_augment.classify.weights import fit_weights, weighted_proba
from gen_augment.data import Rows
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_all_labelled, check_range

__all__ = ["GenerativeClassifier"]


class GenerativeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A conditional sampler as a classifier, by Bayes' rule.

    Parameters
    ----------
    sampler : sampler with `log_prob`
        Cloned and fitted.
    scale : float, optional
        Factor of the scores; 1 is Bayes' rule for a log-density. By default it is fitted on
        held-out rows.
    n_folds : int
        The scale is fitted on scores of all rows, each by a sampler that has not seen its fold. The
        sampler is then fitted on all rows.
    modality : str, Modality or None
        How the rows are read; None if only one reading is possible.
    random_state : int, RandomState or None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    sampler_ : fitted sampler
    scale_ : float

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import MixtureSampler
    >>> X, y = load_wine(return_X_y=True)
    >>> model = GenerativeClassifier(MixtureSampler(), random_state=0).fit(X[::2], y[::2])
    >>> model.predict_proba(X[1:3]).shape, model.score(X[1::2], y[1::2]) > 0.9
    ((2, 3), True)
    """

    def __init__(
        self,
        sampler: Any,
        *,
        scale: float | None = None,
        n_folds: int = 3,
        modality: Any = None,
        random_state: RandomState = None,
    ) -> None:
        self.sampler = sampler
        self.scale = scale
        self.n_folds = n_folds
        self.modality = modality
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, held_out: tuple[Any, Any] | None = None) -> Self:
        """Fit the sampler, and the scale on rows that it has not seen.

        Parameters
        ----------
        X : n rows, as samplers take them
        y : array-like of shape (n,)
        held_out : (X, y), optional
            Rows for the scale, which save the fits of the folds.

        Returns
        -------
        self

        Raises
        ------
        InputError
            The sampler has no density, or a parameter or the data cannot be used.
        """
        check_scores(self.sampler)
        if self.scale is not None:
            check_range("scale", self.scale, 0)
        rows = Rows.read(X, y, modality=self.modality)
        check_all_labelled(rows.codes)
        seed = resolve_seed(self.random_state)
        sampler = clone(self.sampler).set_params(random_state=derive_seed(seed, "sampler") % 2**31)
        log_prior = np.log(rows.class_counts / len(rows))
        scale = self.scale
        if scale is None:
            parts = held_out_parts(rows, held_out, self.n_folds, seed)
            scores = [sampler_scores(sampler.fit(kept), tuning.X) for kept, tuning in parts]
            codes = np.concatenate([tuning.codes for _, tuning in parts])
            scale = fit_weights([np.concatenate(scores)], codes, log_prior)[0]
        if self.scale is not None or held_out is None:
            sampler.fit(rows)
        self.sampler_, self.scale_, self._log_prior = sampler, float(scale), log_prior
        self.classes_, self._labels = rows.classes, rows.labels
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes: ndarray of shape (n, n_classes)."""
        check_is_fitted(self, "sampler_")
        return weighted_proba([sampler_scores(self.sampler_, X)], [self.scale_], self._log_prior)

    def predict(self, X: Any) -> Any:
        """Return the most likely label of each row, in the container that `y` had."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self._labels.decode(codes)

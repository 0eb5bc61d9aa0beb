"""A classifier and a sampler as one classifier: the density of the rows is a second opinion.

::

    log p(y | x) = w log p_classifier(y | x) + s score_sampler(x, y) + constant

Both weights are fitted on held-out rows. A classifier that is sure keeps its opinion; where it
hesitates, the sampler decides.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from gen_augment.classify.held_out import held_out_parts
from gen_augment.classify.scores import check_scores, sampler_scores
from gen_augment.classify.weights import fit_weights, weighted_proba
from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.study.arms import Pool, parse_arm
from gen_augment.study.fitting import Predict, fit_predict
from gen_augment.study.models import why_not
from gen_augment.study.preparation import resolved_training
from gen_augment.study.spec import Training
from gen_augment.validation import check_all_labelled

__all__ = ["Blend", "log_proba"]

#: Lowest probability of a classifier that is taken as it is.
LEAST = 1e-6


class Blend(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose log-probabilities are added to the class scores of a sampler.

    Parameters
    ----------
    classifier : scikit-learn classifier, or callable returning an nn.Module
        As the `model` of a `Study`; None for the classifier of the modality.
    sampler : sampler with `log_prob` or `class_scores`
        Cloned and fitted.
    recipe : str
        How a network is trained: an arm of a study without a sampler, such as "randaugment".
    training : Training
        Steps, batch size, learning rate, device and precision of a network.
    n_folds : int
        The weights are fitted on predictions for all rows, each by models that have not seen its
        fold. Both models are then fitted on all rows.
    modality : str, Modality or None
        How the rows are read; None if only one reading is possible.
    random_state : int, RandomState or None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    sampler_ : fitted sampler
    weights_ : ndarray of shape (2,)
        Factors of the classifier's log-probabilities and of the sampler's scores.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from gen_augment import MixtureSampler
    >>> X, y = load_wine(return_X_y=True)
    >>> tree = DecisionTreeClassifier(min_samples_leaf=5)
    >>> model = Blend(tree, MixtureSampler(), random_state=0).fit(X[::2], y[::2])
    >>> model.weights_.shape, model.score(X[1::2], y[1::2]) > 0.9
    ((2,), True)
    """

    def __init__(
        self,
        classifier: Any,
        sampler: Any,
        *,
        recipe: str = "real",
        training: Training | None = None,
        n_folds: int = 3,
        modality: Any = None,
        random_state: RandomState = None,
    ) -> None:
        self.classifier = classifier
        self.sampler = sampler
        self.recipe = recipe
        self.training = training
        self.n_folds = n_folds
        self.modality = modality
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, held_out: tuple[Any, Any] | None = None) -> Self:
        """Fit classifier and sampler, and the weights on rows that neither has seen.

        Parameters
        ----------
        X : n rows, as samplers take them
        y : array-like of shape (n,)
        held_out : (X, y), optional
            Rows for the weights, which save the fits of the folds.

        Returns
        -------
        self

        Raises
        ------
        InputError
            A model, a parameter or the data cannot be used.
        """
        check_scores(self.sampler)
        rows = Rows.read(X, y, modality=self.modality)
        check_all_labelled(rows.codes)
        seed = resolve_seed(self.random_state)
        said, codes = [], []
        for kept, tuning in held_out_parts(rows, held_out, self.n_folds, seed):
            opinions = self._fit_both(kept, seed)
            said.append(_terms(*opinions, tuning.X))
            codes.append(tuning.codes)
        terms = [np.concatenate(parts) for parts in zip(*said, strict=True)]
        self.weights_ = fit_weights(terms, np.concatenate(codes))
        self._opinions = opinions if held_out is not None else self._fit_both(rows, seed)
        self.classes_, self._labels = rows.classes, rows.labels
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes: ndarray of shape (n, n_classes)."""
        check_is_fitted(self, "weights_")
        return weighted_proba(_terms(*self._opinions, X), self.weights_, 0.0)

    def predict(self, X: Any) -> Any:
        """Return the most likely label of each row, in the container that `y` had."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self._labels.decode(codes)

    def _fit_both(self, rows: Rows, seed: int) -> tuple[Predict, Any]:
        """Return what predicts the classifier's probabilities, and the fitted sampler."""
        model = rows.modality.classifier(rows.spec) if self.classifier is None else self.classifier
        arm = parse_arm(self.recipe, {}, rows.modality)
        if problem := why_not(arm, model, rows):
            raise InputError(f"recipe={self.recipe!r}: {problem}")
        training = resolved_training(self.training or Training(), len(rows))
        predict = fit_predict(model, arm, Pool(rows), rows, seed, training)
        sampler = clone(self.sampler).set_params(random_state=derive_seed(seed, "sampler") % 2**31)
        self.sampler_ = sampler.fit(rows)
        return predict, sampler


def _terms(predict: Predict, sampler: Any, X: Any) -> list[np.ndarray]:
    """Return the classifier's log-probabilities and the sampler's scores."""
    scores = sampler_scores(sampler, X)  # first, since a sampler names what is wrong with rows
    return [log_proba(predict(X)), scores]


def log_proba(proba: np.ndarray) -> np.ndarray:
    """Return log-probabilities, of which none is below that of one in a million."""
    found: np.ndarray = np.log(proba.clip(LEAST))
    return found

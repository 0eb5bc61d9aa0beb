"""`ResampledEstimator`: weights of rows that arrive at the estimator behind an over-sampler.

A pipeline of imbalanced-learn passes the weights of the given rows past its sampler. They then
do not match the rows that the estimator is fitted on, which are more.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from gen_augment.errors import InputError
from gen_augment.inject.resample import GenerativeOverSampler
from gen_augment.validation import check_instance

__all__ = ["ResampledEstimator"]


def _offers(name: str) -> Callable[[Any], bool]:
    return lambda self: hasattr(self.estimator, name)


class ResampledEstimator(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc] # no types
    """Fit an estimator on over-sampled rows, with the weights of real and of synthetic rows.

    Use it in the place of a pipeline that ends in an over-sampler and an estimator, alone or as
    the last step of a pipeline. Only the rows of `fit` are over-sampled.

    Parameters
    ----------
    over_sampler : GenerativeOverSampler
        Cloned. Its `synthetic_weight` is the weight of synthetic rows.
    estimator : classifier or regressor
        Cloned; its `fit` takes ``sample_weight``. A scikit-learn `Pipeline` passes the weights to
        its last step.

    Attributes
    ----------
    over_sampler_ : GenerativeOverSampler
        Fitted; its `sample_weight_` has the weights of all rows.
    estimator_ : estimator
        Fitted on real and synthetic rows.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from gen_augment import GenerativeOverSampler, SMOTESampler
    >>> X, y = make_classification(60, weights=[0.8], random_state=0)
    >>> model = ResampledEstimator(GenerativeOverSampler(SMOTESampler()), LogisticRegression())
    >>> model = model.fit(X, y, sample_weight=np.linspace(1, 2, 60))
    >>> model.over_sampler_.sample_weight_.shape, model.predict(X).shape
    ((98,), (60,))
    """

    def __init__(self, over_sampler: GenerativeOverSampler, estimator: Any) -> None:
        self.over_sampler = over_sampler
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Over-sample the rows, and fit the estimator on all of them.

        Parameters
        ----------
        X : n rows
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional
            Weights of the rows given; 1 by default.

        Raises
        ------
        InputError
            The estimator takes no weights, or the over-sampler cannot use the rows.
        """
        check_instance("over_sampler", self.over_sampler)
        check_instance("estimator", self.estimator)
        name = self._weight_name()
        over_sampler = clone(self.over_sampler)
        X_new, y_new = over_sampler.fit_resample(X, y, sample_weight)
        weights = {name: over_sampler.sample_weight_}
        self.estimator_ = clone(self.estimator).fit(X_new, y_new, **weights)
        self.over_sampler_ = over_sampler
        return self

    def _weight_name(self) -> str:
        """Return the name of the weights in `fit`, or raise before anything is trained."""
        if not isinstance(self.over_sampler, GenerativeOverSampler):
            raise InputError(
                f"over_sampler={self.over_sampler!r} is not a GenerativeOverSampler, and has no "
                "weights for synthetic rows."
            )
        last, prefix = self.estimator, ""
        while isinstance(last, Pipeline):
            step, last = last.steps[-1]
            prefix += f"{step}__"
        if not has_fit_parameter(last, "sample_weight"):
            raise InputError(
                f"{type(last).__name__}.fit takes no sample_weight: use another estimator, or a "
                "pipeline of imbalanced-learn without weights."
            )
        return f"{prefix}sample_weight"

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the columns of `predict_proba`."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.classes_)

    @property
    def n_features_in_(self) -> int:
        """Values in one row."""
        check_is_fitted(self)
        return int(self.over_sampler_.n_features_in_)

    def predict(self, X: Any) -> Any:
        """Return the prediction of the estimator for each row."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_offers("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class for each row."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_offers("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Any:
        """Return the decision values of the estimator for each row."""
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of the estimator: accuracy of classes, or R² of numbers."""
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags = inner.target_tags
        tags.input_tags.sparse = True
        return tags

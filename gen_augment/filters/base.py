"""What filters share: a score for each row, a threshold, and the space in which rows are compared."""

import copy
import hashlib
from abc import abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.base import BaseEstimator
from torch import Tensor

from gen_augment.errors import InputError, NotFittedError
from gen_augment.metrics.features import Features, as_vectors, choose_features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.samplers.rejection import describe_filter
from gen_augment.samplers.pretrained.wrapped import identity_of
from gen_augment.validation import check_range

__all__ = ["DistanceFilter", "RowFilter"]


class RowFilter(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base of filters: keeps rows whose score is at least `threshold`.

    Write `_fit` and `_score`; checks, labels and the call are done here.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    """

    threshold: float
    #: Whether what is judged are the rows of one sampler, which `fit` then has to be given.
    judges_sampler = False

    @abstractmethod
    def _fit(self, real: LabelledRows) -> None:
        """Learn from real rows."""

    @abstractmethod
    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        """A score of each row, of shape (n,); larger is better."""

    def fit(self, X: Any, y: Any = None, *, sampler: Any = None) -> Self:
        """Learn from the real rows that the sampler is fitted on.

        Parameters
        ----------
        X, y
            As `Sampler.fit` takes them; rows without a label (-1) are left out.
        sampler : fitted sampler, optional
            Whose rows will be judged, for filters that have to know it; others pay no heed to it.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used.
        """
        check_range("threshold", self.threshold, -np.inf)
        if self.judges_sampler and sampler is None:
            raise InputError(
                f"{type(self).__name__} judges the rows of one sampler: call fit(X, y, sampler=sampler), or give it to "
                "FilteredSampler or GenerativeOverSampler, which fit it themselves."
            )
        real = LabelledRows.read(X, y)
        learned = copy.copy(self)  # what was fitted before stays if this fails
        learned._fitted_on = real.digest
        learned.label_codec_, learned.classes_ = real.labels, real.labels.classes
        if self.judges_sampler:
            learned._sampler = sampler
            learned._fitted_on += f"-{describe_filter(sampler)}"
        learned._fit(real)
        self.__dict__.update(learned.__dict__)
        return self

    def score_samples(self, X: Any, y: Any) -> np.ndarray:
        """Scores of rows.

        Parameters
        ----------
        X : n rows, in the form that was fitted
        y : label or array-like of shape (n,)
            The labels that they are meant to have.

        Returns
        -------
        ndarray of shape (n,), float64
            Larger is better.
        """
        if not hasattr(self, "classes_"):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet: call fit(X, y) with real rows first."
            )
        codes = self.label_codec_.encode_rows(y, len(X))
        return self._score(X, codes) if len(codes) else np.empty(0)

    def keep(self, X: Any, y: Any) -> np.ndarray:
        """Which rows pass: bool, of shape (n,); see `score_samples`."""
        mask: np.ndarray = self.score_samples(X, y) >= self.threshold
        return mask

    def _reference(self, real: LabelledRows, n: int, seed: int) -> tuple[Any, np.ndarray]:
        """`n` rows of each class from the sampler, of a table that is nobody else's, and their class numbers."""
        codes = np.repeat(np.arange(real.n_classes), n)
        table = derive_seed(seed, "reference", type(self).__name__)
        return self._sampler.generate(
            np.arange(len(codes)), real.labels.classes[codes], seed=table
        ), codes

    def fingerprint(self) -> str:
        """Hash of all that decides which rows pass: parameters, and the rows and labels that were fitted."""
        params = {name: _describe(value) for name, value in self.get_params(deep=False).items()}
        described = (
            describe_filter(type(self)),
            sorted(params.items()),
            getattr(self, "_fitted_on", None),
        )
        return hashlib.blake2b(repr(described).encode(), digest_size=16).hexdigest()

    def __call__(self, X: Any, y: Any) -> np.ndarray:
        """The same as `keep`, so that a filter goes wherever ``filter(X, y)`` is taken."""
        return self.keep(X, y)


class DistanceFilter(RowFilter):
    """Base of filters that compare vectors of rows; it has the parameters `features` and `random_state`."""

    features: Features
    random_state: RandomState

    def _learn_vectors(self, real: LabelledRows) -> Tensor:
        """Choose what maps rows to vectors, and map the real rows."""
        self.features_ = choose_features(self.features, real, resolve_seed(self.random_state))
        return self._vectors(real.X)

    def _vectors(self, X: Any) -> Tensor:
        """Rows as vectors, or an `InputError` for features that are none."""
        vectors = torch.from_numpy(as_vectors(self.features_, X))
        # Of which ours are scaled; in theirs one column may be so large that products lose the others.
        return vectors.double() if callable(self.features) else vectors


def _describe(value: Any) -> str:
    """A text that tells a parameter from others: each value of an array counts, and the weights of a module."""
    if isinstance(value, BaseEstimator):
        return f"{describe_filter(value)} {sorted((k, _describe(v)) for k, v in value.get_params(deep=False).items())}"
    if callable(value):
        return identity_of(value) or describe_filter(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_describe, value))}]"
    if isinstance(value, pd.DataFrame):
        return f"{list(value.columns)} {[_describe(column.array) for _, column in value.items()]}"
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, (np.ndarray, pd.api.extensions.ExtensionArray, Image.Image)):
        array = np.asarray(value)
        data = (
            repr(array.tolist()).encode()
            if array.dtype == object
            else np.ascontiguousarray(array).tobytes()
        )
        return f"{array.dtype} {array.shape} {hashlib.blake2b(data, digest_size=16).hexdigest()}"
    return repr(value)

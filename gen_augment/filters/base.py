"""What filters share: a score for each row, a threshold, and the space in which rows are compared."""

import copy
import hashlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from gen_augment.codecs import Codec, LabelCodec, infer_codec, read_rows, take
from gen_augment.errors import InputError, NotFittedError
from gen_augment.metrics import FeatureExtractor, train_features
from gen_augment.rejection import describe_filter
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_range, check_same_length

__all__ = ["DistanceFilter", "Features", "RowFilter", "Values"]

Features = Literal["auto", "values"] | Callable[[Any], Any]

_CACHED = 2


class RowFilter(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base of filters: keeps rows whose score is at least `threshold`.

    Write `_fit` and `_score`; checks, labels and the call are done here.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    """

    threshold: float

    @abstractmethod
    def _fit(self, X: Any, codes: np.ndarray) -> None:
        """Learn from real rows and their class numbers."""

    @abstractmethod
    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        """A score of each row, of shape (n,); larger is better."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the real rows that the sampler is fitted on.

        Parameters
        ----------
        X, y
            As `Sampler.fit` takes them; rows without a label (-1) are left out.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used.
        """
        check_range("threshold", self.threshold, -np.inf)
        X, y = read_rows(X, y)
        labels, codes = LabelCodec.fit(y, partial=True)
        check_same_length(len(X), len(codes))
        if (codes < 0).any():
            X, codes = take(X, np.flatnonzero(codes >= 0)), codes[codes >= 0]
        learned = copy.copy(self)  # what was fitted before stays if this fails
        learned._codec, rows = infer_codec(X)
        form = repr(learned._codec.to_json()).encode()  # encoded rows alone do not know their scale
        learned._fitted_on = hashlib.blake2b(form + rows.contiguous().numpy().tobytes() + codes.tobytes()).hexdigest()
        learned._fit(X, codes)
        learned.label_codec_, learned.classes_ = labels, labels.classes
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
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit(X, y) with real rows first.")
        codes = self.label_codec_.encode_rows(y, len(X))
        return self._score(X, codes) if len(codes) else np.empty(0)

    def keep(self, X: Any, y: Any) -> np.ndarray:
        """Which rows pass: bool, of shape (n,); see `score_samples`."""
        mask: np.ndarray = self.score_samples(X, y) >= self.threshold
        return mask

    def fingerprint(self) -> str:
        """Hash of all that decides which rows pass: parameters, and the rows and labels that were fitted."""
        params = {k: describe_filter(v) if callable(v) else repr(v) for k, v in self.get_params().items()}
        described = (describe_filter(type(self)), sorted(params.items()), getattr(self, "_fitted_on", None))
        return hashlib.blake2b(repr(described).encode(), digest_size=16).hexdigest()

    def __call__(self, X: Any, y: Any) -> np.ndarray:
        """The same as `keep`, so that a filter goes wherever ``filter(X, y)`` is taken."""
        return self.keep(X, y)


class DistanceFilter(RowFilter):
    """Base of filters that compare vectors of rows; it has the parameters `features` and `random_state`."""

    features: Features
    random_state: RandomState

    def _learn_vectors(self, X: Any, codes: np.ndarray) -> Tensor:
        """Choose what maps rows to vectors, and map the real rows."""
        if callable(self.features):
            self.features_: Callable[[Any], Any] = self.features
        elif self.features not in ("auto", "values"):
            raise InputError(
                f"features={self.features!r}: give 'auto', 'values', or a callable that maps rows to vectors."
            )
        # One class teaches a classifier nothing.
        elif self.features == "values" or self._codec.kind == "table" or codes.max() == 0:
            self.features_ = Values(self._codec)
        else:
            self.features_ = _trained_features(self._fitted_on, X, codes, resolve_seed(self.random_state))
        return self._vectors(X)

    def _vectors(self, X: Any) -> Tensor:
        """Rows as float32 vectors, or an `InputError` for features that are none."""
        vectors = np.asarray(self.features_(X), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(X) or not np.isfinite(vectors).all():
            raise InputError(
                f"features gave an array of shape {vectors.shape} for {len(X)} rows: one vector of finite numbers for "
                "each row is needed."
            )
        return torch.from_numpy(vectors)


class Values:
    """Rows as flat vectors of their encoded values: scaled columns, or pixels."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def __call__(self, X: Any) -> np.ndarray:
        """Vectors of shape (n, n_values), float32."""
        values: np.ndarray = self.codec.encode(X).flatten(1).numpy()
        return values


def _trained_features(fitted_on: str, X: Any, codes: np.ndarray, seed: int) -> FeatureExtractor:
    """A small classifier's features, trained once for filters that are fitted on the same rows one after another."""
    if (fitted_on, seed) not in _trained:
        while len(_trained) >= _CACHED:
            del _trained[next(iter(_trained))]
        _trained[fitted_on, seed] = train_features(X, codes, random_state=seed)
    return _trained[fitted_on, seed]


_trained: dict[tuple[str, int], FeatureExtractor] = {}

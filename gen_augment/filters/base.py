"""Base classes of filters: checks, labels, scores and fingerprints."""

import copy
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.base import BaseEstimator
from torch import Tensor

from gen_augment.archive import digest
from gen_augment.data.rows import Rows
from gen_augment.errors import NotFittedError
from gen_augment.modalities import Modality
from gen_augment.rng import derive_seed
from gen_augment.samplers.pretrained.wrapped import identity_of
from gen_augment.samplers.rejection import describe_filter
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_range

__all__ = ["RowFilter", "SamplerFilter"]


class RowFilter(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base of filters that keep rows whose score is at least `threshold`.

    A subclass implements `_fit` and `_score`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels of the real rows.

    Examples
    --------
    >>> class Positive(RowFilter):
    ...     threshold = 0.0
    ...
    ...     def _fit(self, real):
    ...         pass
    ...
    ...     def _score(self, X, codes):
    ...         return X[:, 0]
    >>> gate = Positive().fit(np.zeros((4, 1)), [0, 0, 1, 1])
    >>> gate.keep(np.array([[-1.0], [2.0]]), 0).tolist()
    [False, True]
    """

    threshold: float

    @abstractmethod
    def _fit(self, real: Rows) -> None:
        """Learn from labelled real rows, of which each class has at least one."""

    @abstractmethod
    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        """Score rows with these class codes: shape (n,), larger is better."""

    def fit(self, X: Any, y: Any = None, *, modality: str | Modality | None = None) -> Self:
        """Learn from the real rows that the sampler is fitted on.

        Parameters
        ----------
        X, y : as in `Sampler.fit`
            Rows without a label (-1) are left out.
        modality : str, Modality or None
            How to read the rows; None if only one reading is possible.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used.
        """
        return self._learn(Rows.read(X, y, modality=modality))

    def _learn(self, rows: Rows, sampler: GeneratesRows | None = None) -> Self:
        """Fit a copy and take over its attributes, so that a failed fit changes nothing."""
        check_range("threshold", self.threshold, -np.inf)
        real = _without_empty_classes(rows.labelled())
        learned = copy.copy(self)
        learned._fitted_on = real.digest
        learned.label_codec_, learned.classes_ = real.labels, real.classes
        if sampler is not None:
            learned._sampler = sampler
            learned._fitted_on += f"-{describe_filter(sampler)}"
        learned._fit(real)
        self.__dict__.update(learned.__dict__)
        return self

    def score_samples(self, X: Any, y: Any) -> np.ndarray:
        """Score rows.

        Parameters
        ----------
        X : n rows, in the form of the real rows
        y : label or array-like of shape (n,)
            The labels that the rows are meant to have.

        Returns
        -------
        ndarray of shape (n,), float64
            Larger is better.

        Raises
        ------
        NotFittedError
            The filter is not fitted.
        InputError
            The rows have another form, or a label is unknown.
        """
        if not hasattr(self, "classes_"):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet: call fit with real rows first."
            )
        codes = self.label_codec_.encode_rows(y, len(X))
        return self._score(X, codes) if len(codes) else np.empty(0)

    def keep(self, X: Any, y: Any) -> np.ndarray:
        """Decide which rows pass: bool, of shape (n,); see `score_samples`."""
        mask: np.ndarray = self.score_samples(X, y) >= self.threshold
        return mask

    def __call__(self, X: Any, y: Any) -> np.ndarray:
        """Do the same as `keep`."""
        return self.keep(X, y)

    def fingerprint(self) -> str:
        """Hash the parameters and the rows and labels of `fit`."""
        params = {name: _describe(value) for name, value in self.get_params(deep=False).items()}
        described = (
            describe_filter(type(self)),
            sorted(params.items()),
            getattr(self, "_fitted_on", None),
        )
        return digest(repr(described))


class SamplerFilter(RowFilter):
    """Base of filters that judge the rows of one sampler, which `fit` takes."""

    _sampler: GeneratesRows

    def fit(  # type: ignore[override] # the sampler is required
        self,
        X: Any,
        y: Any = None,
        *,
        sampler: GeneratesRows,
        modality: str | Modality | None = None,
    ) -> Self:
        """Learn from real rows and from rows of the sampler.

        Parameters
        ----------
        X, y : as in `Sampler.fit`
            Rows without a label (-1) are left out.
        sampler : fitted sampler
            The sampler whose rows will be judged. `FilteredSampler` and
            `GenerativeOverSampler` pass it themselves.
        modality : str, Modality or None
            How to read the rows; None if only one reading is possible.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used.
        """
        return self._learn(Rows.read(X, y, modality=modality), sampler)

    def _reference(self, real: Rows, n: int, seed: int) -> tuple[Any, np.ndarray]:
        """Generate `n` rows of each class from a stream of its own; return them with codes."""
        codes = np.repeat(np.arange(real.n_classes), n)
        stream = derive_seed(seed, "reference", type(self).__name__)
        index, labels = np.arange(len(codes)), real.classes[codes]
        return self._sampler.generate(index, labels, seed=stream), codes


def _without_empty_classes(rows: Rows) -> Rows:
    """Number only the classes that have rows."""
    present = np.flatnonzero(rows.class_counts)
    if len(present) == rows.n_classes:
        return rows
    labels = replace(rows.labels, classes=rows.classes[present])
    return replace(rows, codes=np.searchsorted(present, rows.codes), labels=labels)


def _describe(value: Any) -> str:
    """Describe a parameter by a text that depends on each array value and network weight."""
    if isinstance(value, BaseEstimator):
        params = value.get_params(deep=False).items()
        return f"{describe_filter(value)} {sorted((name, _describe(v)) for name, v in params)}"
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
        return f"{array.dtype} {array.shape} {digest(data)}"
    return repr(value)

"""A sampler whose rows have passed filters."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from gen_augment.codecs import Codec, LabelCodec, concatenate, take
from gen_augment.counts import consecutive
from gen_augment.errors import ArchiveError, ExhaustedError, NotFittedError
from gen_augment.rejection import Filter, check_filters, describe_filter, fit_filter, passes
from gen_augment.rng import RandomState
from gen_augment.samplers.requests import sample_by_address
from gen_augment.types import Labels
from gen_augment.validation import check_index, check_positive_int, check_same_length

__all__ = ["FilteredSampler"]


class FilteredSampler(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Sampler that draws again what filters refuse; it goes wherever a sampler does.

    Row *i* is the first row to pass among those that `sampler` has at the addresses ``i * max_draws`` to
    ``(i + 1) * max_draws - 1``: the same row always and everywhere, as the sampler's own.

    Parameters
    ----------
    sampler : sampler
        Fitted, or to be fitted by `fit`.
    filters : callable ``filter(X, y) -> bools``, or list of them
        A row passes where all are true. Each has to judge a row by itself, whatever it comes with.
    max_draws : int
        Rows to generate for each row that is wanted, at most.
    random_state : int, RandomState or None
        Given to `sampler` by `fit`; None leaves it the one that it has.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> from gen_augment.filters import Realism
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = FilteredSampler(ConditionalVAE(max_steps=50, random_state=0, device="cpu"), [Realism()]).fit(X, y)
    >>> X_new, y_new = sampler.sample(y={0: 2, 2: 1})
    >>> X_new.shape, y_new.tolist()
    ((3, 13), [0, 0, 2])
    """

    def __init__(
        self,
        sampler: Any,
        filters: Filter | Sequence[Filter],
        *,
        max_draws: int = 50,
        random_state: RandomState = None,
    ) -> None:
        self.sampler = sampler
        self.filters = filters
        self.max_draws = max_draws
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the sampler and, on the same rows, every filter that can be fitted.

        Parameters
        ----------
        X, y
            As `Sampler.fit` takes them.

        Returns
        -------
        self
        """
        filters = check_filters(self.filters)
        check_positive_int("max_draws", self.max_draws)
        if self.random_state is not None:
            self.sampler.set_params(random_state=self.random_state)
        self.sampler.fit(X, y)
        for gate in filters:
            fit_filter(gate, X, y, self.sampler)
        self._next_row = 0
        return self

    def sample(
        self,
        n_samples: int | None = None,
        *,
        y: Labels = None,
        where: Mapping[Any, Any] | None = None,
        random_state: RandomState = None,
    ) -> tuple[Any, Any]:
        """Draw new rows and their labels, as `Sampler.sample` does.

        Raises
        ------
        ExhaustedError
            Of some row, none of `max_draws` passed.
        """
        self._check_fitted()
        return sample_by_address(self, n_samples, y, random_state, where)

    def next_addresses(self, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Addresses of the next rows of these classes, given how many of each came before."""
        return consecutive(codes, n_before)

    def generate(
        self,
        index: ArrayLike,
        y: ArrayLike,
        *,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> Any:
        """Rows by address, as `Sampler.generate` gives them.

        Raises
        ------
        ExhaustedError
            Of some row, none of `max_draws` passed.
        """
        where, max_draws = check_index(index), check_positive_int("max_draws", self.max_draws)
        filters = check_filters(self.filters)
        labels = np.asarray(y)
        labels = np.full(len(where), labels) if labels.ndim == 0 else labels
        check_same_length(len(where), len(labels))
        if not len(where):
            return self.sampler.generate(where, labels, seed=seed)
        kept, places = [], []
        missing, drawn = np.arange(len(where)), 0
        for draw in range(max_draws):
            X = self.sampler.generate(where[missing] * max_draws + draw, labels[missing], seed=seed)
            good = passes(X, labels[missing], filters)
            kept.append(take(X, np.flatnonzero(good)))
            places.append(missing[good])
            drawn += len(missing)
            missing = missing[~good]
            if not len(missing):
                rows = take(concatenate(kept), np.argsort(np.concatenate(places)))
                return rows.to(device) if isinstance(rows, torch.Tensor) else rows
        names, counts = np.unique(labels[missing], return_counts=True)
        wanted = [int((labels == name).sum()) for name in names]
        found = {
            name: f"{n - k} of {n}"
            for name, k, n in zip(names.tolist(), counts.tolist(), wanted, strict=True)
        }
        raise ExhaustedError(
            f"of {len(missing)} rows none of {max_draws} draws passed the filters (found, by label: {found}): loosen "
            "the filters, raise max_draws, or leave those classes out.",
            kept=len(where) - len(missing),
            drawn=drawn,
        )

    def fingerprint(self) -> str:
        """Hash of all that decides the rows; of other callables, what `SampleBank.build` knows them by."""
        self._check_fitted()
        gates = ", ".join(describe_filter(gate) for gate in check_filters(self.filters))
        described = f"{self.sampler.fingerprint()}, {gates}, {self.max_draws}"
        return hashlib.blake2b(described.encode(), digest_size=16).hexdigest()

    def save(self, path: str | os.PathLike[str]) -> NoReturn:
        """Raise: filters hold training rows and classifiers of any kind, which an archive has no safe form for.

        Raises
        ------
        ArchiveError
            It says how to come by the same rows again.
        """
        raise ArchiveError(
            f"cannot write {path}: filters are not saved. Save the .sampler, and after load_sampler(path) fit the "
            "filters again on the same rows, gate.fit(X, y), which gives the same rows; or write rows once, with "
            "SampleBank.build(filtered_sampler, counts, path)."
        )

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet: call fit(X, y), or give it a fitted sampler."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.sampler, "classes_")

    @property
    def classes_(self) -> np.ndarray:
        """Those of the sampler, as all that it has learned of the data."""
        classes: np.ndarray = self.sampler.classes_
        return classes

    @property
    def class_prior_(self) -> np.ndarray:
        """Share of each class among the rows that were fitted."""
        prior: np.ndarray = self.sampler.class_prior_
        return prior

    @property
    def seed_(self) -> int:
        """Names the table of rows."""
        seed: int = self.sampler.seed_
        return seed

    @property
    def codec_(self) -> Codec:
        """Of the rows."""
        codec: Codec = self.sampler.codec_
        return codec

    @property
    def label_codec_(self) -> LabelCodec:
        """Of the labels."""
        codec: LabelCodec = self.sampler.label_codec_
        return codec

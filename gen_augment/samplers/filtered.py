"""A sampler whose rows have passed filters."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from gen_augment.archive import digest
from gen_augment.containers import concatenate, take
from gen_augment.data import Rows
from gen_augment.errors import ExhaustedError, InputError
from gen_augment.rng import RandomState
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.rejection import (
    Filter,
    check_filters,
    describe_filter,
    fit_filter,
    passes,
)
from gen_augment.validation import check_instance, check_positive_int

__all__ = ["FilteredSampler"]


class FilteredSampler(Sampler):
    """Sampler that replaces rows which filters reject; it can be used wherever a sampler can.

    Row *i* is the first row that passes among the rows of `sampler` at the addresses
    ``i * draws_per_row`` to ``(i + 1) * draws_per_row - 1``. Like the sampler's own rows, it
    depends on its address, label and seed alone.

    Parameters
    ----------
    sampler : sampler
        Fitted, or to be fitted by `fit`.
    filters : callable ``filter(X, y) -> bools``, or list of them
        A row passes if all filters are true. Each filter must judge a row by itself, without
        regard to the other rows of the call.
    draws_per_row : int
        Maximum number of rows generated for each returned row.
    random_state : int, RandomState or None
        `fit` sets it for `sampler`; None keeps the sampler's own.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> from gen_augment.filters import Realism
    >>> X, y = load_wine(return_X_y=True)
    >>> vae = ConditionalVAE(max_steps=50, random_state=0, device="cpu")
    >>> sampler = FilteredSampler(vae, [Realism()]).fit(X, y)
    >>> X_new, y_new = sampler.sample(y={0: 2, 2: 1})
    >>> X_new.shape, y_new.tolist()
    ((3, 13), [0, 0, 2])
    """

    _unsaved = (
        "filters hold training rows and classifiers of any kind. Save the .sampler, and fit the "
        "filters again on the same rows after load_sampler(path), which gives the same rows; or "
        "write rows once, with SampleBank.build(filtered_sampler, counts, path)."
    )

    codec_ = property(attrgetter("sampler.codec_"))
    label_codec_ = property(attrgetter("sampler.label_codec_"))
    classes_ = property(attrgetter("sampler.classes_"))
    class_count_ = property(attrgetter("sampler.class_count_"))
    class_prior_ = property(attrgetter("sampler.class_prior_"))
    seed_ = property(attrgetter("sampler.seed_"))

    def __init__(
        self,
        sampler: Any,
        filters: Filter | Sequence[Filter],
        *,
        draws_per_row: int = 50,
        random_state: RandomState = None,
    ) -> None:
        self.sampler = sampler
        self.filters = filters
        self.draws_per_row = draws_per_row
        self.random_state = random_state

    def _check_params(self) -> None:
        check_instance("sampler", self.sampler)
        check_filters(self.filters)
        check_positive_int("draws_per_row", self.draws_per_row)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the sampler and, on the same rows, all filters that have `fit`.

        Parameters
        ----------
        X, y
            As in `Sampler.fit`.

        Returns
        -------
        self
        """
        self._check_params()
        if self.random_state is not None:
            self.sampler.set_params(random_state=self.random_state)
        rows = Rows.read(X, y, modality=getattr(self.sampler, "modality", None))
        self.sampler.fit(rows)
        for keep in check_filters(self.filters):
            fit_filter(keep, rows, self.sampler)
        self.__dict__.pop("_addresses", None)
        return self

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        X, places, n_drawn = self._drawn(index, codes, seed)
        if len(places) < len(index):
            raise self._exhausted(self.classes_[codes], places, n_drawn)
        return X

    def generate_passing(
        self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None
    ) -> tuple[Any, np.ndarray]:
        """Return rows by address as `generate` does, but leave out those that no draw yields.

        Parameters
        ----------
        index, y, seed
            As in `generate`.

        Returns
        -------
        X : rows that pass
        places : ndarray of int of shape (n_rows,)
            Their places in `index`, in ascending order.

        Raises
        ------
        ExhaustedError
            No row passes.
        """
        where, codes, number = self._addressed(index, y, seed)
        X, places, n_drawn = self._drawn(where, codes, number)
        if len(where) and not len(places):
            raise self._exhausted(self.classes_[codes], places, n_drawn)
        return X, places

    def _drawn(
        self, index: np.ndarray, codes: np.ndarray, seed: int
    ) -> tuple[Any, np.ndarray, int]:
        """Return the rows that pass, their places in `index`, and the number of rows drawn."""
        self._check_params()
        filters, labels = check_filters(self.filters), self.classes_[codes]
        if not len(index):
            return self.sampler.generate(index, labels, seed=seed), index, 0
        last = 2**63 // self.draws_per_row - 1  # products beyond it would wrap around
        if index.max() > last:
            raise InputError(
                f"index holds {index.max()}: with draws_per_row={self.draws_per_row}, row numbers "
                f"of a FilteredSampler range from 0 to {last}."
            )
        missing, n_drawn = np.arange(len(index)), 0
        kept, places = [], []
        for draw in range(self.draws_per_row):
            address = index[missing] * self.draws_per_row + draw
            X = self.sampler.generate(address, labels[missing], seed=seed)
            good = passes(X, labels[missing], filters)
            kept.append(take(X, np.flatnonzero(good)))
            places.append(missing[good])
            n_drawn += len(missing)
            missing = missing[~good]
            if not len(missing):
                break
        found = np.concatenate(places)
        order = np.argsort(found)
        return take(concatenate(kept), order), found[order], n_drawn

    def _exhausted(self, labels: np.ndarray, places: np.ndarray, n_drawn: int) -> ExhaustedError:
        missing = np.delete(labels, places)
        names, counts = np.unique(missing, return_counts=True)
        found = {
            name: f"{(labels == name).sum() - count} of {(labels == name).sum()}"
            for name, count in zip(names.tolist(), counts.tolist(), strict=True)
        }
        return ExhaustedError(
            f"for {len(missing)} rows none of {self.draws_per_row} draws passed the filters "
            f"(found, by label: {found}): relax the filters, raise draws_per_row, or leave those "
            "classes out.",
            kept=len(places),
            drawn=n_drawn,
        )

    def fingerprint(self) -> str:
        """Hash everything that decides the rows; see `Sampler.fingerprint`."""
        self._check_fitted()
        gates = ", ".join(describe_filter(keep) for keep in check_filters(self.filters))
        described = f"{self.sampler.fingerprint()}, {gates}, {self.draws_per_row}"
        return digest(described)

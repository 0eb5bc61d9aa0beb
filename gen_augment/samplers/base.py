"""The base of everything that samples.

A fitted sampler is a deterministic map from addresses to rows. Row *i* of the endless table that
a seed names depends on ``(seed, i, label)`` alone: not on the batch size, the process or the order
of calls.

To write a sampler, subclass one of

* `NetworkSampler`, for a network trained by steps (``examples/models/plot_own_sampler.py``),
* `ClassicalSampler`, for anything that learns from all rows at once,
* `Sampler` itself, and write `fit` and `_make`.

`register_sampler` then makes it known by name.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from torch import Tensor

from gen_augment import archive
from gen_augment.data import LabelCodec, Rows
from gen_augment.data.counts import consecutive
from gen_augment.errors import ArchiveError, InputError, NotFittedError
from gen_augment.modalities import Codec, Modality
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.samplers import hub, persistence, plotting
from gen_augment.samplers.requests import MAX_DRAWS, AddressCounter, sample_by_address
from gen_augment.types import JSON, Labels
from gen_augment.validation import check_class_counts, check_index

__all__ = ["Sampler", "check_some_labelled"]


class Sampler(BaseEstimator, ABC):  # type: ignore[misc] # scikit-learn has no types
    """Abstract base class of samplers.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    class_count_ : ndarray of shape (n_classes,)
        Labelled training rows of each class.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class among the labelled training rows, in [0, 1].
    n_features_in_ : int
        Number of values in one row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, if the rows have any and all are strings.
    codec_ : Codec
        The encoding of the rows.
    label_codec_ : LabelCodec
        The encoding of the labels.
    seed_ : int
        The seed that `random_state` gave. It names the sampler's own table of rows.
    """

    _content: int | str | None = None
    #: Short name: on the command line, in studies, and before the dot in `Modality.auto`.
    method: ClassVar[str] = ""
    #: Minimum number of labelled rows of each class.
    min_rows_per_class: ClassVar[int] = 2
    #: Why a sampler without `_to_archive` cannot be saved, with the remedy.
    _unsaved: ClassVar[str] = (
        "it does not write _to_archive and _restore. Keep its rows with SampleBank.build(sampler, "
        "counts, path)."
    )
    #: Whether an archive holds training rows as they were, though its samples are none.
    _holds_rows: Any = False
    #: Keys that a subclass adds to the header of its archive.
    _header_keys: ClassVar[frozenset[str]] = frozenset()

    modality: str | Modality | None = None
    codec_: Codec
    label_codec_: LabelCodec
    classes_: np.ndarray
    class_count_: np.ndarray
    class_prior_: np.ndarray
    seed_: int

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn to generate rows of each class.

        Parameters
        ----------
        X : array, Tensor, DataFrame, list, Dataset of (x, label), folder of class folders, or Rows
            Images of shape (n, H, W), (n, H, W, C) or (n, C, H, W), or lists of PIL images; tables
            of shape (n_rows, n_columns), whose missing values are learned as such; or rows of any
            registered modality. The path of a CSV or Parquet file, or of a folder of the latter,
            and an Arrow dataset need `y`. Each `iter()` of an IterableDataset must start again.
        y : array-like of shape (n_samples,), or str, optional
            One label for each row, or the column of the labels in a file; None if `X` has them.
            As in scikit-learn's semi-supervised estimators, -1 marks a row without a label if there
            are two or more other classes, all of them at least 0.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used. The sampler keeps its previous fit.
        """

    @abstractmethod
    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        """Return the rows with these addresses and class numbers, in the user's form."""

    def sample(
        self,
        n_samples: int | None = None,
        *,
        y: Labels = None,
        where: Mapping[Any, Any] | None = None,
        max_draws: int = MAX_DRAWS,
        random_state: RandomState = None,
    ) -> tuple[Any, Any]:
        """Draw new rows and their labels.

        Parameters
        ----------
        n_samples : int, optional
            Number of rows; 1 if neither this nor `y` gives it.
        y : label, array-like of labels, {label: count}, or None
            None draws labels from the class prior. One label is used for all rows, an array has
            one label for each row, and a dict gives exact counts, in its order.
        where : {column: condition}, optional
            Conditions on the columns of a table: a value, a list of values, a tuple
            ``(low, high)`` with None for an open end, or None for a missing value. Rows are drawn
            until enough of them meet all conditions. If `y` is None, labels are distributed as
            among the rows that meet the conditions.
        max_draws : int
            With `where`, the maximum number of rows drawn for each returned row, on average.
        random_state : int, RandomState or None
            An int returns rows 0 to n - 1 of the table that it names, so the call is repeatable.
            None continues along the sampler's own table, and no two calls return the same rows,
            whichever threads they are made from. A sampler starts at row 0 when it is fitted or
            loaded.

        Returns
        -------
        X : same type, layout, dtype and value range as the training rows
        y : same type as the training labels

        Raises
        ------
        InputError
            A label, column or category is not known.
        ExhaustedError
            Too few rows meet `where`.
        """
        self._check_fitted()
        return sample_by_address(self, n_samples, y, random_state, where, max_draws)

    def generate(
        self,
        index: ArrayLike,
        y: ArrayLike,
        *,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> Any:
        """Return rows by address: the same index, label and seed always give the same row.

        Numbers in tables, series and recordings may differ in the last digits with the other rows
        of the call.

        Parameters
        ----------
        index : array-like of int of shape (n,)
            Row numbers of at least 0, in any order.
        y : label or array-like of shape (n,)
            Labels of those rows.
        seed : int, optional
            Names the table; `seed_` by default.
        device : str or torch.device
            Where Tensors are returned. Other containers are always in main memory.

        Returns
        -------
        X : n rows, with the type, layout, dtype and value range of the training rows
        """
        rows = self._make(*self._addressed(index, y, seed))
        return rows.to(device) if isinstance(rows, Tensor) else rows

    def _addressed(
        self, index: ArrayLike, y: ArrayLike, seed: int | None
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Check addresses as `generate` takes them; return row numbers, class numbers and seed."""
        self._check_fitted()
        where = check_index(index)
        codes = self.label_codec_.encode_rows(y, len(where))
        return where, codes, self.seed_ if seed is None else resolve_seed(seed)

    def next_addresses(self, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Return the addresses of the next rows, which are numbered through all classes.

        Parameters
        ----------
        codes : ndarray of shape (n,)
            Class numbers of the next rows.
        n_before : ndarray of shape (n_classes,)
            Number of rows of each class before them.

        Returns
        -------
        ndarray of shape (n,), int64
        """
        return consecutive(codes, n_before)

    plot_samples = plotting.plot_samples
    push_to_hub = hub.push_to_hub

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted sampler to one file; a failed write leaves the previous file.

        Callbacks are not saved. A hash of all training rows is, unless the sampler is private, by
        which an audit of the loaded sampler knows them. `export` leaves it out.

        Raises
        ------
        NotFittedError
            The sampler is not fitted.
        ArchiveError
            The file cannot be written, or this sampler cannot be saved.
        """
        self._check_fitted()
        header, tensors = self._to_archive()
        if self._content is not None:
            header = header | {"training_rows": persistence.slow_hash(self._content)}
        archive.write(path, header, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> Self:
        """Read a sampler of this class that `save` or a `Checkpoint` wrote.

        Parameters
        ----------
        path : path-like
        device : str
            Where networks are put: "auto", "cpu", "cuda", "cuda:1", ...

        Raises
        ------
        ArchiveError
            The file is missing, damaged, or of another class or version.
        """
        sampler: Self = persistence.load(cls, path, device)
        return sampler

    def fingerprint(self) -> str:
        """Hash everything that decides the rows: weights, parameters, encodings and seed."""
        self._check_fitted()
        return persistence.fingerprint(*self._to_archive())

    def _check_params(self) -> None:
        """Raise `InputError` for a parameter out of range."""

    def _read(self, X: Any, y: Any) -> Rows:
        """Read training data and check the number of rows of each class."""
        rows = _without_empty_classes(Rows.read(X, y, modality=self.modality))
        self._check_counts(rows.labels, rows.class_counts)
        return rows

    def _check_counts(self, labels: LabelCodec, counts: np.ndarray) -> None:
        name = type(self).__name__
        check_class_counts(labels.classes, counts, self.min_rows_per_class, name)

    def _remember(self, rows: Rows) -> None:
        """Keep a hash of the training rows, by which an audit knows them."""
        known = {"_fitted", "content"} & vars(rows).keys()  # without encoding rows for it
        self._content = rows.content if known else None

    def _set_labels(self, labels: LabelCodec, counts: np.ndarray, seed: int) -> None:
        """Store labels, counts and seed; `sample` starts at row 0."""
        self.label_codec_ = labels
        self.classes_ = labels.classes
        self.class_count_ = counts
        self.class_prior_ = counts / counts.sum()
        self.seed_ = seed
        self._content = None
        self._addresses = AddressCounter()

    def _set_codec(self, codec: Codec) -> None:
        """Store the encoding of the rows, and what scikit-learn says about their columns."""
        self.codec_ = codec
        self.n_features_in_ = codec.n_features
        self.__dict__.pop("feature_names_in_", None)
        if codec.feature_names is not None:
            self.feature_names_in_ = np.array(codec.feature_names, dtype=object)

    def _counter(self) -> AddressCounter:
        """Return the counter of the addresses that `sample` has used."""
        counter: AddressCounter = self.__dict__.setdefault("_addresses", AddressCounter())
        return counter

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        """Return the header and the tensors of an archive, starting from `header_of`."""
        raise ArchiveError(f"cannot save {type(self).__name__}: {self._unsaved}")

    def _restore(self, header: JSON, tensors: dict[str, Tensor], device: str) -> None:
        """Take back what `_to_archive` adds to `header_of`; all else is restored already."""

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet: call fit(X, y) first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classes_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        return tags


def check_some_labelled(rows: Any) -> None:
    """Raise `InputError` if no row has a label."""
    if not rows.class_counts.any():
        raise InputError("y has no labelled row: unlabelled rows need labelled ones to learn from.")


def _without_empty_classes(rows: Rows) -> Rows:
    """Return the same rows, whose labels are those that occur."""
    check_some_labelled(rows)
    counts = rows.class_counts
    if counts.all():
        return rows
    labels = replace(rows.labels, classes=rows.classes[counts > 0])
    codes = np.where(rows.codes < 0, -1, (np.cumsum(counts > 0) - 1)[rows.codes])
    return replace(rows, labels=labels, codes=codes, known_codec=rows.codec)

"""The base of samplers without a network: they keep rows, or a density of each class, and draw by address.

To write one, subclass `ClassicalSampler` and write `_learn`, `_make`, `_to_tensors` and `_from_tensors`.
"""

import copy
import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from torch import Tensor

from gen_augment import archive
from gen_augment.codecs import Codec, LabelCodec, codec_from_json, infer_codec, read_rows, take
from gen_augment.containers import stack_rows
from gen_augment.counts import consecutive
from gen_augment.errors import ArchiveError, InputError, NotFittedError
from gen_augment.modalities import codec_to_json
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.samplers.persistence import Persistent
from gen_augment.samplers.requests import MAX_DRAWS, sample_by_address
from gen_augment.types import JSON, ColumnTypes, Labels
from gen_augment.validation import check_class_counts, check_index, check_same_length

__all__ = ["ClassicalSampler", "KeepsRows", "below"]

_FIELDS = {"format", "class", "params", "codec", "labels", "class_count", "seed"}


class ClassicalSampler(Persistent, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base class of samplers without a network; see `Sampler` for what their methods do.

    Parameters
    ----------
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    random_state : int, RandomState or None
        Names the table of rows.
    """

    min_rows_per_class = 2
    _codec: Codec | None = None

    def __init__(
        self, *, column_types: ColumnTypes = None, random_state: RandomState = None
    ) -> None:
        self.column_types = column_types
        self.random_state = random_state

    @abstractmethod
    def _learn(self, X: Any, codes: np.ndarray) -> None:
        """Learn from rows in order of their class numbers; `first_` and `class_count_` say where those are."""

    @abstractmethod
    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        """Rows by address, in the user's form."""

    @abstractmethod
    def _to_tensors(self) -> dict[str, Tensor]:
        """All that was learned."""

    @abstractmethod
    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take it back, or raise where it does not fit together."""

    def _check_params(self) -> None:
        """Raise `InputError` for parameters out of range."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn to make rows of each class; takes what `Sampler.fit` takes, and raises what it raises."""
        self._check_params()
        X, y = read_rows(X, y)
        X = stack_rows(X)
        labels, codes = LabelCodec.fit(y, partial=True)
        learned = type(self)(
            **self.get_params(deep=False)
        )  # what was fitted before stays if this fails
        learned._check_rows(X)
        check_same_length(len(X), len(codes))
        counts = np.bincount(codes[codes >= 0], minlength=len(labels.classes))
        check_class_counts(labels.classes, counts, self.min_rows_per_class, type(self).__name__)
        small = (
            codes.astype(np.int16) if len(counts) < 2**15 else codes
        )  # NumPy sorts those in linear time
        order = np.argsort(small, kind="stable")[(codes < 0).sum() :]
        learned._set_labels(labels, counts, resolve_seed(self.random_state))
        learned._learn(take(X, order), codes[order])
        learned._next_row = 0
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(learned.__dict__)
        return self

    def _check_rows(self, X: Any) -> None:
        """Learn the form of the rows, or put it off."""
        codec, _ = infer_codec(X, self.column_types)
        if codec.kind != "table":
            raise InputError(f"{type(self).__name__} is for tables, and X holds {codec.kind}s.")
        self._codec = codec
        self._set_names(X)

    def _set_names(self, X: Any) -> None:
        names = list(X.columns) if hasattr(X, "columns") else None
        # Lists of images have no shape; their codec is there, though `codec_` would ask for a fitted sampler.
        shape = np.shape(X)[1:] if hasattr(X, "shape") or self._codec is None else self._codec.shape
        self.n_features_in_ = int(np.prod(shape))
        if names is not None and all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.array(names, dtype=object)

    def _set_labels(self, labels: LabelCodec, counts: np.ndarray, seed: int) -> None:
        self.label_codec_ = labels
        self.classes_ = labels.classes
        self.class_count_ = counts
        self.class_prior_ = counts / counts.sum()
        self.first_ = np.cumsum(counts) - counts
        self.seed_ = seed

    @property
    def codec_(self) -> Codec:
        """Of the rows."""
        self._check_fitted()
        assert self._codec is not None  # noqa: S101
        return self._codec

    def sample(
        self,
        n_samples: int | None = None,
        *,
        y: Labels = None,
        where: Mapping[Any, Any] | None = None,
        max_draws: int = MAX_DRAWS,
        random_state: RandomState = None,
    ) -> tuple[Any, Any]:
        """Draw new rows and their labels, as `Sampler.sample` does."""
        self._check_fitted()
        return sample_by_address(self, n_samples, y, random_state, where, max_draws)

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
        """Rows by address, as `Sampler.generate` gives them."""
        self._check_fitted()
        where = check_index(index)
        codes = self.label_codec_.encode_rows(y, len(where))
        rows = self._make(where, codes, self.seed_ if seed is None else resolve_seed(seed))
        # PIL images: copies, so that a transform that writes to its input leaves rows that are kept as they are.
        if isinstance(rows, list):
            return [copy.copy(row) for row in rows]
        return rows.to(device) if isinstance(rows, Tensor) else rows

    def _pick(self, codes: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Number of a training row of each of these classes, every one alike if `u` is uniform in [0, 1)."""
        return np.asarray(self.first_[codes] + below(u, self.class_count_[codes]))

    def _check_fitted(self) -> None:
        if not hasattr(self, "classes_"):
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

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        header = {
            "class": type(self).__name__,
            "params": self._json_params(),
            "codec": codec_to_json(self.codec_),
            "labels": self.label_codec_.to_json(),
            "class_count": self.class_count_.tolist(),
            "seed": self.seed_,
        }
        return header, self._to_tensors()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> Self:
        """Read a sampler that `save` wrote; it needs no `device`.

        Raises
        ------
        ArchiveError
            The file is missing, cut short, of another class or version, or does not fit together.
        """
        header, tensors = archive.read(path)
        if header.get("class") != cls.__name__:
            raise ArchiveError(f"{path} holds a {header.get('class')}, not a {cls.__name__}.")
        archive.check_keys(f"{path} cannot be used", header, _FIELDS)
        try:
            archive.check_keys(
                f"parameters of {cls.__name__}", header["params"], set(cls._get_param_names())
            )
            sampler = cls(**header["params"])
            sampler._check_params()
            labels, counts = LabelCodec.from_json(header["labels"]), np.array(header["class_count"])
            if (
                counts.shape != labels.classes.shape
                or counts.dtype.kind != "i"
                or not (counts > 0).all()
            ):
                raise InputError(
                    f"class_count={counts.tolist()!r} is no count for {len(labels.classes)} classes."
                )
            if type(header["seed"]) is not int:
                raise InputError(f"seed={header['seed']!r} is no whole number.")
            sampler._set_labels(labels, counts, header["seed"])
            sampler._codec = codec_from_json(header["codec"])
            sampler._from_tensors(tensors)
            sampler._next_row = 0
            sampler._set_names(sampler.codec_.decode(torch.zeros(1, *sampler.codec_.shape)))
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise ArchiveError(f"{path} does not fit together: {error}") from error
        return sampler


class KeepsRows(ClassicalSampler):
    """Base of those that keep the rows themselves, in the user's form; the form is looked at when it is asked for."""

    @property
    def codec_(self) -> Codec:
        """Of the rows."""
        self._check_fitted()
        if self._codec is None:
            self._codec, _ = infer_codec(self._rows, self.column_types)
        return self._codec

    def _learn(self, X: Any, codes: np.ndarray) -> None:
        self._rows = X

    def _to_tensors(self) -> dict[str, Tensor]:
        packed = np.ascontiguousarray(self.codec_.pack(self._rows))
        return {"rows": torch.from_numpy(packed.reshape(len(packed), -1).view(np.uint8).copy())}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        codec = self.codec_
        one = codec.pack(codec.decode(torch.zeros(1, *codec.shape)))
        found = tensors["rows"].numpy()
        size = int(np.prod(one.shape[1:], dtype=np.int64)) * one.dtype.itemsize
        if found.shape != (self.class_count_.sum(), size) or found.dtype != np.uint8:
            raise InputError(
                f"rows of {found.dtype} and shape {found.shape} are not those of {self.class_count_.sum()}."
            )
        rows = codec.unpack(
            np.ascontiguousarray(found).view(one.dtype).reshape(len(found), *one.shape[1:])
        )
        codec.encode(rows)  # raises for values that are none
        self._rows = rows


def below(u: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 to n - 1, each alike if `u` is uniform in [0, 1)."""
    return np.asarray(np.minimum((u * n).astype(np.int64), n - 1))

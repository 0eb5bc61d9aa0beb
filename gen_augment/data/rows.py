"""Labelled rows: made once where data enters the package, then passed on."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from gen_augment.archive import digest
from gen_augment.containers import concatenate, take
from gen_augment.data.labels import LabelCodec
from gen_augment.data.reading import read_path, read_rows
from gen_augment.errors import InputError
from gen_augment.modalities import Codec, DataSpec, Modality, codec_to_json, find_modality
from gen_augment.validation import check_same_length

__all__ = ["Rows"]

#: Numbers that are hashed at a time.
HASHED_NUMBERS = 2**22


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as the user has them, with their class codes and their encoding.

    Attributes
    ----------
    X : n rows
        In the user's container.
    codes : ndarray of shape (n,), int64
        Class of each row, as a position in `labels.classes`; -1 for a row without a label.
    labels : LabelCodec
    modality : Modality
        How the rows are read.
    groups : ndarray of shape (n,), int64, optional
        Rows of one group, such as a patient, stay on one side of every split.
    known_codec : Codec, optional
        An encoding that was learned from other rows; by default it is learned from these.

    Examples
    --------
    >>> rows = Rows.read([[1.0, 2.0], [3.0, 4.0]], ["a", "b"])
    >>> rows.codes.tolist(), rows.modality, tuple(rows.encoded.shape)
    ([0, 1], Table(), (2, 2))
    >>> rows.take(np.array([1])).y
    ['b']
    """

    X: Any
    codes: np.ndarray
    labels: LabelCodec
    modality: Modality
    groups: np.ndarray | None = None
    known_codec: Codec | None = None

    @classmethod
    def read(
        cls,
        X: Any,
        y: Any = None,
        *,
        modality: str | Modality | None = None,
        unlabeled: int | Literal["auto"] | None = "auto",
    ) -> Self:
        """Read what a user gave as data; no values are encoded yet.

        Parameters
        ----------
        X : Rows, array, DataFrame, list, Dataset of (x, label), folder of class folders or Parquet
            files, file, or stream of `open_stream`, which is read into memory
        y : array-like of shape (n,), the column of the labels in files or an Arrow dataset, or
            None where `X` brings its labels
        modality : str, Modality or None
            How to read the rows; None if only one reading is possible.
        unlabeled : {"auto", -1, None}
            The label of rows without one: -1, or None if every label is a class. "auto" takes -1
            for it if there are two or more classes from 0 up, with a warning.

        Raises
        ------
        InputError
            Rows or labels cannot be read, or the rows have more than one possible reading.
        """
        if isinstance(X, cls) and y is None:
            return X
        if isinstance(X, (str, os.PathLike)) and (y is None or isinstance(y, str)):
            X, y, modality = read_path(X, y, modality)
        X, y = read_rows(X, y, modality)
        if issparse(X):
            raise InputError(f"X is sparse, a {type(X).__name__}: give a dense X.toarray().")
        if not hasattr(X, "__len__"):
            raise InputError(
                f"X is a {type(X).__name__}, which has no length: give a list of rows."
            )
        found = find_modality(X, modality)
        X = found.gather(X)
        if isinstance(X, Tensor):
            X = X.detach()  # nothing is trained through the rows
        labels, codes = LabelCodec.fit(y, unlabeled=unlabeled)
        check_same_length(len(X), len(codes))
        return cls(X, codes, labels, found)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def classes(self) -> np.ndarray:
        """Sorted labels, whether or not there is a row of each."""
        return self.labels.classes

    @property
    def n_classes(self) -> int:
        """Number of known classes."""
        return len(self.labels.classes)

    @cached_property
    def class_counts(self) -> np.ndarray:
        """Labelled rows of each class: ndarray of shape (n_classes,)."""
        return np.bincount(self.codes + 1, minlength=self.n_classes + 1)[1:]

    @property
    def y(self) -> Any:
        """Labels in the user's container; raises `InputError` if a row has none."""
        if (self.codes < 0).any():
            row = int(np.argmax(self.codes < 0))
            raise InputError(f"row {row} has no label: drop such rows with rows.labelled().")
        return self.labels.decode(self.codes)

    @cached_property
    def _fitted(self) -> tuple[Codec, Tensor]:
        if self.known_codec is not None:
            return self.known_codec, self.known_codec.encode(self.X)
        return self.modality.fit(self.X)

    @property
    def codec(self) -> Codec:
        """The encoding, learned from these rows when it is first asked for."""
        return self._fitted[0] if self.known_codec is None else self.known_codec

    @property
    def encoded(self) -> Tensor:
        """Encoded rows: float32 Tensor of shape (n, *codec.shape)."""
        return self._fitted[1]

    @property
    def spec(self) -> DataSpec:
        """What a network has to know of these rows."""
        return DataSpec.of(self.codec, self.n_classes)

    @cached_property
    def digests(self) -> np.ndarray:
        """Hash of each row's values: ndarray of shape (n,) of 32 hex digits."""
        return self.modality.digests(self.X)

    @cached_property
    def digest(self) -> str:
        """Hash of all rows, their form and their codes."""
        form = repr(codec_to_json(self.codec)).encode()  # encoded rows do not know their scale
        return digest(form, self.encoded.contiguous().numpy().reshape(-1), self.codes)

    @cached_property
    def content(self) -> int:
        """Hash of the labelled rows as they are encoded, in any order."""
        if self.codes.min(initial=0) >= 0:
            return hash_encoded(self.encoded, self.codes)
        known = np.flatnonzero(self.codes >= 0)
        return hash_encoded(self.encoded[torch.from_numpy(known)], self.codes[known])

    def take(self, index: np.ndarray) -> Self:
        """Return rows `index`, with the encoding of these rows."""
        groups = None if self.groups is None else self.groups[index]
        part = self.replaced(take(self.X, index), self.codes[index], groups)
        part.__dict__["_fitted"] = self.codec, self.encoded[torch.from_numpy(index)]
        return part

    def part(self, index: np.ndarray) -> Self:
        """Return rows `index` without the encoding of these rows, which knows the other rows."""
        groups = None if self.groups is None else self.groups[index]
        codes = self.codes[index]
        return replace(self, X=take(self.X, index), codes=codes, groups=groups, known_codec=None)

    def replaced(self, X: Any, codes: np.ndarray, groups: np.ndarray | None = None) -> Self:
        """Return other rows with these codes and the encoding of these rows."""
        return replace(self, X=X, codes=codes, groups=groups, known_codec=self.codec)

    def refitted(self) -> Self:
        """Return the same rows, whose encoding is learned from these rows alone."""
        return replace(self, known_codec=None)

    def labelled(self) -> Self:
        """Return the rows that have a label; an encoding that is not known is learned from them."""
        index = np.flatnonzero(self.codes >= 0)
        if len(index) == len(self):
            return self
        if self.known_codec is not None:
            return self.take(index)
        return self.part(index)

    def like(self, X: Any, y: Any = None) -> Self:
        """Read other rows, which must have the form and the labels of these.

        Raises
        ------
        InputError
            The rows have another form, or a label is not known.
        """
        if isinstance(X, Rows) and y is None:
            X, y = X.X, X.y
        X, y = read_rows(X, y, self.modality)
        X = self.modality.gather(X)
        codes = self.labels.encode(y)
        check_same_length(len(X), len(codes))
        other = replace(self, X=X, codes=codes, groups=None, known_codec=self.codec)
        other.__dict__["_fitted"] = self.codec, self.codec.encode(X)
        return other

    def joined(self, other: Self) -> Self:
        """Return these rows followed by `other` ones of the same form."""
        groups = None
        if self.groups is not None and other.groups is not None:
            groups = np.concatenate([self.groups, other.groups])
        codes = np.concatenate([self.codes, other.codes])
        return self.replaced(concatenate([self.X, other.X]), codes, groups)


def hash_encoded(encoded: Tensor, codes: np.ndarray) -> int:
    """Hash encoded rows and their class numbers, in any order.

    The hash of several parts is the sum of their hashes, modulo 2**64.
    """
    flat = encoded.flatten(1).contiguous().numpy()
    odd = np.random.default_rng(0).integers(2**63, size=flat.shape[1] * 2 + 1).astype("u8")
    odd = 2 * odd + 1
    total = 0
    size = max(1, HASHED_NUMBERS // flat.shape[1])
    for start in range(0, len(flat), size):
        part = slice(start, start + size)
        values = flat[part].astype(np.float64) + 0  # -0.0 becomes 0.0
        bits = values.view(np.uint32).astype(np.uint64)
        rows = (bits * odd[: bits.shape[1]]).sum(axis=1)
        rows += codes[part].astype(np.uint64) * odd[-1]
        rows ^= rows >> np.uint64(31)
        rows *= odd[0]
        total += int((rows ^ (rows >> np.uint64(29))).sum(dtype=np.uint64))
    return total % 2**64

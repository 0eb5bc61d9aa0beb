"""Labelled rows, read and encoded once for all that looks at them."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.codecs import Codec, LabelCodec, concatenate, infer_codec, read_rows, take
from gen_augment.modalities import codec_to_json
from gen_augment.validation import check_same_length

__all__ = ["LabelledRows", "Values"]


@dataclass(frozen=True)
class LabelledRows:
    """Rows as the user has them, encoded, and with their class numbers.

    Attributes
    ----------
    X : n rows
    codes : ndarray of shape (n,), int64
    labels : LabelCodec
    codec : Codec
        Inferred from the rows that were read, and kept by parts of them and by rows like them.
    encoded : Tensor of shape (n, ...), float32
    """

    X: Any
    codes: np.ndarray
    labels: LabelCodec
    codec: Codec
    encoded: Tensor

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def n_classes(self) -> int:
        """Classes that are known, whether or not there is a row of each."""
        return len(self.labels.classes)

    @classmethod
    def read(cls, X: Any, y: Any = None) -> Self:
        """Read rows as `Sampler.fit` does; those without a label (-1) are left out."""
        X, y = read_rows(X, y)
        labels, codes = LabelCodec.fit(y, partial=True)
        check_same_length(len(X), len(codes))
        if (codes < 0).any():
            X, codes = take(X, np.flatnonzero(codes >= 0)), codes[codes >= 0]
        return cls(X, codes, labels, *infer_codec(X))

    def like(self, X: Any, y: Any = None) -> Self:
        """Read other rows, in the form and with labels of these."""
        X, y = read_rows(X, y)
        codes = self.labels.encode(y)
        check_same_length(len(X), len(codes))
        return replace(self, X=X, codes=codes, encoded=self.codec.encode(X))

    def part(self, index: np.ndarray) -> Self:
        """Rows `index`."""
        return replace(
            self, X=take(self.X, index), codes=self.codes[index], encoded=self.encoded[index]
        )

    def joined(self, other: Self) -> Self:
        """These rows, and then the `other` ones, which are like these."""
        return replace(
            self,
            X=concatenate([self.X, other.X]),
            codes=np.concatenate([self.codes, other.codes]),
            encoded=torch.cat([self.encoded, other.encoded]),
        )

    @cached_property
    def digest(self) -> str:
        """Hash of rows and class numbers."""
        form = repr(
            codec_to_json(self.codec)
        ).encode()  # encoded rows alone do not know their scale
        values = self.encoded.contiguous().numpy().tobytes()
        return hashlib.blake2b(form + values + self.codes.tobytes(), digest_size=16).hexdigest()


class Values:
    """Rows as flat vectors of their encoded values: scaled columns, or pixels."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def __call__(self, X: Any) -> np.ndarray:
        """Vectors of shape (n, n_values), float32."""
        values: np.ndarray = self.codec.encode(X).flatten(1).numpy()
        return values

"""The base of samplers that keep the training texts and write new ones from them."""

from abc import abstractmethod
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Codec, Modality
from gen_augment.rng import RandomState, derive_seed
from gen_augment.samplers.classical.base import ClassicalSampler
from gen_augment.samplers.requests import vary_addresses
from gen_augment.samplers.text.edits import below
from gen_augment.validation import check_range

__all__ = ["TextSampler"]


class TextSampler(ClassicalSampler):
    """Base class of samplers of texts; write `_new`, `_varied` and, if needed, `_prepare`.

    Training texts are kept, and saved.

    Parameters
    ----------
    modality : str or Modality
        How to read the rows.
    random_state : int, RandomState or None
        Names the table of rows.
    """

    min_rows_per_class = 1

    def __init__(
        self, *, modality: str | Modality | None = "text", random_state: RandomState = None
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)

    @abstractmethod
    def _new(self, code: int, random: Random) -> str:
        """Return a new text of a class."""

    @abstractmethod
    def _varied(self, text: str, code: int, strength: float, random: Random) -> str:
        """Return a new version of a text of a class."""

    def vary(
        self, X: Any, y: Any, *, strength: float = 0.3, random_state: RandomState = None
    ) -> Any:
        """Return new versions of texts.

        Parameters
        ----------
        X : n texts
            In the form of the training rows.
        y : label or array-like of shape (n,)
            Their labels.
        strength : float in [0, 1]
            How much of a text changes; 0 returns it as it is.
        random_state : int, RandomState or None
            An int makes the call repeatable; None gives other versions in each call.

        Returns
        -------
        n texts
            In the form of the training rows.

        Raises
        ------
        InputError
            A row, a label or the strength cannot be used.
        """
        self._check_fitted()
        check_range("strength", strength, 0, 1)
        texts = self._texts_of(self.codec_, X)
        codes = self.label_codec_.encode_rows(y, len(texts))
        index, table = vary_addresses(self, len(texts), random_state)
        codec: Any = self.codec_
        if strength == 0:
            return codec.written(texts)
        rows = zip(texts, codes.tolist(), index.tolist(), strict=True)
        # Given texts may be longer than all training rows, so new versions are not cut.
        return codec.written(
            [self._varied(text, code, strength, _random(table, i)) for text, code, i in rows]
        )

    def _read(self, X: Any, y: Any) -> Rows:
        rows = super()._read(X, y)
        rows.codec  # noqa: B018 # raises, and names a bad row by its place before rows are sorted
        return rows

    def _learn(self, rows: Rows) -> None:
        self._set_codec(rows.codec)
        self._texts = self._texts_of(rows.codec, rows.X)
        self._prepare()

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        pairs = zip(index.tolist(), codes.tolist(), strict=True)
        table = derive_seed(seed, "text")
        return self._filled([self._new(code, _random(table, i)) for i, code in pairs])

    def _texts_of(self, codec: Codec, X: Any) -> list[str]:
        read: Any = getattr(codec, "texts", None)
        if read is None:
            raise InputError(
                f"{type(self).__name__} needs texts, and X holds {codec.modality.name} rows."
            )
        texts: list[str] = read(X)
        return texts

    def _filled(self, texts: list[str]) -> Any:
        codec: Any = self.codec_
        return codec.written([codec.cut(text) for text in texts])

    def _row(self, code: int, random: Random) -> str:
        """Return a training text of a class."""
        first, n = int(self._first[code]), int(self.class_count_[code])
        return self._texts[first + below(random, n)]

    def _to_tensors(self) -> dict[str, Tensor]:
        data = [text.encode() for text in self._texts]
        joined = torch.frombuffer(bytearray(b"".join(data)), dtype=torch.uint8)
        ends = torch.from_numpy(np.cumsum([len(one) for one in data], dtype=np.int64))
        return {"texts": joined, "ends": ends}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        ends, data = tensors["ends"], tensors["texts"].numpy().tobytes()
        places = [0, *ends.tolist()]
        if (
            tuple(ends.shape) != (int(self.class_count_.sum()),)
            or ends.dtype != torch.int64
            or places != sorted(places)
            or places[-1] != len(data)
        ):
            raise InputError("the ends of the texts do not fit.")
        pairs = pairwise(places)
        self._texts = [data[start:stop].decode() for start, stop in pairs]
        self._texts_of(self.codec_, self._texts)  # raises for another modality
        self._prepare()


def _random(table: int, index: int) -> Random:
    """Return the random numbers of one row, of which only `random.random` is used."""
    return Random(derive_seed(table, index))  # noqa: S311 # for samples, not for secrets

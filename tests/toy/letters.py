"""A user's modality: strings of one length over the letters a to d."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities import Codec, Modality, Reading, get_modality, register
from gen_augment.types import JSON

ALPHABET = "abcd"


@dataclass(frozen=True)
class LettersCodec(Codec):
    """One one-hot block a letter."""

    length: int

    @property
    def modality(self) -> Modality:
        return get_modality("letters")

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.length * len(ALPHABET),)

    @property
    def blocks(self) -> tuple[int, ...]:  # type: ignore[override]
        return (len(ALPHABET),) * self.length

    def encode(self, X: Any) -> Tensor:
        for number, row in enumerate(X):
            if not isinstance(row, str) or len(row) != self.length or set(row) - set(ALPHABET):
                raise InputError(f"row {number} of X is {row!r}: give {self.length} of {ALPHABET}.")
        codes = torch.tensor([[ALPHABET.index(c) for c in row] for row in X], device="cpu")
        codes = codes.reshape(len(X), self.length)
        return torch.nn.functional.one_hot(codes, len(ALPHABET)).flatten(1).float()

    def decode(self, rows: Tensor) -> list[str]:
        codes = rows.detach().cpu().reshape(len(rows), self.length, len(ALPHABET)).argmax(dim=2)
        return ["".join(ALPHABET[c] for c in row) for row in codes.tolist()]

    def pack(self, X: Any) -> np.ndarray:
        return np.array(X, dtype=f"S{self.length}")

    def unpack(self, array: np.ndarray) -> list[str]:
        return [row.decode() for row in array.tolist()]

    def to_json(self) -> JSON:
        return {"length": self.length}


class Letters(Modality):
    """Lists of strings."""

    name = "letters"
    suffixes = (".json",)

    def recognise(self, X: Any) -> Reading:
        is_list = isinstance(X, list) and len(X) > 0 and all(isinstance(row, str) for row in X)
        if not is_list or len(X[0]) < 4 or set("".join(X)) - set(ALPHABET):
            return Reading.NO
        return Reading.CERTAIN

    def fit(self, X: Any) -> tuple[LettersCodec, Tensor]:
        codec = LettersCodec(len(X[0]))
        return codec, codec.encode(X)

    def codec_from_json(self, record: JSON) -> LettersCodec:
        return LettersCodec(**record)

    def read(self, path: Path, target: str | None) -> tuple[Any, Any] | None:
        if path.suffix != ".json":
            return None
        pairs = json.loads(path.read_text())
        return [row for row, _ in pairs], [label for _, label in pairs]

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        pairs = [pair for X, y in parts for pair in zip(X, np.asarray(y).tolist(), strict=True)]
        path.write_text(json.dumps(pairs))


register(Letters)

"""Encoding of texts: the bytes of their UTF-8, padded to one length."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, Modality, check_equal
from gen_augment.modalities.registry import registered
from gen_augment.modalities.text.forms import TextForm, read_texts
from gen_augment.types import JSON

__all__ = ["TextCodec"]

#: Fills rows up to `n_bytes`; it occurs in no UTF-8.
_END = 255
#: Encoded numbers of one data set, at most: 4 GiB in 32 bits.
_MAX_NUMBERS = 2**30


@dataclass(frozen=True)
class TextCodec(Codec):
    """The container of texts, and the space that one text has.

    A text is encoded as its UTF-8, one number for each byte, in [-1, 1]. Decoding is exact. Texts
    of up to twice the length of the longest training row fit; `encode` cuts longer ones, and
    `pack` refuses them.

    Attributes
    ----------
    n_bytes : int
        The maximum number of bytes of one text. Samplers keep to it.
    form : TextForm
        The container.
    options : dict
        The options of the modality, see `Text`.

    Examples
    --------
    >>> codec, rows = TextCodec.fit(["Guten Tag", "مرحبا"])
    >>> rows.shape, codec.decode(rows)
    (torch.Size([2, 1, 32]), ['Guten Tag', 'مرحبا'])
    """

    n_bytes: int
    form: TextForm = field(default_factory=TextForm)
    options: JSON = field(default_factory=dict)
    bounded = True

    @classmethod
    def fit(cls, X: Any, options: JSON | None = None) -> tuple[Self, Tensor]:
        """Learn the container and the longest row of `X`; return the codec and encoded rows.

        Raises
        ------
        InputError
            A row is no string, all rows are blank, or the rows need too much memory.
        """
        texts = read_texts(X)
        if not any(map(str.strip, texts)):
            raise InputError("X has no row with a character other than blanks: nothing is learned.")
        lengths = [len(text.encode()) for text in texts]
        n_bytes = -(-2 * max(lengths) // 16) * 16
        if n_bytes * len(texts) > _MAX_NUMBERS:
            longest = int(np.argmax(lengths))
            raise InputError(
                f"row {longest} of X has {len(texts[longest]):,} characters, and all rows take the "
                f"memory of the longest one: cut it, or split long rows into several."
            )
        codec = cls(n_bytes, TextForm.of(X), dict(options or {}))
        return codec, codec._encoded(texts)

    @property
    def modality(self) -> Modality:
        """The modality, with its options."""
        return registered()["text"](**self.options)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of one encoded text: a sequence of one channel."""
        return (1, self.n_bytes)

    @property
    def n_features(self) -> int:
        """Number of columns: one, of strings."""
        return 1

    def texts(self, X: Any) -> list[str]:
        """Return rows in the user's container as a list of strings."""
        return read_texts(X)

    def written(self, texts: list[str]) -> Any:
        """Return a list of strings in the user's container; the inverse of `texts`."""
        return self.form.fill(texts)

    def cut(self, text: str) -> str:
        """Return a text without the characters that do not fit into `n_bytes`."""
        data = text.encode()
        return text if len(data) <= self.n_bytes else data[: self.n_bytes].decode(errors="ignore")

    def encode(self, X: Any) -> Tensor:
        """Encode texts; return a float32 Tensor of shape (n, 1, n_bytes)."""
        return self._encoded(read_texts(X))

    def _encoded(self, texts: list[str]) -> Tensor:
        values = torch.from_numpy(self._bytes([self.cut(text) for text in texts])).float()
        return values.div_(127.5).sub_(1)[:, None]

    def decode(self, rows: Tensor) -> Any:
        """Decode texts; bytes that form no character are left out."""
        values = rows.detach().cpu().float().reshape(len(rows), self.n_bytes)
        values = ((values.clamp(-1, 1) + 1) * 127.5).round()
        return self.unpack(values.to(torch.uint8).numpy())

    def pack(self, X: Any) -> np.ndarray:
        """Return the UTF-8 of texts: ndarray of shape (n, n_bytes), uint8, filled up with 255."""
        texts = read_texts(X)
        for number, text in enumerate(texts):
            if (length := len(text.encode())) > self.n_bytes:
                raise InputError(
                    f"row {number} of X has {length:,} bytes, and rows have at most "
                    f"{self.n_bytes:,}, twice the longest training row: cut it."
                )
        return self._bytes(texts)

    def _bytes(self, texts: list[str]) -> np.ndarray:
        out = np.full((len(texts), self.n_bytes), _END, np.uint8)
        for row, text in zip(out, texts, strict=True):
            data = text.encode()
            row[: len(data)] = np.frombuffer(data, np.uint8)
        return out

    def unpack(self, array: np.ndarray) -> Any:
        """Return the texts that `pack` was given."""
        ends = bytes([_END])
        rows = np.ascontiguousarray(array)
        return self.written(
            [row.tobytes().partition(ends)[0].decode(errors="ignore") for row in rows]
        )

    def check_known(self, X: Any) -> None:
        """Raise `InputError` if a text is too long to be encoded whole."""
        self.pack(X)

    def joined(self, others: Sequence[Any]) -> Self:
        """Return an encoding with room for the texts of all; form and options must agree."""
        codecs = (self, *others)
        check_equal("containers", [codec.form for codec in codecs])
        check_equal("options", [codec.options for codec in codecs])
        return replace(self, n_bytes=max(codec.n_bytes for codec in codecs))

    def to_json(self) -> JSON:
        """Return the codec as JSON values."""
        return {"n_bytes": self.n_bytes, "form": self.form.to_json(), "options": self.options}

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a codec from its `to_json`."""
        n_bytes = record["n_bytes"]
        if type(n_bytes) is not int or not 0 < n_bytes <= _MAX_NUMBERS:
            raise InputError(f"n_bytes={n_bytes!r} is not a number of bytes.")
        codec = cls(n_bytes, TextForm.from_json(record["form"]), dict(record["options"]))
        codec.modality  # noqa: B018 # raises for options that are not known
        return codec

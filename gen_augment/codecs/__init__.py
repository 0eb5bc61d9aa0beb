"""The user's data to model tensors and back. A codec is chosen by looking at the data."""

from typing import Any, Protocol

import numpy as np
import pandas as pd
from torch import Tensor

from gen_augment.codecs.image import ImageCodec
from gen_augment.codecs.label import LabelCodec
from gen_augment.codecs.source import concatenate, read_rows, stack_rows, take
from gen_augment.codecs.table import TableCodec
from gen_augment.codecs.where import matcher, read_conditions
from gen_augment.errors import ArchiveError, InputError
from gen_augment.types import JSON, ColumnTypes, Kind

__all__ = [
    "Codec",
    "ImageCodec",
    "LabelCodec",
    "TableCodec",
    "codec_from_json",
    "concatenate",
    "infer_codec",
    "matcher",
    "read_conditions",
    "read_rows",
    "take",
]


class Codec(Protocol):
    """Rows as the user has them to float32 tensors for a network, and back."""

    @property
    def kind(self) -> Kind:
        """What the rows are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded row."""

    def encode(self, X: Any) -> Tensor:
        """Rows as the user has them to a float32 Tensor of shape (n, *shape)."""

    def decode(self, rows: Tensor) -> Any:
        """Encoded rows to the form that was fitted."""

    def pack(self, X: Any) -> np.ndarray:
        """Decoded rows as an array that a file can hold as it is."""

    def unpack(self, array: np.ndarray) -> Any:
        """Decoded rows out of what `pack` made."""

    def to_json(self) -> JSON:
        """All of the codec as JSON values."""


_CODECS: dict[str, Any] = {"image": ImageCodec, "table": TableCodec}


def infer_codec(X: Any, types: ColumnTypes = None) -> tuple[Codec, Tensor]:
    """Choose and fit the codec for `X`; return it with the encoded rows.

    DataFrames and two-dimensional arrays are tables, for which `types` says what columns are that are not what their
    dtype says; arrays of three or four dimensions and lists of PIL images are images.
    """
    X = X if isinstance(X, pd.DataFrame) else stack_rows(X)
    ndim = 4 if isinstance(X, (list, tuple)) else getattr(X, "ndim", None)  # PIL images
    if ndim in (3, 4):
        if types:
            raise InputError(f"column_types={types!r}, but X holds images: leave column_types out.")
        return ImageCodec.fit(X)
    if ndim is None or ndim > 4:
        raise InputError(
            f"X is a {type(X).__name__}{'' if ndim is None else f' of {ndim} dimensions'}: give images as an array of "
            "shape (n, H, W), (n, H, W, C) or (n, C, H, W), a list of PIL images or a Dataset, "
            "and tables as a DataFrame or an array of shape (n_rows, n_columns)."
        )
    return TableCodec.fit(X, types)


def codec_from_json(record: JSON) -> Codec:
    """Rebuild a codec from its `to_json`."""
    kind = record.get("kind")
    if kind not in _CODECS:
        raise ArchiveError(
            f"the archive holds data of kind {kind!r}; known kinds: {sorted(_CODECS)}."
        )
    try:
        codec: Codec = _CODECS[kind].from_json(record)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise ArchiveError(f"the archive's {kind} codec is damaged: {error!r}") from error
    return codec

"""Rows of a stream for a sampler that is trained by steps."""

import os
from pathlib import Path
from typing import Any

from gen_augment.data.reading import holds_parquet, read_path
from gen_augment.data.stored import read_stream
from gen_augment.data.streams import open_stream
from gen_augment.modalities import Codec

__all__ = ["from_stream"]


def from_stream(sampler: Any, X: Any, y: Any, codec: Codec | None = None) -> tuple[Any, Any]:
    """Read a stream for training; return other rows and labels as they are.

    Parameters
    ----------
    sampler : NetworkSampler
    X, y
        As in `Sampler.fit`.
    codec : Codec, optional
        The known encoding, for a fitted sampler that learns more rows.

    Returns
    -------
    X : Rows, StoredRows, or rows as they were given
    y : labels of `X`, or None

    Raises
    ------
    InputError
        See `gen_augment.data.stored.read_stream`.
    """
    if not sampler._streams:
        return X, y
    modality = sampler.modality if codec is None else codec.modality
    if isinstance(X, (str, os.PathLike)) and isinstance(y, str) and holds_parquet(Path(X), y):
        X, y, modality = read_path(X, y, modality)
    stream = open_stream(X, y)
    if stream is None:
        return X, y
    labels = None if codec is None else sampler.label_codec_
    return read_stream(stream, modality, codec=codec, labels=labels), None

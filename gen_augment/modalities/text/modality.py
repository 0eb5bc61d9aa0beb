"""Texts: a list, an array, a Series or a column of strings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gen_augment.modalities.base import Modality, Reading, digest
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.text.codec import TextCodec
from gen_augment.modalities.text.forms import read_texts
from gen_augment.types import JSON

__all__ = ["Text"]


class Text(Modality):
    """Texts, one string for each row.

    Strings may also be the categories of a table or the paths of files, so that a user names the
    modality: ``fit(texts, y)`` of a sampler with ``modality="text"``.

    Parameters
    ----------
    column : str, optional
        The column of the texts in a file of several columns.
    file : TableFile or mapping, optional
        ``sep`` and ``encoding`` of a CSV file, see `TableFile`.

    Examples
    --------
    >>> codec, rows = Text().fit(["Where is my card?", "I lost it."])
    >>> codec.n_bytes, rows.shape
    (48, torch.Size([2, 1, 48]))
    """

    name = "text"
    suffixes = (".csv", ".parquet", ".jsonl")

    def __init__(
        self,
        column: str | None = None,
        file: TableFile | Mapping[str, Any] | None = None,
    ) -> None:
        self.column = column
        self.file = file

    def options(self) -> JSON:
        """Return the options that were given, as JSON values."""
        options: JSON = {} if self.column is None else {"column": self.column}
        if self.file is not None:
            options["file"] = TableFile.of(self.file).to_json()
        return options

    def recognise(self, X: Any) -> Reading:
        """Recognise rows of strings, which are possible texts and never certain ones."""
        first: Any = None
        if isinstance(X, (list, tuple)):
            first = X[0] if X else None
        elif isinstance(X, (np.ndarray, pd.Series)) and X.ndim == 1 and len(X):
            first = X.iloc[0] if isinstance(X, pd.Series) else X[0]
        return Reading.POSSIBLE if isinstance(first, str) else Reading.NO

    def fit(self, X: Any) -> tuple[TextCodec, Tensor]:
        """Learn the container and the longest row; return the codec and the encoded rows."""
        return TextCodec.fit(X, self.options())

    def codec_from_json(self, record: JSON) -> TextCodec:
        """Rebuild a codec from its `to_json`."""
        return TextCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash each text."""
        return np.array([digest(text.encode()) for text in read_texts(X)], dtype="<U32")

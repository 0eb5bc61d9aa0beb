"""Tables: DataFrames, and arrays or tensors of shape (n_rows, n_columns)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import stack_rows
from gen_augment.modalities.base import Codec, Match, Modality, Reading
from gen_augment.modalities.table.codec import TableCodec
from gen_augment.modalities.table.conditions import matcher, read_conditions
from gen_augment.modalities.table.digests import array_digests, frame_digests
from gen_augment.types import JSON

__all__ = ["Table"]

#: An array with more columns than this is asked about: it may hold series, spectra or waveforms.
MAX_CERTAIN_COLUMNS = 4096


class Table(Modality):
    """Tables with one row a sample.

    Parameters
    ----------
    types : {column: {"number", "category"}}, optional
        Columns, by name or position, that are not what their dtype says: codes in whole numbers,
        for example, are a "category".

    Examples
    --------
    >>> codec, rows = Table(types={"zip": "category"}).fit(pd.DataFrame({"zip": [1010, 5003]}))
    >>> codec.blocks
    (2,)
    """

    name = "table"
    suffixes = (".csv", ".parquet")

    def __init__(self, types: Mapping[Any, str] | None = None) -> None:
        self.types = types

    def options(self) -> JSON:
        """Return the column types as pairs, since JSON has no whole numbers for names."""
        return {} if self.types is None else {"types": [list(pair) for pair in self._pairs()]}

    def _pairs(self) -> list[tuple[Any, str]]:
        types: Any = self.types or {}
        return [(name, kind) for name, kind in dict(types).items()]

    def recognise(self, X: Any) -> Reading:
        """Recognise DataFrames, and arrays of up to two axes; one axis is refused in `fit`."""
        if isinstance(X, pd.DataFrame):
            return Reading.CERTAIN
        shape = getattr(X, "shape", None)
        if shape is None or len(shape) > 2:
            return Reading.NO
        wide = len(shape) == 2 and shape[1] > MAX_CERTAIN_COLUMNS
        return Reading.POSSIBLE if wide else Reading.CERTAIN

    def fit(self, X: Any) -> tuple[TableCodec, Tensor]:
        """Learn the columns; return the codec and the encoded rows."""
        return TableCodec.fit(X, dict(self._pairs()))

    def codec_from_json(self, record: JSON) -> TableCodec:
        """Rebuild a codec from its `to_json`."""
        return TableCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash the values of each row; missing values are equal, however they are written."""
        return frame_digests(X) if isinstance(X, pd.DataFrame) else array_digests(stack_rows(X))

    def matcher(self, codec: Codec, where: Mapping[Any, Any]) -> Match:
        """Turn conditions on columns into a function of rows."""
        return matcher(codec, where)

    def read_conditions(self, codec: Codec, texts: Iterable[str]) -> dict[Any, list[Any]]:
        """Read conditions such as ``age=35..60``."""
        return read_conditions(codec, texts)

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List the baselines, SMOTE among them, and the samplers."""
        return ["real", "oversample", "weights", "threshold", "smote", *samplers]

    def classifier_inputs(self, codec: Codec, X: Any) -> Callable[[Any], Tensor]:
        """Return standardised numbers in 64 bits where all columns are numbers, else the codec.

        The codec maps columns to normal quantiles, which suits generators and would do work that
        is the classifier's own. In 32 bits confident probabilities would be tied.
        """
        known = _numbers(X)
        if known is None or not np.isfinite(known).all():
            return codec.encode
        mean, deviation = known.mean(axis=0), known.std(axis=0)
        deviation[deviation <= 1e-12 * np.abs(mean)] = 1  # a constant column: rounding alone

        def standardise(rows: Any) -> Tensor:
            found = _numbers(rows)
            if found is None:
                return codec.encode(rows)
            # A value that is missing here and nowhere in training is the mean, as in the codec.
            return torch.from_numpy(np.nan_to_num((found - mean) / deviation, nan=0.0))

        return standardise

    def read(self, path: Path, target: str | None) -> tuple[Any, Any] | None:
        """Read a CSV, Parquet, ARFF or KEEL file."""
        from gen_augment.modalities.table.files import read_table

        return read_table(path, target) if path.is_file() else None

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write a CSV or Parquet file; each part becomes a row group of the latter."""
        from gen_augment.modalities.table.files import write_table

        write_table(path, parts, codec)


def _numbers(X: Any) -> np.ndarray | None:
    """Return a table of numbers as float64, or None where a column holds anything else."""
    if isinstance(X, pd.DataFrame):
        if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes):
            return None
        return X.to_numpy(dtype=np.float64, na_value=np.nan)
    values = X.detach().cpu().double().numpy() if isinstance(X, Tensor) else np.asarray(X)
    return values.astype(np.float64) if values.dtype.kind in "biuf" else None

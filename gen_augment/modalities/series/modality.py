"""Series of one or more channels, of one length or of several."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.base import BatchStep, Modality, Reading, RowTransform, digest
from gen_augment.modalities.series.codec import SeriesCodec
from gen_augment.modalities.series.forms import is_nested, is_ragged, read_series
from gen_augment.modalities.series.generators import SeriesNetworks
from gen_augment.modalities.series.long import from_long, to_long
from gen_augment.modalities.series.transforms import RECIPES, TRANSFORMS
from gen_augment.types import JSON

__all__ = ["Series"]


class Series(Modality):
    """Series of shape (n, channels, length) or (n, length), or lists of series of any lengths.

    Examples
    --------
    >>> codec, rows = Series().fit(np.arange(30).reshape(2, 3, 5))
    >>> rows.shape, codec.decode(rows).dtype
    (torch.Size([2, 3, 5]), dtype('int64'))
    """

    name = "series"
    networks = SeriesNetworks()
    recipes: ClassVar[Mapping[str, BatchStep]] = RECIPES
    transforms: ClassVar[Mapping[str, RowTransform]] = TRANSFORMS

    from_long = staticmethod(from_long)
    to_long = staticmethod(to_long)

    def recognise(self, X: Any) -> Reading:
        """Recognise nested DataFrames; arrays may be images or tables, and ragged lists images."""
        if is_nested(X) or _is_list_of_frames(X):
            return Reading.CERTAIN
        shape = getattr(X, "shape", ())
        is_array = len(shape) in (2, 3) and not hasattr(X, "columns")
        return Reading.POSSIBLE if is_array or is_ragged(X) else Reading.NO

    def gather(self, X: Any) -> Any:
        """Keep a list of series as it is, since their lengths may differ."""
        if isinstance(X, (list, tuple)) and X:
            if all(isinstance(row, (Tensor, np.ndarray, pd.DataFrame)) for row in X):
                return list(X)
            if all(isinstance(row, pd.Series) for row in X):
                return [row.to_numpy() for row in X]
            return [np.asarray(row) for row in X]
        return X

    def fit(self, X: Any) -> tuple[SeriesCodec, Tensor]:
        """Learn form, lengths and the range of each channel; return the codec and encoded rows."""
        return SeriesCodec.fit(X)

    def codec_from_json(self, record: JSON) -> SeriesCodec:
        """Rebuild a codec from its `to_json`."""
        return SeriesCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash the values of each series, whatever their dtype."""
        _, values, lengths = read_series(X)
        rows = values.astype(np.float64) + 0  # -0.0 becomes 0.0
        pairs = zip(rows, lengths.tolist(), strict=True)
        return np.array([digest(row[:, :n].tobytes()) for row, n in pairs], dtype="<U32")

    def plain_numbers(self, X: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]] | None:
        """Return series of one length as float64 vectors, and what gives them the form of `X`."""
        try:
            codec, _ = self.fit(X)
        except InputError:
            return None
        if codec.has_mask:
            return None
        values = read_series(X)[1]
        return values.reshape(len(values), -1).astype(np.float64), partial(_like, codec)


def _is_list_of_frames(X: Any) -> bool:
    return isinstance(X, list) and bool(X) and all(isinstance(row, pd.DataFrame) for row in X)


def _like(codec: SeriesCodec, values: np.ndarray) -> Any:
    rows = torch.from_numpy(values.reshape(len(values), *codec.shape))
    return codec.form.build(rows, np.full(len(rows), codec.lengths[1]))

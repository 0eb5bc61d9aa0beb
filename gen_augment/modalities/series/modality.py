"""Series of one or more channels, of one length or of several."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from gen_augment.archive import digest
from gen_augment.errors import InputError
from gen_augment.modalities.base import (
    BatchStep,
    Codec,
    DataSpec,
    Modality,
    Reading,
    RowTransform,
)
from gen_augment.modalities.series.classifiers import SmallInception
from gen_augment.modalities.series.codec import SeriesCodec
from gen_augment.modalities.series.display import line_plots
from gen_augment.modalities.series.files import SUFFIXES, as_arrays, read_file, write_file
from gen_augment.modalities.series.forms import (
    is_nested,
    may_be_series,
    read_series,
)
from gen_augment.modalities.series.generators import SeriesNetworks
from gen_augment.modalities.series.transforms import RECIPES, TRANSFORMS
from gen_augment.modalities.series.views import SeriesViews
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
    learned_features = True
    views = SeriesViews()
    suffixes = SUFFIXES
    recipes: ClassVar[Mapping[str, BatchStep]] = RECIPES
    transforms: ClassVar[Mapping[str, RowTransform]] = TRANSFORMS

    def recognise(self, X: Any) -> Reading:
        """Recognise nested DataFrames; arrays may be images or tables, and ragged lists images."""
        if is_nested(X) or _is_list_of_frames(X):
            return Reading.CERTAIN
        return Reading.POSSIBLE if may_be_series(X) else Reading.NO

    def gather(self, X: Any) -> Any:
        """Keep a list of series as it is, since their lengths may differ."""
        if isinstance(X, (list, tuple)) and X:
            if all(isinstance(row, (Tensor, np.ndarray, pd.DataFrame, pd.Series)) for row in X):
                return list(X)
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

    def classifier(self, spec: DataSpec) -> Callable[[], nn.Module]:
        """Return a function that makes a small InceptionTime network."""
        return partial(SmallInception, spec.shape, spec.n_classes)

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List baselines with classic recipes, and each sampler with and without warping."""
        alike = "oversample+" if imbalanced else ""
        return [
            "real",
            *(["oversample", "logit"] if imbalanced else []),
            *(f"{alike}{recipe}" for recipe in ("jitter", "scaling", "warp", "window", "slice")),
            *samplers,
            *(f"{sampler}+window" for sampler in samplers),
        ]

    def sheet(self, codec: Codec, rows: Tensor, columns: int) -> np.ndarray:
        """Draw series as lines in their channels' colours, in the range of the training rows."""
        series: Any = codec
        low, high, mean, scale = map(np.array, (series.low, series.high, series.mean, series.scale))
        scale = np.where(scale > 0, scale, 1)
        bounds = (low - mean) / scale, (high - mean) / scale
        return line_plots(rows[:, : len(low)], series.lengths_of(rows), *bounds, columns)

    def read(self, path: Path, target: str | None) -> tuple[Any, Any] | None:
        """Read a ``.ts`` or ``.npz`` file, see `gen_augment.modalities.series.files`."""
        is_series = path.is_file() and path.suffix.lower() in SUFFIXES
        return read_file(path) if is_series else None

    def open_path(self, path: Path) -> tuple[Any, Any] | None:
        """Read a ``.ts`` or ``.npz`` file, which holds its labels."""
        return self.read(path, None)

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write a ``.ts`` or ``.npz`` file."""
        write_file(path, ((as_arrays(X), y) for X, y in parts))

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

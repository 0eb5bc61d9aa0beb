"""Tables: DataFrames, and arrays or tensors of shape (n_rows, n_columns)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import as_pandas, holds_strings, stack_rows
from gen_augment.modalities.base import Codec, Match, Modality, Reading
from gen_augment.modalities.file_rows import FileRows
from gen_augment.modalities.table.codec import TableCodec, columns_of
from gen_augment.modalities.table.conditions import matcher, read_conditions
from gen_augment.modalities.table.digests import array_digests, frame_digests
from gen_augment.modalities.table.file_format import TEXT_SUFFIXES, TableFile
from gen_augment.modalities.table.frames import with_one_missing_value
from gen_augment.modalities.table.known import KnownTable
from gen_augment.modalities.table.numbers import find_steps, like_numbers, plain_numbers
from gen_augment.modalities.table.scan import TableScan
from gen_augment.modalities.views import RowViews
from gen_augment.types import JSON

__all__ = ["Table"]

#: An array with more columns may hold series, spectra or waveforms, so that the user has to say.
MAX_CERTAIN_COLUMNS = 4096


class TableViews(RowViews):
    """A Pipeline has its own way with the columns of a DataFrame."""

    def pipeline_rows(self, X: Any) -> Any:
        return X if isinstance(X, pd.DataFrame) else None

    def scan(self, modality: Any) -> Any:
        """Return what learns the columns of a table that arrives in parts."""
        return TableScan(dict(modality._pairs()), TableFile.of(modality.file))

    def known(self, modality: Any, X: Any, bounds: Any) -> KnownTable:
        return KnownTable(modality, X, bounds)


class Table(Modality):
    """Tables with one row for each sample.

    Parameters
    ----------
    types : {column: {"number", "continuous", "category"}}, optional
        Columns, by name or position, that are not what their dtype says: codes in whole numbers,
        for example, are a "category".
    file : TableFile or mapping, optional
        How tables are read from files, see `TableFile`. A sampler that was fitted on a file keeps
        it, and its rows are written in the same form.

    Examples
    --------
    >>> codec, rows = Table(types={"zip": "category"}).fit(pd.DataFrame({"zip": [1010, 5003]}))
    >>> codec.blocks
    (2,)
    """

    name = "table"
    views = TableViews()
    suffixes = (*TEXT_SUFFIXES, ".parquet")

    def __init__(
        self,
        types: Mapping[Any, str] | None = None,
        file: TableFile | Mapping[str, Any] | None = None,
    ) -> None:
        self.types = types
        self.file = file

    def __repr__(self) -> str:
        """Show what was asked for, rather than all that was found in a file."""
        file = TableFile.of(self.file)
        kept = {name: list(v) for name in ("na_values", "drop") if (v := getattr(file, name))}
        found = kept if file.settled else file.to_json()
        options = {"types": dict(self._pairs()), "file": found}
        given = (f"{name}={value!r}" for name, value in options.items() if value)
        return f"Table({', '.join(given)})"

    def options(self) -> JSON:
        """Return the options; column types as pairs, since JSON has no whole numbers for names."""
        options: JSON = {}
        if self.types is not None:
            options["types"] = [list(pair) for pair in self._pairs()]
        if self.file is not None:
            options["file"] = TableFile.of(self.file).to_json()
        return options

    def _pairs(self) -> list[tuple[Any, str]]:
        types: Any = dict(self.types or {})
        # Positions may be NumPy's whole numbers, which JSON cannot hold.
        return [(n.item() if isinstance(n, np.generic) else n, kind) for n, kind in types.items()]

    def recognise(self, X: Any) -> Reading:
        """Recognise DataFrames, and arrays of up to two axes; one axis is refused in `fit`.

        One axis of strings may be texts too.
        """
        if isinstance(X, pd.DataFrame):
            return Reading.CERTAIN
        shape = getattr(X, "shape", None)
        if shape is None or len(shape) > 2:
            return Reading.NO
        wide = len(shape) == 2 and shape[1] > MAX_CERTAIN_COLUMNS
        texts = len(shape) == 1 and holds_strings(X)
        return Reading.POSSIBLE if wide or texts else Reading.CERTAIN

    def gather(self, X: Any) -> Any:
        """Bring rows into one container, with one kind of missing value in each column."""
        return with_one_missing_value(super().gather(X))

    def fit(self, X: Any) -> tuple[TableCodec, Tensor]:
        """Learn the columns; return the codec and the encoded rows."""
        codec, rows = TableCodec.fit(X, dict(self._pairs()))
        return replace(codec, file=TableFile.of(self.file)), rows

    def codec_from_json(self, record: JSON) -> TableCodec:
        """Rebuild a codec from its `to_json`."""
        return TableCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash the values of each row; all kinds of missing values are equal."""
        return frame_digests(X) if isinstance(X, pd.DataFrame) else array_digests(stack_rows(X))

    def plain_numbers(self, X: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]] | None:
        """Return a table of finite numbers as float64, and what gives it the form of `X`."""
        X, types = as_pandas(X), dict(self._pairs())
        values = None if "category" in types.values() else plain_numbers(X)
        if values is None:
            return None
        steps = find_steps(
            X, values, {name for name, kind in types.items() if kind == "continuous"}
        )
        return values, partial(like_numbers, X, steps=steps)

    def matcher(self, codec: Codec, where: Mapping[Any, Any]) -> Match:
        """Turn conditions on columns into a function of rows."""
        return matcher(codec, where)

    def read_conditions(self, codec: Codec, texts: Iterable[str]) -> dict[Any, list[Any]]:
        """Read conditions such as ``age=35..60``."""
        return read_conditions(codec, texts)

    def columns(self, codec: Codec, X: Any) -> pd.DataFrame:
        """Return the table as a DataFrame, in which declared categories are not numbers."""
        table: Any = codec
        columns = columns_of(stack_rows(X))[2]
        kinds = [part.kind for part in table.parts]
        return pd.DataFrame(
            {
                name: values.astype(object) if kind == "category" else values
                for (name, values), kind in zip(columns.items(), kinds, strict=True)
            }
        )

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List the baselines, SMOTE among them, and the samplers."""
        return ["real", "oversample", "weights", "threshold", "smote", *samplers]

    def classifier_inputs(self, codec: Codec, X: Any) -> Callable[[Any], Tensor]:
        """Return standardised numbers in 64 bits where all columns are numbers, else the codec.

        The codec maps columns to normal quantiles, which suits generators but would do part of the
        classifier's work. In 32 bits, confident probabilities would be tied.
        """
        known = None if _declares_categories(codec, X) else _numbers(X)
        if known is None or not np.isfinite(known).all():
            return codec.encode
        mean, deviation = known.mean(axis=0), known.std(axis=0)
        rounding = 4 * np.finfo(np.float64).eps * np.abs(mean)
        deviation[(deviation <= rounding) | (np.ptp(known, axis=0) == 0)] = 1  # constant
        return partial(_standardised, codec, mean, deviation)

    def read(self, path: Path, target: str | None) -> FileRows | None:
        """Read a CSV, Parquet, ARFF or KEEL file, or a folder of Parquet files."""
        from gen_augment.modalities.table.files import read_folder, read_table

        if target is None and not path.is_file():
            return None
        read = read_table if path.is_file() else read_folder
        types = dict(self._pairs())
        X, y, file, report, notes = read(path, target, types, TableFile.of(self.file))
        types.pop(target, None)  # the labels are no column of the rows
        return FileRows(X, y, Table(types or None, file), report, notes)

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write a CSV or Parquet file; each part becomes a row group of the latter."""
        from gen_augment.modalities.table.writing import write_table

        table: Any = codec
        example = columns_of(codec.decode(torch.zeros(1, *codec.shape)))[2]  # of other columns
        values = {
            str(name): getattr(part, "known", example[name])
            for name, part in zip(table.columns, table.parts, strict=True)
        }
        write_table(path, parts, table.file, values)


def _standardised(codec: Codec, mean: np.ndarray, deviation: np.ndarray, X: Any) -> Tensor:
    found = _numbers(X)
    if found is None or found.shape[1:] != mean.shape:
        return codec.encode(X)  # raises for rows of another form
    # A value that is missing here and nowhere in training is the mean, as in the codec.
    return torch.from_numpy(np.nan_to_num((found - mean) / deviation, nan=0.0))


def _declares_categories(codec: Any, X: Any) -> bool:
    """Whether a column of numbers was declared to be a category."""
    columns = columns_of(stack_rows(X))[2].values()
    return any(
        part.kind == "category" and not pd.api.types.is_bool_dtype(values.dtype)
        for values, part in zip(columns, codec.parts, strict=True)
    )


def _numbers(X: Any) -> np.ndarray | None:
    """Return a table of numbers as float64, or None where a column holds anything else."""
    if isinstance(X, pd.DataFrame):
        if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes):
            return None
        return X.to_numpy(dtype=np.float64, na_value=np.nan)
    values = X.detach().cpu().double().numpy() if isinstance(X, Tensor) else np.asarray(X)
    return values.astype(np.float64) if values.dtype.kind in "biuf" else None

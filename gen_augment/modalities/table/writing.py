"""Synthetic tables to CSV and Parquet files."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.table.csv_columns import written
from gen_augment.modalities.table.file_format import TEXT_SUFFIXES, TableFile

__all__ = ["write_table"]


def write_table(
    path: Path,
    parts: Iterable[tuple[Any, Any]],
    file: TableFile,
    values: Mapping[str, Any],
    *,
    quote_strings: bool = False,
) -> None:
    """Write rows that arrive in parts; the suffix of `path` says the format.

    Parameters
    ----------
    path : Path
    parts : iterable of (X, y)
    file : TableFile
        How the fitted table was written: a CSV file is written in the same way.
    values : {column: fitted categories}
        Give a type to columns in which all values of the first part are missing.
    quote_strings : bool
        Whether a CSV file has all strings in quotation marks, as carriage returns need.
    """
    if path.suffix.lower() in TEXT_SUFFIXES:
        _write_csv(path, parts, file, csv.QUOTE_NONNUMERIC if quote_strings else csv.QUOTE_MINIMAL)
    else:
        _write_parquet(path, parts, values)


def _write_csv(path: Path, parts: Iterable[tuple[Any, Any]], file: TableFile, quoting: Any) -> None:
    decimal = file.decimal or "."
    with path.open("w", newline="", encoding=file.encoding or "utf-8") as stream:
        for number, (X, y) in enumerate(parts):
            frame = _as_frame(X, y)
            for name, reading in file.readings.items():
                if name in frame:
                    missing = file.missing.get(name, "")
                    frame[name] = written(frame[name], reading, decimal, missing)
            sep = "\t" if path.suffix.lower() == ".tsv" else file.sep or ","
            frame.to_csv(stream, index=False, header=not number, sep=sep, quoting=quoting)


def _write_parquet(path: Path, parts: Iterable[tuple[Any, Any]], values: Mapping[str, Any]) -> None:
    writer = None
    try:
        for X, y in parts:
            frame = _as_frame(X, y)
            frame.columns = frame.columns.astype(str)
            if writer is None:
                writer = pq.ParquetWriter(path, _schema(frame, values))
            writer.write_table(
                pa.Table.from_pandas(frame, schema=writer.schema, preserve_index=False)
            )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"a column cannot be written to Parquet: {error}. Write a .csv file."
        ) from error
    finally:
        if writer is not None:
            writer.close()


def _schema(frame: pd.DataFrame, values: Mapping[str, Any]) -> pa.Schema:
    """Types of the columns of the first part; the fitted ones where all values are missing."""
    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(schema):
        if pa.types.is_null(field.type):
            found = pa.infer_type(values.get(field.name, ()))
            kind = pa.string() if pa.types.is_null(found) else found
            schema = schema.set(i, field.with_type(kind))
    return schema


def _as_frame(X: Any, y: Any) -> pd.DataFrame:
    """Rows and their labels as one table."""
    if isinstance(X, Tensor) and X.dtype == torch.bfloat16:  # NumPy has no such type
        X = X.float()
    frame = X.copy() if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)).add_prefix("x")
    name = getattr(y, "name", None)
    target = "label" if name is None else name
    if target in frame:
        raise InputError(
            f"the table has a column {target!r}, so the labels cannot have that name: rename it."
        )
    frame[target] = y.array if isinstance(y, pd.Series) else np.asarray(y)  # whatever its index
    return frame

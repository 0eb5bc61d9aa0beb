"""Tables in CSV, Parquet, ARFF and KEEL files."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec
from gen_augment.modalities.table.arff import read_arff
from gen_augment.modalities.table.codec import TableCodec

__all__ = ["read_table", "write_table"]


def read_table(path: Path, target: str | None) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    """Read a table and the column of its labels.

    Raises
    ------
    InputError
        The file cannot be read, or has no such column.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        # Read in one piece: otherwise a column could get two types.
        ".csv": lambda path: pd.read_csv(path, low_memory=False),
        ".parquet": pd.read_parquet,
        ".arff": read_arff,
        ".dat": read_arff,
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        known = ", ".join(readers)
        raise InputError(
            f"{path} has the suffix {path.suffix!r}, and tables are read from {known} files."
        )
    try:
        frame = readers[suffix](path)
    except (ValueError, OSError, NotImplementedError) as error:
        raise InputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error
    if frame.empty:
        raise InputError(f"{path} has no rows.")
    if target is None or target not in frame:
        asked = "no target column was named" if target is None else f"there is no column {target!r}"
        raise InputError(f"{path}: {asked}; columns: {', '.join(map(str, frame.columns))}.")
    if frame[target].isna().any():
        raise InputError(
            f"{path}: {int(frame[target].isna().sum())} rows have no {target!r}: drop or label "
            "them."
        )
    if suffix == ".csv":
        frame = frame.assign(
            **{name: _as_dates(frame[name]) for name in frame.columns if name != target}
        )
    return frame.drop(columns=target), frame[target]


def _as_dates(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Parse a column whose values are all ISO dates; CSV has no type for them."""
    known = column.dropna()
    if (
        not pd.api.types.is_string_dtype(column)
        or not len(known)
        or not known.str.match(r"\d{4}-\d\d-\d\d").all()
    ):
        return column
    try:
        return pd.to_datetime(column, format="ISO8601")
    except ValueError:
        return column


def write_table(path: Path, parts: Iterable[tuple[Any, Any]], codec: Codec) -> None:
    """Write rows that arrive in parts; the suffix of `path` says the format."""
    if path.suffix.lower() == ".csv":
        _write_csv(path, parts)
    else:
        _write_parquet(path, parts, codec)


def _write_csv(path: Path, parts: Iterable[tuple[Any, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        for number, (X, y) in enumerate(parts):
            _as_frame(X, y).to_csv(file, index=False, header=not number)


def _write_parquet(path: Path, parts: Iterable[tuple[Any, Any]], codec: Codec) -> None:
    writer = None
    try:
        for X, y in parts:
            frame = _as_frame(X, y)
            frame.columns = frame.columns.astype(str)
            if writer is None:
                writer = pq.ParquetWriter(path, _schema(frame, codec))
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


def _schema(frame: pd.DataFrame, codec: Codec) -> pa.Schema:
    """Return the columns' types in the first rows; a column without values has the fitted type."""
    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    fitted = (
        dict(zip(map(str, codec.columns), codec.parts, strict=True))
        if isinstance(codec, TableCodec)
        else {}
    )
    for i, field in enumerate(schema):
        if pa.types.is_null(field.type):
            found = pa.infer_type(getattr(fitted.get(field.name), "values", ()))
            schema = schema.set(
                i, field.with_type(pa.string() if pa.types.is_null(found) else found)
            )
    return schema


def _as_frame(X: Any, y: Any) -> pd.DataFrame:
    """Join rows and their labels to one table."""
    if isinstance(X, Tensor) and X.dtype == torch.bfloat16:  # NumPy has no bfloat16
        X = X.float()
    frame = X.copy() if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)).add_prefix("x")
    name = getattr(y, "name", None)
    target = "label" if name is None else name
    if target in frame:
        raise InputError(
            f"the table has a column {target!r}, so the labels cannot have that name: rename it."
        )
    frame[target] = y.array if isinstance(y, pd.Series) else np.asarray(y)  # ignore its index
    return frame

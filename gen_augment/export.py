"""Synthetic rows to files: images as a folder of class folders, tables as CSV or Parquet."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from gen_augment.codecs import Codec, TableCodec
from gen_augment.errors import ArchiveError, InputError
from gen_augment.types import GeneratesRows

__all__ = ["check_new", "write_parts", "write_rows"]

SUFFIXES = (".csv", ".parquet")


def check_new(path: Path, kind: str) -> None:
    """Raise unless `path` is a place where rows of this kind can be written without touching what is there."""
    if kind == "table" and path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: tables are written to a {' or '.join(SUFFIXES)} file.")
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} is there already: name a new one, or remove it first.")


def write_rows(path: Path, X: Any, y: Any, sampler: GeneratesRows) -> None:
    """Write all rows `X` with labels `y` or nothing; see `write_parts`."""
    write_parts(path, [(X, y)], sampler)


def write_parts(path: Path, parts: Iterable[tuple[Any, Any]], sampler: GeneratesRows) -> None:
    """Write rows as they come, all of them or nothing: no more than one part is in memory.

    Parameters
    ----------
    path : Path
        A folder for images, which get the names ``LABEL/000000.png``; a ``.csv`` or ``.parquet`` file for tables, in
        which each part becomes a row group.
    parts : iterable of (X, y)
        Rows and labels from `sampler`, at least one part.
    sampler : fitted sampler
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise ArchiveError(
            f"cannot write {path}: {error.strerror}. Choose a folder that can be written."
        ) from error
    try:
        if sampler.codec_.kind == "image":
            _write_images(temporary / "rows", parts, sampler)
        elif path.suffix.lower() == ".csv":
            _write_csv(temporary / "rows.csv", parts)
        else:
            _write_parquet(temporary / "rows.parquet", parts, sampler.codec_)
        written = next(temporary.iterdir())
        if path.is_dir():
            path.rmdir()  # an empty one, as `check_new` found
        written.replace(path)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that no file can be named by
        raise ArchiveError(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_images(folder: Path, parts: Iterable[tuple[Any, Any]], sampler: GeneratesRows) -> None:
    number = 0
    made: set[Any] = set()
    for X, y in parts:
        labels = np.asarray(y)
        pixels = _as_bytes(X, sampler.codec_)
        for label in set(labels.tolist()) - made:
            _make_folder(folder / _safe_name(label))
            made.add(label)
        for image, label in zip(pixels, labels.tolist(), strict=True):
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
                folder / _safe_name(label) / f"{number:06d}.png"
            )
            number += 1


def _as_bytes(X: Any, codec: Any) -> np.ndarray:
    """Images as bytes, of shape (n, H, W, C).

    Numbers from 0 to 1 become 0 to 255, and of others the range of all channels together: each by itself would change
    colours.
    """
    first, last = min(codec.low), max(codec.high)
    if first >= 0 and last <= 1:
        first, last = 0.0, 1.0
    span = (last - first) or 1.0  # images of one value
    low, high = (
        torch.tensor([255 * (end - first) / span for end in ends], device="cpu")[:, None, None]
        for ends in (codec.low, codec.high)
    )
    pixels = low + (codec.encode(X) + 1) * ((high - low) / 2)
    return pixels.round().byte().permute(0, 2, 3, 1).numpy()  # type: ignore[no-any-return]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:  # where "a" and "A" name one folder
        raise InputError(
            f"label {path.name!r} and another one name the same folder on this disk: rename one of them."
        ) from error


def _safe_name(label: Any) -> str:
    """A label as the name of a folder; an archive must not choose where files go."""
    name = str(label)
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise InputError(f"label {name!r} cannot be the name of a folder.")
    return name


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
    """Types of columns, as the first rows have them and, where all values of one are missing, as were fitted."""
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
    """Rows and their labels as one table."""
    if isinstance(X, Tensor) and X.dtype == torch.bfloat16:  # NumPy has none
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

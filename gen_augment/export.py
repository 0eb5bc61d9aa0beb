"""Synthetic rows to files: images as a folder of class folders, tables as CSV or Parquet."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from gen_augment.errors import ArchiveError, InputError
from gen_augment.samplers import Sampler

__all__ = ["check_new", "write_rows"]

SUFFIXES = (".csv", ".parquet")


def check_new(path: Path, kind: str) -> None:
    """Raise unless `path` is a place where rows of this kind can be written without touching what is there."""
    if kind == "table" and path.suffix not in SUFFIXES:
        raise InputError(f"{path}: tables are written to a {' or '.join(SUFFIXES)} file.")
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} is there already: name a new one, or remove it first.")


def write_rows(path: Path, X: Any, y: Any, sampler: Sampler) -> None:
    """Write all rows or nothing.

    Parameters
    ----------
    path : Path
        A folder for images, which get the names ``LABEL/000000.png``; a ``.csv`` or ``.parquet`` file for tables.
    X, y : rows and labels from `sampler`
    sampler : Sampler
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise ArchiveError(f"cannot write {path}: {error.strerror}. Choose a folder that can be written.") from error
    try:
        if sampler.spec_.kind == "image":
            _write_images(temporary / "rows", X, np.asarray(y), sampler)
        else:
            _write_table(temporary / f"rows{path.suffix}", X, y)
        written = next(temporary.iterdir())
        if path.is_dir():
            path.rmdir()  # an empty one, as `check_new` found
        written.replace(path)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that no file can be named by
        raise ArchiveError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_images(folder: Path, X: Any, y: np.ndarray, sampler: Sampler) -> None:
    rows = sampler.codec_.encode(X)
    pixels = ((rows + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    for label in np.unique(y).tolist():
        (folder / _safe_name(label)).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(pixels, y.tolist(), strict=True)):
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
            folder / _safe_name(label) / f"{number:06d}.png"
        )


def _safe_name(label: Any) -> str:
    """A label as the name of a folder; an archive must not choose where files go."""
    name = str(label)
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise InputError(f"label {name!r} cannot be the name of a folder.")
    return name


def _write_table(path: Path, X: Any, y: Any) -> None:
    if isinstance(X, Tensor) and X.dtype == torch.bfloat16:  # NumPy has none
        X = X.float()
    frame = X.copy() if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)).add_prefix("x")
    name = getattr(y, "name", None)
    target = "label" if name is None else name
    if target in frame:
        raise InputError(f"the table has a column {target!r}, so the labels cannot have that name.")
    frame[target] = y if isinstance(y, pd.Series) else np.asarray(y)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.columns = frame.columns.astype(str)
        frame.to_parquet(path, index=False)

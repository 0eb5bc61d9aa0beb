"""Series in files: ``.ts`` of the time series archive at timeseriesclassification.com, ``.npz``."""

import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from gen_augment.errors import InputError
from gen_augment.modalities.series.forms import read_series

__all__ = ["SUFFIXES", "as_arrays", "read_file", "write_file"]

SUFFIXES = (".ts", ".npz")
#: What a label cannot contain in a ``.ts`` file.
_RESERVED = re.compile(r"[\s,:]|^$")


def as_arrays(X: Any) -> list[np.ndarray]:
    """Return series as arrays of shape (C, length), or (length,) if they have no such axis."""
    form, values, lengths = read_series(X)
    axis: Any = slice(None) if form.has_channels else 0
    return [row[axis, :n] for row, n in zip(values, lengths.tolist(), strict=True)]


def read_file(path: Path) -> tuple[Any, Any]:
    """Read labelled series.

    A ``.ts`` file gives labels as text. A ``.npz`` file has the arrays `X` of shape (n, C, L) or
    (n, L), `y`, and `lengths` where series are padded.

    Returns
    -------
    X : ndarray of shape (n, C, L), or list of arrays of shape (C, length) if lengths differ
    y : ndarray of shape (n,)

    Raises
    ------
    InputError
        The file is damaged, or has no labels.
    """
    return _read_ts(path) if path.suffix.lower() == ".ts" else _read_npz(path)


def write_file(path: Path, parts: Iterator[tuple[Sequence[np.ndarray], Any]]) -> None:
    """Write series, as `as_arrays` returns them, and labels that arrive in parts."""
    (_write_ts if path.suffix.lower() == ".ts" else _write_npz)(path, parts)


def _read_ts(path: Path) -> tuple[Any, Any]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # some editors write a BOM
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file: {error.reason}.") from error
    header, rows, labels = {}, [], []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("@"):
            key, value = [*text[1:].split(maxsplit=1), "", ""][:2]
            header[key.lower()] = value.lower()
        elif text and not text.startswith("#"):
            _check_header(path, header)
            *channels, label = text.split(":")
            rows.append(_read_line(path, number, channels, label.strip()))
            labels.append(label.strip())
    if not rows:
        raise InputError(f"{path} has no series: a .ts file has lines of numbers after @data.")
    shapes = {row.shape for row in rows}
    return (np.stack(rows) if len(shapes) == 1 else rows), np.array(labels)


def _check_header(path: Path, header: dict[str, str]) -> None:
    if "data" not in header:
        raise InputError(f"{path} is not a .ts file: it has no line @data before the numbers.")
    if not header.get("classlabel", "false").startswith("true"):
        raise InputError(f"{path} has no class labels: its header does not say @classLabel true.")
    if header.get("timestamps", "false") == "true":
        raise InputError(f"{path} has time stamps: write the values alone, one for each step.")


def _read_line(path: Path, number: int, channels: Sequence[str], label: str) -> np.ndarray:
    try:
        # "?" marks a missing step.
        values = [[float(v) for v in c.replace("?", "nan").split(",")] for c in channels]
        if not values or not label:
            raise ValueError("no label after a colon")
        return np.array(values)
    except ValueError as error:
        raise InputError(f"{path}, line {number}: {error}.") from error


def _read_npz(path: Path) -> tuple[Any, Any]:
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, NpzFile):
            raise ValueError("it is a single array, as in a .npy file")
        with stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} cannot be read as a .npz file of arrays of numbers and strings: write it "
            "with numpy.savez(path, X=X, y=y)."
        ) from error
    if not {"X", "y"} <= set(arrays):
        raise InputError(f"{path} has the arrays {sorted(arrays)}: it needs X and y.")
    X, y, lengths = arrays["X"], arrays["y"], arrays.get("lengths")
    if X.ndim < 2 or y.ndim != 1 or not len(X):
        raise InputError(
            f"{path} has X of shape {X.shape} and y of shape {y.shape}: X has one series in each "
            "row, and y one label for each."
        )
    if len(X) != len(y):
        raise InputError(f"{path} has {len(X)} series and {len(y)} labels: they must be as many.")
    if lengths is not None and (
        lengths.shape != y.shape
        or lengths.dtype.kind not in "iu"
        or lengths.min() < 1
        or lengths.max() > X.shape[-1]
    ):
        raise InputError(
            f"{path} has lengths of shape {lengths.shape} and dtype {lengths.dtype}: give a whole "
            f"number from 1 to {X.shape[-1]} for each of the {len(X)} series."
        )
    if lengths is None or (lengths == X.shape[-1]).all():
        return X, y
    return [row[..., :n] for row, n in zip(X, lengths.tolist(), strict=True)], y


def _write_ts(path: Path, parts: Iterator[tuple[Sequence[np.ndarray], Any]]) -> None:
    # The header names all classes, so lines are written to a file of their own first.
    body, classes, lengths, n_channels = path.with_suffix(".lines"), set(), set(), 1
    with body.open("w", encoding="utf-8") as stream:
        for X, y in parts:
            for series, label in zip(X, map(str, np.asarray(y).tolist()), strict=True):
                if _RESERVED.search(label):
                    raise InputError(
                        f"the label {label!r} cannot be in a .ts file, where spaces, commas and "
                        "colons separate labels: write a .npz file."
                    )
                series = np.atleast_2d(series)
                series = series.astype(int) if series.dtype == bool else series
                classes.add(label)
                lengths.add(series.shape[1])
                n_channels = len(series)
                channels = [",".join(map(repr, channel.tolist())) for channel in series]
                stream.write(":".join([*channels, label]) + "\n")
    with path.open("w", encoding="utf-8") as stream:
        stream.write(
            "@problemName synthetic\n@timeStamps false\n@missing false\n"
            f"@univariate {str(n_channels == 1).lower()}\n@dimensions {n_channels}\n"
            f"@equalLength {str(len(lengths) == 1).lower()}\n"
        )
        if len(lengths) == 1:
            stream.write(f"@seriesLength {lengths.pop()}\n")
        stream.write(f"@classLabel true {' '.join(sorted(classes))}\n@data\n")
        with body.open(encoding="utf-8") as written:
            shutil.copyfileobj(written, stream)
    body.unlink()


def _write_npz(path: Path, parts: Iterator[tuple[Sequence[np.ndarray], Any]]) -> None:
    rows: list[np.ndarray] = []
    labels = []
    for X, y in parts:
        rows.extend(X)
        labels.append(np.asarray(y))
    lengths = np.array([row.shape[-1] for row in rows])
    values = np.zeros((len(rows), *rows[0].shape[:-1], int(lengths.max())), rows[0].dtype)
    for row, out in zip(rows, values, strict=True):
        out[..., : row.shape[-1]] = row
    np.savez_compressed(path, X=values, y=np.concatenate(labels), lengths=lengths)

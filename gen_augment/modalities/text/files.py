"""Texts in CSV, TSV, Parquet and JSON Lines files, and in folders of folders of .txt files."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.csv_text import read_text
from gen_augment.modalities.table.file_format import TEXT_SUFFIXES, TableFile
from gen_augment.modalities.table.writing import write_table
from gen_augment.modalities.text.forms import SUFFIXES
from gen_augment.user_warnings import warn

__all__ = ["read_text_file", "read_text_folder", "write_text_file"]

#: The two columns, and how a user names them.
_TEXT = "texts, with --text or modality=Text(column=...)"
_TARGET = "labels, with --target or as y"


def read_text_file(
    path: Path, column: str | None, target: str | None, file: TableFile
) -> tuple["pd.Series[Any]", "pd.Series[Any]", TableFile, list[str]]:
    """Read the columns of texts and of labels.

    Returns
    -------
    X, y : Series
    file : TableFile
        `file` with the separator and the encoding that were found.
    notes : list of str

    Raises
    ------
    InputError
        The file cannot be read, or a column is missing or not named.
    """
    suffix, notes = path.suffix.lower(), list[str]()
    try:
        if suffix in TEXT_SUFFIXES:
            frame, file, notes = read_text(path, file)
        elif suffix in SUFFIXES:
            frame = pd.read_parquet(path) if suffix == ".parquet" else _read_lines(path)
        else:
            raise InputError(
                f"{path}: texts are in a file of {', '.join(SUFFIXES)}, or a folder of one folder "
                "of .txt files for each class."
            )
    except InputError:
        raise
    except (ValueError, OSError, NotImplementedError) as error:  # errors of the parsers
        raise InputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error
    names = ", ".join(map(str, frame.columns))
    for how, name in ((_TEXT, column), (_TARGET, target)):
        if name is None or name not in frame:
            asked = f"name the column of {how}" if name is None else f"there is no column {name!r}"
            raise InputError(f"{path}: {asked}; columns: {names}.")
    if column == target:
        raise InputError(f"{path}: {column!r} cannot be the texts and the labels at once.")
    if frame.empty:
        raise InputError(f"{path} has no rows.")
    if (absent := frame[column].isna()).any():
        raise InputError(
            f"{path}: {int(absent.sum())} of {len(absent)} rows have no {column!r}, the first is "
            f"row {int(np.argmax(absent)) + 1}: drop them, or fill in an empty string."
        )
    y = frame[target]
    missing = np.flatnonzero(y.isna() | (y == ""))
    if len(missing):
        raise InputError(
            f"{path}: {len(missing)} of {len(y)} rows have no {target!r}, the first is row "
            f"{missing[0] + 1}, {frame[column].iloc[missing[0]]!r:.60}: drop or label them."
        )
    if suffix in TEXT_SUFFIXES and (empty := (frame[column] == "")).any():
        first = int(np.argmax(empty)) + 1
        notes.append(
            f"{int(empty.sum())} of {len(empty)} texts are empty, the first in row {first}"
        )
    for row, label in enumerate(y):
        if isinstance(label, (list, dict)):  # of JSON
            raise InputError(
                f"{path}: row {row + 1} has {label!r} as {target!r}: a row has one label, a string "
                "or a number."
            )
    if suffix in TEXT_SUFFIXES and y.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
        y = y.astype(np.int64)
    return frame[column], y, file, notes


def _read_lines(path: Path) -> pd.DataFrame:
    """Read a file with one JSON object in each line."""
    records = []
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}: line {number} is no JSON: {error}.") from error
            if not isinstance(record, dict):
                raise InputError(f"{path}: line {number} is not a JSON object.")
            records.append(record)
    return pd.DataFrame(records)


def read_text_folder(folder: Path) -> tuple[list[str], list[str]]:
    """Read texts and the names of their class folders, in order of names.

    Raises
    ------
    InputError
        There are no class folders with .txt files, or a file is not in UTF-8.
    """
    texts, labels, without = [], [], []
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        files = sorted(path for path in entry.rglob("*.txt") if not path.name.startswith("."))
        if not files:
            without.append(entry)
        for path in files:
            try:
                texts.append(path.read_bytes().decode("utf-8-sig"))
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{path} cannot be read as UTF-8: {error}.") from error
            labels.append(entry.name)
    if not texts:
        raise InputError(f"{folder} has no folders with .txt files, one folder for each class.")
    for entry in without:  # a folder without any text may hold other rows
        warn(f"{entry} has no .txt files and is left out.")
    return texts, labels


def write_text_file(
    path: Path,
    parts: Iterable[tuple[Any, Any]],
    read: Callable[[Any], list[str]],
    name: str,
    file: TableFile,
) -> None:
    """Write texts and labels that arrive in parts; the suffix of `path` says the format."""
    frames = ((pd.DataFrame({name: read(X)}, dtype=str), y) for X, y in parts)
    if path.suffix.lower() != ".jsonl":
        write_table(path, frames, file, {}, quote_strings=True)
        return
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(_lines(frames))


def _lines(frames: Iterable[tuple[pd.DataFrame, Any]]) -> Iterator[str]:
    for X, y in frames:
        target = getattr(y, "name", None) or "label"
        (name,) = X.columns
        for text, label in zip(X[name], np.asarray(y).tolist(), strict=True):
            yield json.dumps({name: text, target: label}, ensure_ascii=False) + "\n"

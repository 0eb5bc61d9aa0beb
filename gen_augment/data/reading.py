"""Rows and labels from what users have: arrays, a labelled `Dataset`, or a folder of files."""

import os
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from gen_augment.containers import UNREADABLE, library_of
from gen_augment.data.frames import is_column, read_frames
from gen_augment.data.streams import open_stream, read_all, stack_if_equal, stack_pairs
from gen_augment.errors import InputError
from gen_augment.modalities import Modality, get_modality, registered
from gen_augment.modalities.class_folders import listed
from gen_augment.modalities.file_rows import LEFT_OUT, FileRows
from gen_augment.user_warnings import warn

__all__ = ["able_to_read", "holds_parquet", "part_folders", "read_path", "read_rows"]

#: Names of folders that hold a test part, the first of which is taken.
TEST_FOLDERS = ("test", "testing", "val", "valid", "validation")


def read_rows(X: Any, y: Any, modality: str | Modality | None = None) -> tuple[Any, Any]:
    """Return rows and labels as two collections.

    Labels of a folder are the names of its class folders. Labels of a Dataset are those that it
    gives, so that synthetic rows have the labels of the batches that they are added to: class
    numbers for torchvision's `ImageFolder`, whose names are in its `classes`.

    Parameters
    ----------
    X : array, DataFrame, list, Dataset of (x, label), path of a folder of class folders, or a
        stream, see `gen_augment.data.streams.open_stream`
    y : array of shape (n_samples,), column name or None
        None if `X` brings its own labels.
    modality : str, Modality or None
        What a folder or a Dataset holds; None for the first modality that can read a folder.

    Raises
    ------
    InputError
        `y` is missing or given twice, or `X` cannot be read; the message lists the first 10 rows of
        a Dataset that cannot.
    """
    is_path = isinstance(X, (str, os.PathLike))
    if is_path and (y is None or isinstance(y, str)):
        X, y = read_path(X, y, modality)[:2]
        is_path = False
    if isinstance(X, (set, frozenset)):
        raise InputError("X is a set, whose rows have no order: give a list.")
    if (stream := open_stream(X, y)) is not None:
        return read_all(stream)
    if not is_path and isinstance(y, str) and (library_of(X) != "datasets" or is_column(X)):
        raise InputError(
            f"y={y!r} is one string: only files and Hugging Face Datasets have a column of that "
            "name. Give labels, such as "
            f"fit(X.drop(columns={y!r}), X[{y!r}])."
        )
    X, y = read_frames(X, y)
    if isinstance(X, DataLoader):
        raise InputError(
            "X is a DataLoader: give its .dataset, so that rows are read once and in order."
        )
    if not is_path and not isinstance(X, Dataset):
        if y is None:
            raise InputError(
                "This estimator requires y to be passed, but the target y is None: give one label "
                "for each row."
            )
        return X, y
    if y is not None:
        what = "folder of class folders" if is_path else "Dataset"
        raise InputError(f"X is a {what}, which brings its own labels, so y must be None.")
    return _unzip(X, None if modality is None else get_modality(modality))


def read_path(
    path: str | os.PathLike[str], target: str | None, modality: str | Modality | None = None
) -> tuple[Any, Any, Modality]:
    """Return rows and labels of a folder or a file, and their modality.

    A folder of Parquet files is returned as an Arrow dataset and the name of its labels.

    Parameters
    ----------
    path : path-like
    target : str, optional
        Column of the labels in a file or a folder of Parquet files; None for class folders.
    modality : str, Modality or None

    Raises
    ------
    InputError
        `modality`, or every known one, cannot read it, or the column is not named.
    """
    path = Path(path)
    known = [made() for made in registered().values()]
    candidates = known if modality is None else [get_modality(modality)]
    candidates = able_to_read(path, target, candidates)
    if path.is_file() or holds_parquet(path, target):
        return _read_file(path, target, candidates)
    if target is not None:
        what = "is a folder, whose labels are its folders" if path.is_dir() else "does not exist"
        raise InputError(f"{str(path)!r} {what}, and y={target!r} names the column of a file.")
    path = _training_part(path)
    for candidate in candidates:
        found = candidate.open_path(path)
        if found is not None:
            X, y, read_as = (*found, None)[:3]
            return X, y, read_as or candidate
    names = " or ".join(candidate.name for candidate in candidates)
    raise InputError(f"{str(path)!r} is not a folder of one folder of {names} rows for each class.")


def _read_file(
    path: Path, target: str | None, candidates: list[Modality]
) -> tuple[Any, Any, Modality]:
    if target is None:
        for candidate in candidates:
            if (own := candidate.open_path(path)) is not None:
                return own[0], own[1], candidate
        raise InputError(
            f"{str(path)!r} is a file, and its column of labels is not known: give it as y, "
            f'fit({path.name!r}, "COLUMN"), or read it with pandas and give X and y.'
        )
    errors = []
    for candidate in candidates:
        try:
            found = candidate.read(path, target)
        except InputError as error:  # another modality may know a file of this suffix
            errors.append(error)
            continue
        if found is not None:
            rows = FileRows(*found)
            gone = [each.column for each in rows.report if each.reading == LEFT_OUT]
            said = list(rows.notes)
            if gone:
                keep = f"{type(rows.modality or candidate).__name__}({{{gone[0]!r}: 'category'}})"
                said.append(
                    f"columns that identify single rows are left out: {', '.join(gone)} "
                    f"(modality={keep} keeps the values)"
                )
            if said:
                warn(f"{path}: {'; '.join(said)}.")
            return rows.X, rows.y, rows.modality or candidate
    names = " or ".join(candidate.name for candidate in candidates)
    raise errors[0] if errors else InputError(f"{str(path)!r} is no file of {names} rows.")


def holds_parquet(path: Path, target: str | None) -> bool:
    """Return whether a path is a folder of Parquet files that has a column of labels."""
    return target is not None and path.is_dir() and any(path.rglob("*.parquet"))


def able_to_read(path: Path, target: str | None, candidates: list[Modality]) -> list[Modality]:
    """Return the modalities that may read a path: those with Parquet files if it holds such."""
    if not holds_parquet(path, target):
        return candidates
    return [each for each in candidates if ".parquet" in each.suffixes] or candidates


def part_folders(path: Path) -> tuple[Path | None, list[Path]]:
    """Return the folder of the training part and those of other parts, if a folder has both.

    Their names are ``train`` or ``training``, and ``test``, ``val`` and the like, in any case.
    """
    if not path.is_dir():
        return None, []
    found = {child.name.lower(): child for child in sorted(path.iterdir()) if child.is_dir()}
    train = found.get("train") or found.get("training")
    others = [found[name] for name in TEST_FOLDERS if name in found]
    return (train, others) if train and others else (None, [])


def _training_part(path: Path) -> Path:
    train, others = part_folders(path)
    if train is None:
        return path
    names = " and ".join(f"{other.name}/" for other in others)
    warn(f"{path}: {train.name}/ is read, and {names} left out: they are parts, and no classes.")
    return train


def _unzip(dataset: Dataset[Any], modality: Modality | None) -> tuple[Any, Any]:
    name = type(dataset).__name__
    if not hasattr(dataset, "__len__"):
        raise InputError(f"{name} has no length: fitting needs __len__, or an IterableDataset.")
    if len(dataset) == 0:
        raise InputError(f"{name} has no rows.")
    pairs: list[tuple[int, Any]] = []
    errors: list[str] = []
    for number in range(len(dataset)):
        try:
            pair = dataset[number]
            if modality is not None and isinstance(pair, (tuple, list)) and len(pair) == 2:
                pair = modality.gather([pair[0]])[0], pair[1]
        except UNREADABLE as error:
            errors.append(f"{_row_name(dataset, number)}: {error}")
            continue
        pairs.append((number, pair))
    if errors:
        raise InputError(
            f"{name} has {len(errors)} row(s) that cannot be read. Replace or remove them, or "
            f"leave them out with torch.utils.data.Subset:\n{listed(errors)}"
        )
    rows, labels = stack_pairs(pairs, name)
    return stack_if_equal(rows), labels


def _row_name(dataset: Any, number: int) -> str:
    """Return the number of a row, and its file in a folder of torchvision."""
    try:
        return f"row {number} ({os.fspath(dataset.samples[number][0])})"
    except (AttributeError, LookupError, TypeError):
        return f"row {number}"

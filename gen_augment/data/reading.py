"""Rows and labels from what users have: arrays, a labelled `Dataset`, or a folder of files."""

import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from gen_augment.containers import stack_rows
from gen_augment.data.frames import read_frames
from gen_augment.errors import InputError
from gen_augment.modalities import Modality, get_modality, registered

__all__ = ["part_folders", "read_folder", "read_rows"]

#: Names of folders that hold a test part, the first of which is taken.
TEST_FOLDERS = ("test", "testing", "val", "valid", "validation")


def read_rows(X: Any, y: Any, modality: str | Modality | None = None) -> tuple[Any, Any]:
    """Return rows and labels as two collections.

    Labels of a folder are the names of its class folders. Labels of a Dataset are those that it
    gives, so that synthetic rows have the labels of the batches that they are added to: class
    numbers for torchvision's `ImageFolder`, whose names are in its `classes`.

    Parameters
    ----------
    X : array, DataFrame, list, Dataset of (x, label), or path of a folder of class folders
    y : array of shape (n_samples,) or None
        None if `X` brings its own labels.
    modality : str, Modality or None
        What a folder holds; None for the first modality that can read it.

    Raises
    ------
    InputError
        `y` is missing or given twice, or `X` cannot be read.
    """
    X, y = read_frames(X, y)
    if isinstance(X, DataLoader):
        raise InputError(
            "X is a DataLoader: give its .dataset, so that rows are read once and in order."
        )
    is_folder = isinstance(X, (str, os.PathLike))
    if not is_folder and not isinstance(X, Dataset):
        if y is None:
            raise InputError(
                "This estimator requires y to be passed, but the target y is None: give one label "
                "for each row."
            )
        return X, y
    if y is not None:
        what = "folder of class folders" if is_folder else "Dataset"
        raise InputError(f"X is a {what}, which brings its own labels, so y must be None.")
    return read_folder(X, modality)[:2] if is_folder else _unzip(X)


def read_folder(
    path: str | os.PathLike[str], modality: str | Modality | None = None
) -> tuple[Any, Any, Modality]:
    """Return rows and labels of a folder of class folders, and the modality that read them.

    Raises
    ------
    InputError
        `modality`, or every known one, cannot read the folder.
    """
    path = _training_part(Path(path))
    known = [made() for made in registered().values()]
    candidates = known if modality is None else [get_modality(modality)]
    for candidate in candidates:
        found = candidate.open_folder(Path(path))
        if found is not None:
            X, y, read_as = (*found, None)[:3]
            return X, y, read_as or candidate
    names = " or ".join(candidate.name for candidate in candidates)
    raise InputError(f"{str(path)!r} is not a folder of one folder of {names} rows for each class.")


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
    warnings.warn(
        f"{path}: {train.name}/ is read, and {names} left out: they are parts, and no classes.",
        stacklevel=4,
    )
    return train


def _unzip(dataset: Dataset[Any]) -> tuple[Any, Any]:
    name = type(dataset).__name__
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise InputError(
            f"{name} is an iterable Dataset: fitting needs a map-style one with a length."
        )
    if len(dataset) == 0:
        raise InputError(f"{name} has no rows.")
    rows, labels = [], []
    for number in range(len(dataset)):
        pair = dataset[number]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(
                f"row {number} of {name} is a {type(pair).__name__}: rows must be (x, label) pairs."
            )
        rows.append(pair[0])
        labels.append(pair[1])
    return _stack_if_equal(rows), _stack_labels(labels)


def _stack_if_equal(rows: list[Any]) -> Any:
    try:
        return stack_rows(rows)
    except InputError:  # of several shapes, which some modalities read
        return rows


def _stack_labels(labels: list[Any]) -> Any:
    if not all(isinstance(label, torch.Tensor) for label in labels):
        return labels
    for number, label in enumerate(labels):
        if label.numel() != 1:
            raise InputError(
                f"the label of row {number} has shape {tuple(label.shape)}: give one class label "
                "for each row."
            )
    return torch.stack([label.reshape(()) for label in labels])

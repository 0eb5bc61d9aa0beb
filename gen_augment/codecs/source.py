"""Rows and labels out of what users have: arrays, a labelled `Dataset`, a folder of class folders."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision.datasets import ImageFolder

from gen_augment.errors import InputError

__all__ = ["concatenate", "open_image", "read_rows", "stack_rows", "take"]


def open_image(path: str) -> Image.Image:
    """Open an image file: grey stays grey, all else becomes RGB, as in torchvision's own loader.

    Raises
    ------
    InputError
        The file is no image, is cut short, or holds numbers of more than 8 bits.
    """
    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode[0] not in "IF":
                return image.copy() if mode == "L" else image.convert("RGB")
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # what PIL's readers raise
        raise InputError(
            f"{path} cannot be read as an image: {error}. Replace or remove it."
        ) from error
    raise InputError(
        f"{path} is an image of mode {mode!r}, whose numbers PIL would cut off at 255: scale it to 8 bits, or give the "
        "images as arrays."
    )


def read_rows(X: Any, y: Any) -> tuple[Any, Any]:
    """Return X and y as separate collections of rows.

    Parameters
    ----------
    X : array, DataFrame, list, Dataset of (x, label), or path of a folder of class folders
    y : array of shape (n_samples,) or None
        None where `X` brings its own labels.

    Raises
    ------
    InputError
        `y` is missing, given twice, or `X` is something else.
    """
    if isinstance(X, (str, os.PathLike)):
        X = _folder(X)
    if isinstance(X, DataLoader):
        raise InputError(
            "X is a DataLoader: give its .dataset, so that rows are read once and in order."
        )
    if not isinstance(X, Dataset):
        if y is None:
            raise InputError(
                "This estimator requires y to be passed, but the target y is None: give one label for each row."
            )
        return X, y
    if y is not None:
        raise InputError("X is a Dataset, which brings its own labels, so y must be None.")
    return _unzip(X)


def stack_rows(X: Any) -> Any:
    """Rows that come in a list as one array or tensor; PIL images, and all else, as they are.

    Raises
    ------
    InputError
        The rows differ in shape.
    """
    if not isinstance(X, (list, tuple)) or any(isinstance(row, Image.Image) for row in X):
        return X
    if not X:
        return np.empty((0, 0))
    if all(isinstance(row, torch.Tensor) for row in X):
        _check_shapes(X)
        return torch.stack([row.detach().as_subclass(torch.Tensor) for row in X])
    rows = [_as_array(row, number) for number, row in enumerate(X)]
    _check_shapes(rows)
    return np.stack(rows)


def take(X: Any, index: np.ndarray) -> Any:
    """Rows `index` of `X`, in the container it is."""
    if isinstance(X, (pd.DataFrame, pd.Series)):
        return X.iloc[index].reset_index(drop=True)
    if isinstance(X, (list, tuple)):
        return [X[i] for i in index]
    return X[torch.from_numpy(index)] if isinstance(X, torch.Tensor) else X[index]


def concatenate(parts: Sequence[Any]) -> Any:
    """Rows of all `parts`, one after the other, in the container of the first."""
    first = parts[0]
    if isinstance(first, pd.DataFrame):
        return pd.concat(parts, ignore_index=True)
    if isinstance(first, torch.Tensor):
        return torch.cat(list(parts))
    if isinstance(first, np.ndarray):
        return np.concatenate(parts, dtype=first.dtype)  # its byte order too
    return [row for part in parts for row in part]


def _as_array(row: Any, number: int) -> np.ndarray:
    if isinstance(row, torch.Tensor):
        row = row.detach().cpu()
    try:
        return np.asarray(row)
    except ValueError as error:
        raise InputError(f"row {number} of X is no array: {error}") from error


def _check_shapes(rows: Sequence[Any]) -> None:
    shapes = {tuple(row.shape) for row in rows}
    if len(shapes) > 1:
        raise InputError(
            f"the rows of X have different shapes, such as {sorted(shapes)[:4]}: bring them to one first, those of a "
            "Dataset with a transform."
        )


def _folder(path: str | os.PathLike[str]) -> ImageFolder:
    try:
        return ImageFolder(path, loader=open_image)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{os.fspath(path)!r} is not a folder of one folder of images for each class: {error}"
        ) from error


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
    return stack_rows(rows), _stack_labels(labels)


def _stack_labels(labels: list[Any]) -> Any:
    if not all(isinstance(label, torch.Tensor) for label in labels):
        return labels
    for number, label in enumerate(labels):
        if label.numel() != 1:
            raise InputError(
                f"the label of row {number} has shape {tuple(label.shape)}: give one class label a row."
            )
    return torch.stack([label.reshape(()) for label in labels])

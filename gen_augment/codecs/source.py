"""Rows and labels out of what users have: arrays, a labelled `Dataset`, a folder of class folders."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder

from gen_augment.errors import InputError

__all__ = ["open_image", "read_rows"]


def open_image(path: str) -> Image.Image:
    """Open an image file: grey stays grey, all else becomes RGB, as in torchvision's own loader."""
    with Image.open(path) as image:
        return image.copy() if image.mode == "L" else image.convert("RGB")


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
        raise InputError("X is a DataLoader: give its .dataset, so that rows are read once and in order.")
    if not isinstance(X, Dataset):
        if y is None:
            raise InputError(
                "This estimator requires y to be passed, but the target y is None: give one label for each row."
            )
        return X, y
    if y is not None:
        raise InputError("X is a Dataset, which brings its own labels, so y must be None.")
    return _unzip(X)


def _folder(path: str | os.PathLike[str]) -> ImageFolder:
    try:
        return ImageFolder(path, loader=open_image)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{os.fspath(path)!r} is not a folder of one folder of images for each class: {error}"
        ) from error


def _unzip(dataset: Dataset[Any]) -> tuple[Any, Any]:
    if not hasattr(dataset, "__len__"):
        raise InputError(
            f"{type(dataset).__name__} is an iterable Dataset: fitting needs a map-style one with a length."
        )
    if len(dataset) == 0:
        raise InputError(f"{type(dataset).__name__} has no rows.")
    first = dataset[0]
    if not isinstance(first, (tuple, list)) or len(first) != 2:
        raise InputError(f"rows of {type(dataset).__name__} must be (x, label) pairs, got {type(first).__name__}.")
    rows, labels = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
    if isinstance(labels[0], torch.Tensor):
        return _collect(rows), torch.stack([label.reshape(()) for label in labels])
    return _collect(rows), list(labels)


def _collect(rows: Iterable[Any]) -> Any:
    rows = list(rows)
    if not isinstance(rows[0], (torch.Tensor, np.ndarray)):
        return rows
    shapes = {tuple(row.shape) for row in rows}
    if len(shapes) > 1:
        raise InputError(
            f"the Dataset gives rows of different shapes, {sorted(shapes)[:4]}: add a transform that resizes them."
        )
    if isinstance(rows[0], torch.Tensor):
        return torch.stack([row.as_subclass(torch.Tensor) for row in rows])
    return np.stack(rows)

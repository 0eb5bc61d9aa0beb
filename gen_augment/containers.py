"""The containers that rows come in: arrays, tensors, DataFrames, and lists of anything."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from gen_augment.errors import InputError

__all__ = ["concatenate", "is_pil", "stack_rows", "take"]


def is_pil(row: Any) -> bool:
    """Whether a row is a PIL image."""
    return isinstance(row, Image.Image)


def stack_rows(X: Any) -> Any:
    """Rows that come in a list as one array or tensor; lists of PIL images or strings, and all else, as they are.

    Raises
    ------
    InputError
        The rows differ in shape.
    """
    if not isinstance(X, (list, tuple)) or any(isinstance(row, (Image.Image, str)) for row in X):
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

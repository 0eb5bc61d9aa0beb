"""Hashes of rows by value; equal rows of different dtypes have equal hashes."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from gen_augment.archive import digest

__all__ = ["array_digests", "frame_digests"]


def array_digests(X: Any) -> np.ndarray:
    """Hash each row of an array, a tensor or a list of images: ndarray of shape (n,).

    Examples
    --------
    >>> integers, floats = np.array([[1, 2]]), np.array([[1.0, 2.0]])
    >>> bool((array_digests(integers) == array_digests(floats)).all())
    True
    """
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().double().numpy()
    return np.array([_digest(row) for row in X], dtype="<U32")


def frame_digests(X: pd.DataFrame) -> np.ndarray:
    """Hash each row of a DataFrame: numbers by value, other columns as text."""
    numeric = np.array([dtype.kind in "biuf" for dtype in X.dtypes])  # categories have "O"
    numbers = X.loc[:, numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    others = X.loc[:, ~numeric]
    text = others.astype(object).where(others.notna(), None).to_numpy()
    return np.array(
        [_digest(row, rest) for row, rest in zip(numbers, text, strict=True)], dtype="<U32"
    )


def _digest(row: Any, text: Any = ()) -> str:
    values = np.asarray(row, dtype=np.float64) + 0  # -0.0 becomes 0.0
    values[np.isnan(values)] = np.nan  # NaNs may differ in their bits
    tail = repr(tuple(text)).encode() if len(text) else b""
    return digest(values.tobytes() + tail)

"""Tables of finite numbers alone: their values as float64, and back."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import converted_from, to_library, unmasked
from gen_augment.modalities.table.dtypes import numpy_dtype
from gen_augment.modalities.table.steps import MAX_INT, Steps

__all__ = ["find_steps", "like_numbers", "plain_numbers"]

#: The square of a larger float overflows, and with it the distance of two rows.
MAX_FLOAT = 1e150


def plain_numbers(X: Any) -> np.ndarray | None:
    """Return the values of a table of finite numbers; None for any other table.

    Numbers that float64 cannot hold are left to the codec, which names their column.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float64, or None
    """
    if isinstance(X, pd.DataFrame):
        named = all(isinstance(name, (str, int, np.integer)) for name in X.columns)
        dense = not any(isinstance(dtype, pd.SparseDtype) for dtype in X.dtypes)
        numbers = all(dtype.kind in "iuf" for dtype in X.dtypes)
        if not (X.columns.is_unique and named and dense and numbers):
            return None
        values = X.to_numpy(dtype=np.float64, na_value=np.nan)
    elif isinstance(X, Tensor):
        if X.layout != torch.strided or X.dtype == torch.bool or X.is_complex():
            return None
        values = X.detach().cpu().double().numpy()
    elif isinstance(X, np.ndarray) and X.dtype.kind in "iuf":
        values = unmasked(X).astype(np.float64, copy=False)
    else:
        return None
    if values.ndim != 2 or not values.size:
        return None
    largest = np.abs(values).max(axis=0)  # NaN where a value is missing
    limits = [MAX_INT - 1 if d.kind in "iu" else MAX_FLOAT for d in _dtypes(X, values.shape[1])]
    return values if (largest <= limits).all() else None


def find_steps(X: Any, values: np.ndarray, continuous: set[Any]) -> list[Steps | None]:
    """Return the step of each column, None for those that have none or are `continuous`."""
    names = list(X.columns) if isinstance(X, pd.DataFrame) else range(values.shape[1])
    columns = zip(names, values.T, _dtypes(X, values.shape[1]), strict=True)
    steps = []
    for name, column, dtype in columns:
        whole = Steps(0, 1) if dtype.kind in "iu" else None
        steps.append(whole if name in continuous else Steps.find(column, dtype))
    return steps


def like_numbers(X: Any, values: np.ndarray, steps: list[Steps | None]) -> Any:
    """Return numbers on their steps, in the container and the dtypes of `X`."""
    for i, step in enumerate(steps):
        if step is not None:
            values[:, i] = step.nearest(values[:, i])
    if isinstance(X, pd.DataFrame):
        columns = {i: pd.array(values[:, i], dtype=dtype) for i, dtype in enumerate(X.dtypes)}
        return to_library(pd.DataFrame(columns).set_axis(X.columns, axis=1), converted_from(X))
    if isinstance(X, Tensor):
        return torch.from_numpy(values).to(X.dtype)
    return values.astype(X.dtype, copy=False)


def _dtypes(X: Any, n: int) -> "list[np.dtype[Any]]":
    """Return NumPy dtypes that hold the numbers of each of `n` columns."""
    if isinstance(X, pd.DataFrame):
        return [numpy_dtype(dtype) for dtype in X.dtypes]
    if isinstance(X, Tensor):  # NumPy has no bfloat16
        dtype = torch.float32 if X.dtype == torch.bfloat16 else X.dtype
        return [torch.empty(0, dtype=dtype).numpy().dtype] * n
    return [X.dtype] * n

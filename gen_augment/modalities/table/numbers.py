"""Tables of finite numbers alone: their values as float64, and back."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.modalities.table.columns import LARGEST_INT

__all__ = ["like_numbers", "plain_numbers"]


def plain_numbers(X: Any) -> np.ndarray | None:
    """Return the values of a table of finite numbers; None for any other table.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float64, or None
    """
    if isinstance(X, pd.DataFrame):
        names = all(isinstance(name, (str, int, np.integer)) for name in X.columns)
        plain = [
            dtype.kind in "iuf" and not isinstance(dtype, pd.SparseDtype) for dtype in X.dtypes
        ]
        if not (X.columns.is_unique and names and all(plain)):
            return None
        values = X.to_numpy(dtype=np.float64, na_value=np.nan)
        whole = any(dtype.kind in "iu" for dtype in X.dtypes)
    elif isinstance(X, Tensor):
        if X.layout != torch.strided or X.dtype == torch.bool or X.is_complex():
            return None
        values, whole = X.detach().cpu().double().numpy(), not X.is_floating_point()
    elif isinstance(X, np.ndarray) and X.dtype.kind in "iuf":
        values, whole = X.astype(np.float64, copy=False), X.dtype.kind in "iu"
    else:
        return None
    if values.ndim != 2 or not values.size:
        return None
    # NaN and infinity fail the comparison; so do numbers whose differences are not exact.
    limit = LARGEST_INT if whole else np.finfo(np.float64).max / 2
    return values if max(values.max(), -values.min()) <= limit else None


def like_numbers(X: Any, values: np.ndarray) -> Any:
    """Return `values` in the container and the dtypes of `X`."""
    if isinstance(X, pd.DataFrame):
        columns = {
            i: pd.array(np.rint(values[:, i]) if dtype.kind in "iu" else values[:, i], dtype=dtype)
            for i, dtype in enumerate(X.dtypes)
        }
        return pd.DataFrame(columns).set_axis(X.columns, axis=1)
    if isinstance(X, Tensor):
        made = torch.from_numpy(values)
        return (made if X.is_floating_point() else made.round()).to(X.dtype)
    return (np.rint(values) if X.dtype.kind in "iu" else values).astype(X.dtype, copy=False)

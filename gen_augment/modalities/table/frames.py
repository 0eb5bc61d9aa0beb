"""Tables as named columns, from DataFrames, arrays and Tensors."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_array
from torch import Tensor

from gen_augment.containers import as_pandas, unmasked
from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import MISSING_VALUES, missing_name
from gen_augment.user_warnings import warn

__all__ = ["Container", "columns_of", "with_one_missing_value"]

Container = Literal["ndarray", "dataframe", "tensor"]


def columns_of(X: Any) -> "tuple[Container, str | None, dict[Any, pd.Series[Any]]]":
    """The container, the dtype if all columns share one, and the columns by name."""
    X = as_pandas(X)
    if isinstance(X, pd.DataFrame):
        _check_frame(X)
        names = [_name(c) for c in X.columns]
        return "dataframe", None, {name: X.iloc[:, i] for i, name in enumerate(names)}
    container: Container = "ndarray"
    name: str
    if isinstance(X, Tensor):
        if X.layout != torch.strided or X.is_complex():
            raise InputError(
                f"X is a {X.layout} Tensor of {X.dtype}: tables are dense real numbers."
            )
        container, name = "tensor", str(X.dtype).removeprefix("torch.")
        X = X.detach().cpu()
        X = (X.float() if X.dtype == torch.bfloat16 else X).numpy()
    else:
        X = unmasked(X)
        if isinstance(X, np.ndarray) and X.dtype.kind not in "biufc":  # complex is refused below
            raise InputError(
                f"X is an array of dtype {X.dtype}: give numbers, or a DataFrame with one dtype "
                "per column."
            )
        dtype = np.asarray(X).dtype
        name = str(dtype.name if dtype.isnative else dtype.str)
    try:
        values = np.asarray(check_array(X, dtype=_exact_dtype(X), ensure_all_finite=False))
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    return container, name, {i: pd.Series(column) for i, column in enumerate(values.T)}


def with_one_missing_value(X: Any) -> Any:
    """Return a DataFrame whose columns have one kind of missing value each, as an archive has.

    Objects have the kind of the first missing one, and nullable floats have NA instead of NaN.

    Warns
    -----
    UserWarning
        A column has several kinds of missing values; the message names it.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     X = with_one_missing_value(pd.DataFrame({"o": ["a", None, pd.NA]}, dtype=object))
    >>> X["o"].tolist()
    ['a', None, None]
    """
    if not isinstance(X, pd.DataFrame):
        return X
    several, changed = [], {}
    for i, dtype in enumerate(X.dtypes):
        is_numpy = isinstance(dtype, np.dtype)
        if dtype.kind != ("O" if is_numpy else "f"):
            continue
        column = X.iloc[:, i]
        odd, kinds = _odd_objects(column) if is_numpy else _odd_floats(column)
        if odd.any():
            values: Any = column.array.copy()
            values[odd] = MISSING_VALUES[missing_name(column)] if is_numpy else pd.NA
            changed[i] = pd.Series(values, index=X.index, dtype=dtype)
        if len(kinds) > 1:
            several.append(X.columns[i])
    if several:
        warn(
            f"columns {several} of X hold several kinds of missing values, such as None and NaN, "
            "and samples will have one. Give one kind a value of its own if they differ in meaning."
        )
    if changed:
        X = X.copy(deep=False)
        for i, column in changed.items():
            X.isetitem(i, column)
    return X


def _odd_objects(column: "pd.Series[Any]") -> tuple[np.ndarray, set[str]]:
    """Missing values that are not of the first kind, as flags, and the names of all kinds."""
    gone = column.isna().to_numpy(dtype=bool)
    names = np.array([str(value).strip("<>") for value in column[gone]], dtype=object)
    odd = np.zeros(len(gone), dtype=bool)
    odd[gone] = names != missing_name(column)
    return odd, set(names)


def _odd_floats(column: "pd.Series[Any]") -> tuple[np.ndarray, set[str]]:
    """NaN that pandas does not count as missing, as flags, and the names of all kinds."""
    gone = column.isna().to_numpy(dtype=bool)
    odd = np.isnan(column.to_numpy(dtype=np.float64, na_value=np.nan)) & ~gone
    return odd, {*(["NA"] if gone.any() else []), *(["nan"] if odd.any() else [])}


def _name(name: Any) -> str | int:
    """A column name as JSON holds it."""
    if isinstance(name, (bool, np.bool_)):
        return bool(name)
    return name if isinstance(name, str) else int(name)


def _exact_dtype(X: Any) -> "np.dtype[Any] | type[np.generic]":
    """A dtype of pandas that holds all values of an array."""
    dtype = np.asarray(X).dtype
    if dtype.kind in "iub":
        return dtype.newbyteorder("=")
    return dtype.newbyteorder("=") if dtype.kind == "f" and dtype.itemsize < 8 else np.float64


def _check_frame(X: pd.DataFrame) -> None:
    if X.columns.has_duplicates:
        raise InputError(
            f"column names occur twice: {X.columns[X.columns.duplicated()].tolist()}. Rename them."
        )
    names = [c for c in X.columns if not isinstance(c, (str, int, np.integer))]
    if names:
        raise InputError(f"column names must be str or int, got {names[:3]!r}.")
    if not all(X.shape):
        raise InputError(
            f"X has 0 {'feature(s)' if len(X) else 'sample(s)'} (shape={X.shape}): give at least "
            "one."
        )

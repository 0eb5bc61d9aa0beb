"""Rows and labels of an over-sampler: checks, and joining real with synthetic rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from imblearn.utils import check_target_type
from scipy.sparse import csr_array, csr_matrix, issparse, sparray, vstack
from sklearn.base import clone
from sklearn.preprocessing import label_binarize
from torch import Tensor

from gen_augment.containers import stack_rows, unmasked
from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality, get_modality
from gen_augment.samplers.rejection import fit_filter
from gen_augment.validation import check_finite

__all__ = [
    "check_given",
    "check_labels",
    "check_rows",
    "check_sampler",
    "check_weights",
    "densify",
    "fitted_filter",
    "join",
    "join_sparse",
    "labels_to_make",
    "on_cpu",
    "shape_of",
    "with_names",
]


def check_sampler(sampler: Any, random_state: Any) -> None:
    """Raise unless `sampler` is an instance that can be cloned, fitted and asked for rows."""
    if isinstance(sampler, type):
        raise InputError(
            f"sampler={sampler.__name__} is a class: give an instance, {sampler.__name__}()."
        )
    missing = [
        name
        for name in ("fit", "generate", "get_params", "set_params")
        if not hasattr(sampler, name)
    ]
    if missing:
        raise InputError(
            f"sampler={sampler!r} has no {', '.join(missing)}: give a sampler such as "
            "ConditionalVAE()."
        )
    if random_state is not None and "random_state" not in sampler.get_params(deep=False):
        raise InputError(
            f"random_state={random_state!r}, but {sampler!r} does not take one: omit it."
        )


def check_given(X: Any, y: Any) -> None:
    """Raise for input that fails inside imbalanced-learn before it asks for checks."""
    if isinstance(X, pd.DataFrame) and X.columns.has_duplicates:
        raise InputError(
            f"column names occur twice: {X.columns[X.columns.duplicated()].tolist()}. Rename them."
        )
    if isinstance(y, (pd.Series, np.ndarray, list)) and np.ndim(y) == 1:
        missing = np.asarray(pd.isna(np.asarray(y, dtype=object) if isinstance(y, list) else y))
        if missing.any():
            raise InputError(
                f"y has no label in row {int(np.argmax(missing))}: label that row, or leave it out."
            )


def fitted_filter(keep: Any, rows: Rows, sampler: Any) -> Any:
    """Return a clone of a filter, fitted on the rows that the sampler was fitted on."""
    return fit_filter(clone(keep), rows, sampler)


def check_labels(y: Any) -> tuple[np.ndarray, bool]:
    """Return one label per row, and whether `y` was one-hot."""
    if issparse(y):
        raise InputError("y is a sparse matrix: give one label for each row.")
    # imbalanced-learn sums the rows of a one-hot y, which fails for lists and DataFrames.
    labels, one_hot = check_target_type(
        np.asarray(y) if np.ndim(y) > 1 else y, indicate_one_vs_all=True
    )
    if one_hot and not np.array_equal(label_binarize(labels, classes=np.unique(labels)), y):
        raise InputError(
            f"y of shape {np.shape(y)} is not one-hot over three or more classes with rows in "
            "each, "
            "so it cannot be returned in this form: give one label for each row, y.argmax(axis=1)."
        )
    return labels, one_hot


def check_rows(X: Any) -> Any:
    """Return X in its container if synthetic rows can have it, and as an array otherwise."""
    if isinstance(X, tuple):
        X = stack_rows(X)
    kinds = (np.ndarray, pd.DataFrame, pd.Series, Tensor, list)
    known = isinstance(X, kinds) and not isinstance(X, np.matrix)
    return unmasked(X) if known else np.asarray(X)


def with_names(X: Any) -> Any:
    """Return X, with numbers for column names that scikit-learn refuses, such as a mix of types."""
    if not isinstance(X, pd.DataFrame) or all(isinstance(name, str) for name in X.columns):
        return X
    return X.set_axis(range(X.shape[1]), axis=1)


def check_weights(sample_weight: Any, n_rows: int) -> np.ndarray:
    """Return weights as an ndarray of shape (n_rows,), float64, or raise."""
    try:
        weights = np.asarray(on_cpu(sample_weight), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"sample_weight does not hold numbers: {error}") from error
    if weights.shape != (n_rows,):
        raise InputError(
            f"sample_weight has shape {weights.shape}, and X has {n_rows} rows: give one weight "
            "for each row."
        )
    check_finite(weights, "sample_weight")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise InputError(f"sample_weight is {weights[row]:g} in row {row}: give weights from 0 up.")
    return weights


def shape_of(X: Any, modality: str | Modality | None = None) -> tuple[int, ...]:
    """Return the shape of the rows, or raise if there are no columns."""
    rows = stack_rows(X) if modality is None else get_modality(modality).gather(X)
    if isinstance(rows, list):  # of PIL images, or of a user's own rows
        return (len(rows), *np.shape(rows[0]))
    shape = tuple(rows.shape)
    if len(shape) == 1 and modality is not None and getattr(rows.dtype, "kind", "") in "OUT":
        return shape  # of strings, or of series as objects
    if len(shape) < 2:
        raise InputError(
            f"X has shape {shape}: give a table of shape (n_samples, n_columns), or images of "
            "shape (n_samples, H, W), (n_samples, H, W, C) or (n_samples, C, H, W). Strings and "
            'series of unequal lengths need modality="text" or modality="series".'
        )
    return shape


def labels_to_make(strategy: Mapping[Any, int], dtype: np.dtype[Any]) -> np.ndarray:
    """Return one label for each row to make, class by class."""
    for label, count in strategy.items():
        if not isinstance(count, (int, np.integer)):
            raise InputError(
                f"sampling_strategy asks for {count} more rows of {label!r}: give integers."
            )
    counts = np.array(list(strategy.values()), dtype=np.int64)
    return np.repeat(np.array(list(strategy), dtype=dtype), counts)


def densify(X: Any) -> Any:
    """Return a DataFrame without sparse columns, which are slower; `join` restores them."""
    if not isinstance(X, pd.DataFrame):
        return X
    return X.astype(
        {name: d.subtype for name, d in X.dtypes.items() if isinstance(d, pd.SparseDtype)}
    )


def join(X: Any, rows: Any | None) -> Any:
    """Return `X` followed by `rows` in its container; a list becomes an array of objects."""
    if isinstance(X, list):
        return _objects(X, rows)
    new = [] if rows is None else [rows]
    if isinstance(X, (pd.DataFrame, pd.Series)):
        return pd.concat([X, *(part.astype(X.dtypes) for part in new)], ignore_index=True)
    if isinstance(X, Tensor):
        return torch.cat([X, *(part.to(X.device) for part in new)])
    # The dtype keeps the byte order of another machine. New strings may be longer.
    return np.concatenate([X, *new], dtype=None if X.dtype.kind == "U" else X.dtype)


def join_sparse(X: Any, rows: np.ndarray) -> Any:
    """Return a sparse `X` followed by dense `rows`, in the format of `X`."""
    kind = csr_array if isinstance(X, sparray) else csr_matrix
    return vstack([X, kind(rows.astype(X.dtype, copy=False))], format=X.format)


def _objects(X: list[Any], rows: Any | None) -> np.ndarray:
    """Return rows of a list as an array of objects: imbalanced-learn calls `tolist` on it."""
    plain = isinstance(rows, np.ndarray) and isinstance(X[0], (list, tuple))
    new = [] if rows is None else rows.tolist() if plain else list(rows)
    joined = np.empty(len(X) + len(new), dtype=object)
    for i, row in enumerate([*X, *new]):
        joined[i] = row
    return joined


def on_cpu(y: Any) -> Any:
    """Return a Tensor as an array, which holds bfloat16 as float32; others as they are."""
    if not isinstance(y, Tensor):
        return y
    return (y.float() if y.dtype == torch.bfloat16 else y).detach().cpu().numpy()

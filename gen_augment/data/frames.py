"""Tables of other libraries: polars, pyarrow, Hugging Face ``datasets``, and arrays on disk."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from gen_augment.containers import as_pandas, check_no_records, library_of, unmasked
from gen_augment.errors import InputError

__all__ = ["is_column", "read_frames"]

#: Names of the column of labels in a Hugging Face Dataset.
LABELS = ("label", "labels")


def read_frames(X: Any, y: Any) -> tuple[Any, Any]:
    """Turn rows and labels of other libraries into DataFrames, arrays or lists; others stay.

    Parameters
    ----------
    X : polars DataFrame or LazyFrame, pyarrow Table, Hugging Face Dataset or Column, or an \
            array-like such as an h5py Dataset
        A Hugging Face Dataset without `y` has its labels in a column "label" or "labels".
    y : labels, the name of the column of a Hugging Face Dataset that has them, or None

    Raises
    ------
    InputError
        A Hugging Face Dataset has no such column, or several.

    Examples
    --------
    >>> import pyarrow
    >>> X, y = read_frames(pyarrow.table({"a": [1, 2]}), [0, 1])
    >>> X["a"].tolist(), y
    ([1, 2], [0, 1])
    """
    if library_of(X) == "datasets":
        return (list(X), y) if is_column(X) else _read_dataset(X, y)
    check_no_records(X)
    return _in_memory(as_pandas(X)), y


def is_column(X: Any) -> bool:
    """Return whether `X` is a column of a Hugging Face Dataset, ``dataset["text"]``."""
    return library_of(X) == "datasets" and type(X).__name__ == "Column"


def _in_memory(X: Any) -> Any:
    """Read array-likes into memory: those on disk can only be indexed in ascending order."""
    known = (np.ndarray, np.generic, torch.Tensor, pd.DataFrame, pd.Series, list, tuple)
    if isinstance(X, (np.matrix, memoryview)):
        return np.asarray(X)
    if isinstance(X, known) or library_of(X) in ("pandas", "PIL"):
        return unmasked(X)
    is_array = hasattr(X, "__array__") and hasattr(X, "shape") and hasattr(X, "dtype")
    return np.asarray(X) if is_array and len(X.shape) else X


def _read_dataset(X: Any, y: Any) -> tuple[Any, Any]:
    if isinstance(X, dict):
        raise InputError(f"X is a {type(X).__name__} of the parts {list(X)}: give one of them.")
    if not hasattr(X, "__len__"):
        raise InputError(f"X is an {type(X).__name__}, whose rows have no order: give a Dataset.")
    columns = list(X.column_names)
    X = X.with_format(None)
    if y is None or isinstance(y, str):
        labels = [name for name in (LABELS if y is None else (y,)) if name in columns]
        if len(labels) != 1:
            wanted = "called 'label'" if y is None else f"named {y!r}"
            raise InputError(
                f"the Dataset has the columns {columns}, and its labels should be in one that is "
                f"{wanted}: give the name of that column as y, or labels."
            )
        y = np.asarray(X[labels[0]])
        columns.remove(labels[0])
    if not columns:
        raise InputError("the Dataset has no column besides its labels.")
    if len(columns) == 1 and type(X.features[columns[0]]).__name__ == "Image":
        return list(X[columns[0]]), y
    return X.select_columns(columns).to_pandas(), y

"""Numeric tables: DataFrames, arrays or tensors to standardised float32 columns and back."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_array
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.types import JSON, Kind
from gen_augment.validation import check_finite

__all__ = ["TableCodec"]


@dataclass(frozen=True)
class TableCodec:
    """How the user holds a numeric table.

    Every column is standardised by the mean and standard deviation of the fitted rows. On the way back,
    values are clipped to the fitted range, and columns of whole numbers are rounded.

    Attributes
    ----------
    container : {"ndarray", "dataframe", "tensor"}
    columns : list of (str or int)
        Names; positions where there are none.
    dtypes : list of str
        One for each column.
    mean, scale, low, high : ndarray of shape (n_columns,)
    """

    container: Literal["ndarray", "dataframe", "tensor"]
    columns: list[str | int]
    dtypes: list[str]
    mean: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray

    kind: ClassVar[Kind] = "table"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded row, ``(n_columns,)``."""
        return (len(self.columns),)

    @classmethod
    def fit(cls, X: Any) -> tuple[Self, Tensor]:
        """Learn the columns of `X`; return the codec and the encoded rows.

        Parameters
        ----------
        X : DataFrame, ndarray or Tensor of shape (n_rows, n_columns)
        """
        values = _values(X)
        scale = values.std(axis=0)
        # Rounding leaves a tiny spread in constant columns of floats; such a column is constant all the same.
        scale[scale <= 1e-9 * np.abs(values).max(axis=0)] = 1
        container, columns, dtypes = _describe(X, values.shape[1])
        codec = cls(container, columns, dtypes, values.mean(axis=0), scale, values.min(axis=0), values.max(axis=0))
        return codec, codec._standardise(values)

    def encode(self, X: Any) -> Tensor:
        """Rows in the form that was fitted to a Tensor of shape (n_rows, n_columns), float32."""
        values = _values(X)
        container, columns, _ = _describe(X, values.shape[1])
        if container != self.container or columns != self.columns:
            raise InputError(
                f"the table was fitted as {self.container} with columns {self.columns}, got {container} with {columns}."
            )
        return self._standardise(values)

    def decode(self, rows: Tensor) -> Any:
        """Encoded rows of shape (n_rows, n_columns) to the form that was fitted."""
        values = rows.detach().cpu().double().numpy() * self.scale + self.mean
        values = np.clip(values, self.low, self.high)
        whole = np.array([np.dtype(_numpy_name(dtype)).kind in "biu" for dtype in self.dtypes], dtype=bool)
        values[:, whole] = np.rint(values[:, whole])
        if self.container == "dataframe":
            columns = {
                i: pd.array(values[:, i], dtype=pd.api.types.pandas_dtype(self.dtypes[i]))
                for i in range(len(self.columns))
            }
            return pd.DataFrame(columns).set_axis(self.columns, axis=1)
        if self.container == "tensor":
            return torch.from_numpy(values).to(getattr(torch, self.dtypes[0]))
        return values.astype(self.dtypes[0])

    def to_json(self) -> JSON:
        """All of it as JSON values."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean", "scale", "low", "high")}
        return {
            "kind": self.kind,
            "container": self.container,
            "columns": self.columns,
            "dtypes": self.dtypes,
            **arrays,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        arrays = [np.array(record[name], dtype=np.float64) for name in ("mean", "scale", "low", "high")]
        columns, dtypes = record["columns"], record["dtypes"]
        if {len(columns), len(dtypes), *(len(a) for a in arrays)} != {len(columns)}:
            raise InputError("columns, dtypes and statistics differ in length.")
        return cls(record["container"], columns, dtypes, *arrays)

    def _standardise(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(((values - self.mean) / self.scale).astype(np.float32))


def _numpy_name(dtype: str) -> str:
    return dtype.lower().replace("boolean", "bool")  # pandas' nullable Int64, Float32, boolean


def _describe(X: Any, n_columns: int) -> tuple[Literal["ndarray", "dataframe", "tensor"], list[str | int], list[str]]:
    if isinstance(X, pd.DataFrame):
        return "dataframe", [c if isinstance(c, str) else int(c) for c in X.columns], [str(d) for d in X.dtypes]
    positions: list[str | int] = list(range(n_columns))
    if isinstance(X, Tensor):
        return "tensor", positions, [str(X.dtype).removeprefix("torch.")] * n_columns
    return "ndarray", positions, [X.dtype.name] * n_columns


def _values(X: Any) -> np.ndarray:
    if isinstance(X, pd.DataFrame):
        _check_frame(X)
    elif isinstance(X, Tensor):
        X = X.detach().cpu().double().numpy()
    elif getattr(X, "dtype", np.dtype(float)).kind == "O":
        raise InputError("X is an array of Python objects: give numbers, or a DataFrame with one dtype a column.")
    try:
        values = np.asarray(check_array(X, dtype=np.float64, ensure_all_finite=False))
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    for column in np.flatnonzero(~np.isfinite(values).all(axis=0)):
        name = X.columns[int(column)] if isinstance(X, pd.DataFrame) else int(column)
        check_finite(values[:, [column]], f"column {name!r} of X")
    return values


def _check_frame(X: pd.DataFrame) -> None:
    if X.columns.has_duplicates:
        raise InputError(f"column names occur twice: {X.columns[X.columns.duplicated()].tolist()}. Rename them.")
    names = [c for c in X.columns if not isinstance(c, (str, int, np.integer))]
    if names:
        raise InputError(f"column names must be str or int, got {names[:3]!r}.")
    other = {c: str(d) for c, d in X.dtypes.items() if not pd.api.types.is_numeric_dtype(d) or d.kind == "c"}
    if other:
        raise InputError(
            f"columns {other} are not numeric: encode them as numbers first, for example with "
            "sklearn.preprocessing.OrdinalEncoder or pandas.get_dummies."
        )

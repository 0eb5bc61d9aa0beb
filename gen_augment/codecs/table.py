"""Numeric tables: DataFrames, arrays or tensors to standardised float32 columns and back."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_array
from torch import Tensor

from gen_augment.codecs.source import stack_rows
from gen_augment.errors import InputError
from gen_augment.types import JSON, Kind
from gen_augment.validation import check_choice, check_finite

__all__ = ["TableCodec"]

Container = Literal["ndarray", "dataframe", "tensor"]
#: Whole numbers beyond it are not told apart by the floats that networks compute with.
_LARGEST_INT = 2**53


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

    container: Container
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
        X = stack_rows(X)
        values = _values(X)
        with np.errstate(over="ignore"):
            scale = values.std(axis=0)
        # Rounding leaves a tiny spread in constant columns of floats; such a column is constant all the same.
        scale[scale <= 1e-9 * np.abs(values).max(axis=0)] = 1
        container, columns, dtypes = _describe(X, values.shape[1])
        _check_magnitude(values, scale, columns, dtypes, container)
        codec = cls(container, columns, dtypes, values.mean(axis=0), scale, values.min(axis=0), values.max(axis=0))
        return codec, codec._standardise(values)

    def encode(self, X: Any) -> Tensor:
        """Rows in the form that was fitted to a Tensor of shape (n_rows, n_columns), float32."""
        X = stack_rows(X)
        values = _values(X)
        container, columns, _ = _describe(X, values.shape[1])
        if len(columns) != len(self.columns):
            raise InputError(
                f"X has {len(columns)} features, but {type(self).__name__} is expecting {len(self.columns)} features "
                f"as input: give the columns that were fitted, {self.columns}."
            )
        if container != self.container or columns != self.columns:
            raise InputError(
                f"the table was fitted as {self.container} with columns {self.columns}, got {container} with {columns}."
            )
        return self._standardise(values)

    def decode(self, rows: Tensor) -> Any:
        """Encoded rows of shape (n_rows, n_columns) to the form that was fitted."""
        values: np.ndarray = rows.detach().cpu().to(torch.float64, copy=True).numpy()
        values *= self.scale
        values += self.mean
        np.clip(values, self.low, self.high, out=values)
        whole = np.array([_is_whole(self.container, dtype) for dtype in self.dtypes], dtype=bool)
        values[:, whole] = np.rint(values[:, whole])
        if self.container == "dataframe":
            return self._frame([values[:, i] for i in range(len(self.columns))])
        if self.container == "tensor":
            return torch.from_numpy(values).to(getattr(torch, self.dtypes[0]))
        return values.astype(self.dtypes[0], copy=False)

    def pack(self, X: Any) -> np.ndarray:
        """Decoded rows as an array of numbers, as a file holds them; a DataFrame gets one field a column."""
        if self.container == "tensor":
            tensor: np.ndarray = (X.view(torch.int16) if X.dtype == torch.bfloat16 else X).cpu().numpy()
            return tensor
        if self.container == "ndarray":
            return X  # type: ignore[no-any-return]
        dtypes = [pd.api.types.pandas_dtype(name) for name in self.dtypes]
        fields = [(f"f{i}", getattr(dtype, "numpy_dtype", dtype)) for i, dtype in enumerate(dtypes)]
        array = np.empty(len(X), dtype=fields)
        for i, (name, dtype) in enumerate(fields):
            array[name] = X.iloc[:, i].to_numpy(dtype=dtype)
        return array

    def unpack(self, array: np.ndarray) -> Any:
        """Decoded rows out of what `pack` made; a Tensor shares its memory."""
        if self.container == "tensor":
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if self.dtypes[0] == "bfloat16" else tensor
        return array if self.container == "ndarray" else self._frame([array[name] for name in array.dtype.names or ()])

    def _frame(self, columns: list[np.ndarray]) -> pd.DataFrame:
        dtypes: list[Any] = [pd.api.types.pandas_dtype(name) for name in self.dtypes]
        arrays = {
            i: pd.array(values, dtype=dtype) for i, (values, dtype) in enumerate(zip(columns, dtypes, strict=True))
        }
        return pd.DataFrame(arrays).set_axis(self.columns, axis=1)

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
        codec = cls(record["container"], columns, dtypes, *arrays)
        check_choice("container", codec.container, ("ndarray", "dataframe", "tensor"))
        if not all(np.isfinite(a).all() for a in arrays) or (codec.scale <= 0).any() or (codec.low > codec.high).any():
            raise InputError("mean, scale, low and high are no statistics of columns.")
        if codec.container != "tensor" and not all(_is_number(pd.api.types.pandas_dtype(name)) for name in dtypes):
            raise InputError(f"dtypes={dtypes!r} are not numbers.")
        codec.decode(torch.zeros(1, len(columns)))  # raises for unknown dtypes
        return codec

    def _standardise(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(((values - self.mean) / self.scale).astype(np.float32))


def _is_number(dtype: Any) -> bool:
    return dtype.kind in "biuf" and not isinstance(dtype, pd.SparseDtype)


def _is_whole(container: Container, dtype: str) -> bool:
    if container == "tensor":
        return not getattr(torch, dtype).is_floating_point
    return pd.api.types.pandas_dtype(dtype).kind in "biu"


def _describe(X: Any, n_columns: int) -> tuple[Container, list[str | int], list[str]]:
    if isinstance(X, pd.DataFrame):
        return "dataframe", [c if isinstance(c, str) else int(c) for c in X.columns], [str(d) for d in X.dtypes]
    positions: list[str | int] = list(range(n_columns))
    if isinstance(X, Tensor):
        return "tensor", positions, [str(X.dtype).removeprefix("torch.")] * n_columns
    dtype = np.asarray(X).dtype
    return "ndarray", positions, [dtype.name if dtype.isnative else dtype.str] * n_columns


def _values(X: Any) -> np.ndarray:
    if isinstance(X, pd.DataFrame):
        _check_frame(X)
    elif isinstance(X, Tensor):
        if X.layout != torch.strided or X.is_complex():
            raise InputError(f"X is a {X.layout} Tensor of {X.dtype}: tables are dense real numbers.")
        X = X.detach().cpu().double().numpy()
    elif isinstance(X, np.ndarray) and X.dtype.kind not in "biufc":  # complex is refused below
        raise InputError(f"X is an array of dtype {X.dtype}: give numbers, or a DataFrame with one dtype a column.")
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
    other = {c: str(d) for c, d in X.dtypes.items() if not _is_number(d)}
    if other:
        raise InputError(
            f"columns {other} are not dense numbers: encode them as numbers first, for example with "
            "sklearn.preprocessing.OrdinalEncoder or pandas.get_dummies."
        )


def _check_magnitude(
    values: np.ndarray, scale: np.ndarray, columns: list[str | int], dtypes: list[str], container: Container
) -> None:
    for i, (name, dtype) in enumerate(zip(columns, dtypes, strict=True)):
        largest = np.abs(values[:, i]).max()
        if not np.isfinite(scale[i]) or (largest > _LARGEST_INT and _is_whole(container, dtype)):
            raise InputError(
                f"column {name!r} of X has values up to {largest:g}, too large to be computed with: scale or drop it."
            )

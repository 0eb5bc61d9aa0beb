"""Operations on containers of rows: arrays, tensors, DataFrames and lists."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image
from scipy.sparse import issparse

from gen_augment.errors import InputError

__all__ = [
    "UNREADABLE",
    "as_pandas",
    "check_no_records",
    "concatenate",
    "converted_from",
    "holds_objects",
    "holds_strings",
    "is_pil",
    "library_of",
    "pad_rows",
    "pandas_only",
    "single_rows",
    "stack_rows",
    "take",
    "to_library",
    "unmasked",
]

#: What readers of damaged files raise, those of PIL among them.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
#: Types of Arrow that pandas would turn into objects.
_KEPT = (pa.types.is_date, pa.types.is_decimal, pa.types.is_time, pa.types.is_null)
#: Key in ``DataFrame.attrs`` of the library that the table was converted from.
_LIBRARY = "gen_augment.library"


def is_pil(row: Any) -> bool:
    """Return whether a row is a PIL image."""
    return isinstance(row, Image.Image)


def library_of(X: Any) -> str:
    """Return the name of the package that defines the type of `X`."""
    return type(X).__module__.partition(".")[0]


def holds_strings(X: Any) -> bool:
    """Return whether the first row of a list, an array or a Series is a string."""
    if not isinstance(X, (list, tuple, np.ndarray, pd.Series)) or not len(X):
        return False
    return isinstance(X.iloc[0] if isinstance(X, pd.Series) else X[0], str)


def as_pandas(X: Any) -> Any:
    """Convert a table or column of polars or pyarrow, or an array of objects, to one of pandas.

    Other data is returned unchanged.
    """
    library = library_of(X)
    if holds_objects(X):
        frame = pd.DataFrame(X)
        frame.attrs[_LIBRARY] = library
        return frame
    if library == "polars" and type(X).__name__ == "LazyFrame":
        X = X.collect()
    if library == "polars" and hasattr(X, "to_arrow") and hasattr(X, "columns"):
        try:
            table = X.to_arrow()
            frame = _from_arrow(table)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(
                f"X has a dtype that Arrow cannot hold ({error}), of {dict(X.schema)}: cast it."
            ) from error
        for name, dtype in X.schema.items():
            if dtype.is_float() and table[name].null_count:  # polars tells a null from NaN
                mask = table[name].is_null().to_numpy()
                frame[name] = pd.arrays.FloatingArray(frame[name].to_numpy(), mask)
            if type(dtype).__name__ == "Enum":  # `to_library` knows it by its order
                frame[name] = frame[name].cat.as_ordered()
        frame.attrs[_LIBRARY] = library
        return frame
    if isinstance(X, (pa.Table, pa.RecordBatch)):
        return _from_arrow(X)
    if library in ("polars", "pyarrow") and hasattr(X, "to_pandas"):
        column = X.to_pandas()
        if (
            library == "polars"
        ):  # rows of a column of pyarrow are one of pandas, as those of a table
            column.attrs[_LIBRARY] = library
        return column
    return X


def holds_objects(X: Any) -> bool:
    """Return whether `X` is an array of objects with a row of single values in each row."""
    if not isinstance(X, np.ndarray) or X.dtype != object or X.ndim != 2 or not X.size:
        return False
    return all(isinstance(value, str) or not hasattr(value, "__len__") for value in X[0])


def check_no_records(X: Any) -> None:
    """Raise for columns that are no table yet."""
    is_dict = isinstance(X, dict) and not issparse(X)  # some sparse arrays are dicts
    if is_dict or getattr(getattr(X, "dtype", None), "names", None):
        what = "a dict" if is_dict else "an array of records"
        raise InputError(f"X is {what}: give pandas.DataFrame(X).")


def pandas_only(X: Any) -> Any:
    """Convert a table to a DataFrame whose synthetic rows are DataFrames too."""
    frame = as_pandas(X).copy()
    frame.attrs.pop(_LIBRARY, None)
    return frame


def _from_arrow(table: Any) -> pd.DataFrame:
    """Convert to a DataFrame; integers with missing values, days and decimals keep their type."""
    whole = {
        getattr(pa, name.lower())(): pd.api.types.pandas_dtype(name)
        for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    }
    has_missing = {
        field.type
        for field, column in zip(table.schema, table.columns, strict=True)
        if column.null_count
    }
    whole[pa.bool_()] = pd.BooleanDtype()
    kept: dict[Any, Any] = {each: whole[each] for each in whole.keys() & has_missing}
    for arrow in table.schema.types:
        if any(is_kind(arrow) for is_kind in _KEPT):
            kept[arrow] = pd.ArrowDtype(arrow)
    frame: pd.DataFrame = table.to_pandas(types_mapper=kept.get)
    return frame


def converted_from(X: Any) -> str:
    """Return the library that a DataFrame or Series was converted from, or an empty string."""
    return str(getattr(X, "attrs", {}).get(_LIBRARY, ""))


def to_library(frame: "pd.DataFrame | pd.Series[Any]", library: str) -> Any:
    """Convert a DataFrame or Series to one of polars, or a DataFrame to an array of objects."""
    if library == "numpy" and isinstance(frame, pd.DataFrame):
        return frame.to_numpy(dtype=object)
    if library != "polars":
        return frame
    import polars

    if isinstance(frame, pd.DataFrame):
        columns = frame.set_axis([str(name) for name in frame], axis=1).items()
        return polars.DataFrame([to_library(column, library) for _, column in columns])
    if isinstance(frame.dtype, np.dtype) and frame.dtype.kind == "f":
        name = "" if frame.name is None else str(frame.name)
        return polars.Series(name, frame.to_numpy())  # `from_pandas` makes NaN a null
    series: Any = polars.from_pandas(frame)
    if isinstance(frame.dtype, pd.CategoricalDtype):
        ordered = frame.dtype.ordered
        return series.cast(
            polars.Enum(list(frame.dtype.categories)) if ordered else polars.Categorical
        )
    return series


def single_rows(rows: Any) -> Any:
    """Return rows that can be iterated over.

    Those of a DataFrame become Series; those of a DataFrame of polars become dictionaries, as it
    gives named rows itself.
    """
    if library_of(rows) == "polars" and hasattr(rows, "columns"):
        return rows.rows(named=True)  # iterating over the frame would give columns
    return [rows.iloc[i] for i in range(len(rows))] if hasattr(rows, "iloc") else rows


def unmasked(X: Any) -> Any:
    """Return an array whose masked values are NaN, for which whole numbers become floats."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    if not np.ma.is_masked(X):
        return X.data
    floats: Any = X if X.dtype.kind == "f" else X.astype(np.float64)
    return floats.filled(np.nan)


def stack_rows(X: Any) -> Any:
    """Stack a list of rows into one array or tensor.

    Lists of PIL images or strings, and data that is not a list, are returned unchanged.

    Raises
    ------
    InputError
        The rows differ in shape.

    Examples
    --------
    >>> stack_rows([[1, 2], [3, 4]]).shape
    (2, 2)
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


def pad_rows(rows: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack rows that differ in their last axis, with zeros after their ends.

    Returns
    -------
    values : Tensor of shape (n, ..., longest)
    lengths : Tensor of shape (n,), int64

    Raises
    ------
    InputError
        The rows differ in another axis or in their dtype, or there are none.

    Examples
    --------
    >>> pad_rows([torch.ones(2), torch.ones(3)])[0].tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    kinds = {(row.ndim, tuple(row.shape[:-1]), row.dtype) for row in rows}
    if len(kinds) != 1 or not rows[0].ndim:
        found = sorted({(tuple(row.shape), str(row.dtype)) for row in rows})[:4]
        raise InputError(
            f"rows such as {found} cannot be padded to one length: give rows of one dtype that "
            "differ in their last axis alone."
        )
    lengths = torch.tensor([row.shape[-1] for row in rows], device="cpu")
    values = rows[0].new_zeros(len(rows), *rows[0].shape[:-1], int(lengths.max()))
    for row, out in zip(rows, values, strict=True):
        out[..., : row.shape[-1]] = row
    return values, lengths


def take(X: Any, index: np.ndarray) -> Any:
    """Return rows `index` of `X` in the same kind of container."""
    if isinstance(X, (pd.DataFrame, pd.Series)):
        try:
            return X.iloc[index].reset_index(drop=True)
        except (ValueError, pa.ArrowNotImplementedError):  # such as big-endian numbers
            return _take_objects(X, index)
    if isinstance(X, (list, tuple)):
        return [X[i] for i in index]
    if isinstance(X, pa.Table):
        return X.take(pa.array(index))
    return X[torch.from_numpy(index)] if isinstance(X, torch.Tensor) else X[index]


def _take_objects(X: Any, index: np.ndarray) -> Any:
    """Return rows of a DataFrame or Series with dtypes of which pandas can take none."""
    if isinstance(X, pd.DataFrame):
        columns = {i: _take_objects(X.iloc[:, i], index) for i in range(X.shape[1])}
        return pd.DataFrame(columns).set_axis(X.columns, axis=1)
    try:
        objects = X.astype(object).to_numpy()[index]
    except NotImplementedError as error:
        raise InputError(
            f"column {X.name!r} of X has dtype {X.dtype}, of which pandas can select no rows: "
            'convert it, such as with astype("string[pyarrow]").'
        ) from error
    return pd.Series(pd.array(objects, dtype=X.dtype), name=X.name)


def concatenate(parts: Sequence[Any]) -> Any:
    """Concatenate the rows of all `parts` in the container of the first."""
    first = parts[0]
    if isinstance(first, (pd.DataFrame, pd.Series)):
        return pd.concat(parts, ignore_index=True)
    if isinstance(first, torch.Tensor):
        return torch.cat(list(parts))
    if isinstance(first, pa.Table):
        return pa.concat_tables(parts).unify_dictionaries()
    if library_of(first) == "polars":
        import polars

        return polars.concat(list(parts))
    if isinstance(first, np.ndarray):
        # The dtype of the first keeps the byte order too; strings of another part may be longer.
        return np.concatenate(parts, dtype=None if first.dtype.kind == "U" else first.dtype)
    return [row for part in parts for row in part]


def _as_array(row: Any, number: int) -> np.ndarray:
    if isinstance(row, torch.Tensor):
        row = row.detach().cpu()
    try:
        return np.asarray(unmasked(row))
    except ValueError as error:
        raise InputError(f"row {number} of X is not an array: {error}") from error


def _check_shapes(rows: Sequence[Any]) -> None:
    shapes = {tuple(row.shape) for row in rows}
    if len(shapes) > 1:
        raise InputError(
            f"the rows of X have different shapes, such as {sorted(shapes)[:4]}: resize them "
            "to one shape, in a Dataset with a transform."
        )

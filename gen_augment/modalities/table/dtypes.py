"""dtypes of table columns as JSON values and back, and columns of any dtype out of plain values."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gen_augment.errors import InputError

__all__ = [
    "check_flag",
    "dtype_from_json",
    "dtype_to_json",
    "has_missing",
    "is_number",
    "numpy_dtype",
    "plain",
]

#: What a category may be: values that JSON gives back as they are.
Plain = str | bool | int | float


def dtype_to_json(dtype: Any) -> Any:
    """A dtype as a string, or as an object where its name alone would not bring it back.

    Raises
    ------
    InputError
        It cannot be written down.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        categories = [plain(value) for value in dtype.categories]
        if None in categories:
            raise InputError(f"has categories such as {dtype.categories[categories.index(None)]!r}")
        return {
            "categories": categories,
            "of": dtype_to_json(dtype.categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.StringDtype):
        return {"string": dtype.storage, "na": "NA" if dtype.na_value is pd.NA else "nan"}
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_string(dtype.pyarrow_dtype):
        return {"arrow": "string"}
    name = dtype.str if isinstance(dtype, np.dtype) and not dtype.isnative else str(dtype)
    try:
        again = pd.api.types.pandas_dtype(name)
    except (TypeError, ValueError):
        again = None
    if again != dtype:
        raise InputError(f"has dtype {dtype}")
    return name


def dtype_from_json(record: Any) -> Any:
    """The dtype that `dtype_to_json` wrote."""
    if isinstance(record, str):
        return pd.api.types.pandas_dtype(record)
    if "categories" in record:
        categories = pd.Index(record["categories"], dtype=dtype_from_json(record["of"]))
        return pd.CategoricalDtype(categories, bool(record["ordered"]))
    if "string" in record:
        if record["na"] == "NA":
            return pd.StringDtype(record["string"])  # before 2.3, pandas knew no na_value
        return pd.StringDtype(record["string"], na_value=np.nan)
    if record == {"arrow": "string"}:
        return pd.ArrowDtype(pa.string())
    raise InputError(f"{record!r} is no dtype.")


def is_number(dtype: Any) -> bool:
    """Whether values are dense real numbers or booleans."""
    return getattr(dtype, "kind", "O") in "biuf" and not isinstance(
        dtype, (pd.SparseDtype, pd.CategoricalDtype)
    )


def numpy_dtype(dtype: Any) -> "np.dtype[Any]":
    """The dtype of NumPy that holds the numbers of a column."""
    made: np.dtype[Any] = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    return made


def has_missing(dtype: Any) -> bool:
    """Whether a column of numbers can have missing values."""
    return not isinstance(dtype, np.dtype) or dtype.kind == "f"


def plain(value: Any) -> Plain | None:
    """A category as a plain value of Python; None for what is none."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, Plain) else None


def check_flag(value: Any) -> bool:
    """Return `value`, or raise if it is neither true nor false."""
    if not isinstance(value, bool):
        raise InputError(f"{value!r} is neither true nor false.")
    return value

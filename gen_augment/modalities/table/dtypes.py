"""dtypes of table columns as JSON values, and small checks of dtypes and values."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gen_augment.errors import InputError

__all__ = [
    "MISSING_VALUES",
    "check_flag",
    "dtype_from_json",
    "dtype_to_json",
    "has_missing",
    "has_objects",
    "is_number",
    "missing_name",
    "numpy_dtype",
    "plain",
]

#: Types of a category: JSON returns such values unchanged.
Plain = str | bool | int | float

#: What represents a missing value in a column of objects, by the name in an archive.
MISSING_VALUES: dict[str, Any] = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}

_ARROW_TYPES = {"string": pa.string(), "large_string": pa.large_string(), "null": pa.null()}
#: Categories that are no plain values: bins of `pandas.cut`, dates, durations and periods.
_OBJECTS = (pd.IntervalIndex, pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)


def dtype_to_json(dtype: Any) -> Any:
    """A dtype as a string, or as an object where its name alone does not identify it.

    Raises
    ------
    InputError
        An archive cannot hold the dtype.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "categories": _values_to_json(dtype.categories),
            "of": dtype_to_json(dtype.categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.StringDtype):
        return {"string": dtype.storage, "na": "NA" if dtype.na_value is pd.NA else "nan"}
    if isinstance(dtype, pd.ArrowDtype):
        arrow = dtype.pyarrow_dtype
        for name, kind in _ARROW_TYPES.items():
            if arrow == kind:
                return {"arrow": name}
        if pa.types.is_decimal(arrow):
            return {"decimal": arrow.bit_width, "precision": arrow.precision, "scale": arrow.scale}
        if pa.types.is_dictionary(arrow):
            of = dtype_to_json(pd.ArrowDtype(arrow.value_type))
            return {"dictionary": of, "index": str(arrow.index_type), "ordered": arrow.ordered}
    if isinstance(dtype, pd.SparseDtype):
        fill = None if pd.isna(dtype.fill_value) else plain(dtype.fill_value)
        return {"sparse": dtype_to_json(dtype.subtype), "fill": fill}
    name = dtype.str if isinstance(dtype, np.dtype) and not dtype.isnative else str(dtype)
    try:
        again = pd.api.types.pandas_dtype(name)
    except (TypeError, ValueError, NotImplementedError):
        again = None
    if again != dtype:
        raise InputError(f"has dtype {dtype}")
    return name


def dtype_from_json(record: Any) -> Any:
    """The dtype that `dtype_to_json` wrote."""
    if isinstance(record, str):
        return pd.api.types.pandas_dtype(record)
    if "categories" in record:
        categories = _values_from_json(record["categories"], dtype_from_json(record["of"]))
        return pd.CategoricalDtype(categories, bool(record["ordered"]))
    if "string" in record:
        if record["na"] == "NA":
            return pd.StringDtype(record["string"])  # pandas before 2.3 has no na_value
        return pd.StringDtype(record["string"], na_value=np.nan)
    if record.get("arrow") in _ARROW_TYPES:
        return pd.ArrowDtype(_ARROW_TYPES[record["arrow"]])
    if record.get("decimal") in (32, 64, 128, 256):
        make = getattr(pa, f"decimal{record['decimal']}")
        return pd.ArrowDtype(make(record["precision"], record["scale"]))
    if "sparse" in record:
        return pd.SparseDtype(dtype_from_json(record["sparse"]), record["fill"])
    if "dictionary" in record:
        index, of = pd.ArrowDtype.construct_from_string, dtype_from_json(record["dictionary"])
        arrow: Any = index(f"{record['index']}[pyarrow]")
        pair = arrow.pyarrow_dtype, of.pyarrow_dtype
        return pd.ArrowDtype(pa.dictionary(*pair, ordered=record["ordered"]))
    raise InputError(f"{record!r} is not a dtype.")


def has_objects(dtype: Any) -> bool:
    """Whether a dtype has categories that are no plain values, such as the bins of `pandas.cut`."""
    return isinstance(dtype, pd.CategoricalDtype) and isinstance(dtype.categories, _OBJECTS)


def _values_to_json(values: "pd.Index[Any]") -> list[Any]:
    """Categories as JSON values: intervals as pairs of bounds, dates as whole ticks."""
    if isinstance(values, pd.IntervalIndex):
        bounds = _values_to_json(values.left), _values_to_json(values.right)
        return [list(pair) for pair in zip(*bounds, strict=True)]
    if isinstance(values, _OBJECTS):
        ticks: Any = values
        return list(ticks.asi8.tolist())
    found = [plain(value) for value in values]
    if None in found:
        raise InputError(f"has categories such as {values[found.index(None)]!r}")
    return found


def _values_from_json(values: list[Any], dtype: Any) -> "pd.Index[Any]":
    """The categories that `_values_to_json` wrote."""
    if isinstance(dtype, pd.IntervalDtype):
        left, right = (
            _values_from_json([pair[i] for pair in values], dtype.subtype) for i in (0, 1)
        )
        closed: Any = dtype.closed
        return pd.IntervalIndex.from_arrays(left, right, closed=closed)
    if isinstance(dtype, pd.PeriodDtype):
        return pd.PeriodIndex(pd.arrays.PeriodArray(np.array(values, np.int64), dtype=dtype))
    found: pd.Index[Any]
    if isinstance(dtype, pd.DatetimeTZDtype):
        ticks = np.array(values, np.int64).view(f"M8[{dtype.unit}]")
        found = pd.DatetimeIndex(ticks).tz_localize("UTC").tz_convert(dtype.tz)
    elif getattr(dtype, "kind", "O") in "mM":
        found = pd.Index(np.array(values, np.int64).view(dtype))
    else:
        found = pd.Index(values, dtype=dtype)
    return found


def is_number(dtype: Any) -> bool:
    """Whether values are dense real numbers or booleans."""
    return getattr(dtype, "kind", "O") in "biuf" and not isinstance(
        dtype, (pd.SparseDtype, pd.CategoricalDtype)
    )


def numpy_dtype(dtype: Any) -> "np.dtype[Any]":
    """The NumPy dtype that holds the numbers of a column."""
    made: np.dtype[Any] = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    return made


def has_missing(dtype: Any) -> bool:
    """Whether a column of numbers can have missing values."""
    return not isinstance(dtype, np.dtype) or dtype.kind == "f"


def missing_name(column: "pd.Series[Any]") -> str:
    """Name in `MISSING_VALUES` of the first missing value of a column of objects."""
    missing = column[column.isna()]
    name = str(missing.iloc[0]).strip("<>") if len(missing) and column.dtype == object else "None"
    return "nan" if "nan" in name.lower() else name  # Decimal("NaN") and complex numbers too


def plain(value: Any) -> Plain | None:
    """A category as a plain Python value; None for what cannot be one."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, Plain) else None


def check_flag(value: Any) -> bool:
    """Return `value`, or raise if it is not true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{value!r} is not true or false.")
    return value

"""Columns that NumPy does not hold, Arrow's and those of objects, and back.

`NumberColumn` and `DateColumn` work on dtypes of NumPy and pandas. A `Storage` converts
a column of another kind to such a dtype, and a generated column back.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import (
    MISSING_VALUES,
    dtype_from_json,
    dtype_to_json,
    missing_name,
)
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["Storage", "object_type"]

#: Types of objects that are converted, by the name in an archive.
_OBJECTS = ("int", "float", "decimal", "date")
_REAL = (int, float, np.integer, np.floating, Decimal)


@dataclass(frozen=True)
class Storage:
    """The user's dtype of a column that is converted.

    Attributes
    ----------
    dtype : dtype
        ``object`` or a `pandas.ArrowDtype`.
    objects : {"int", "float", "decimal", "date"}
        Type of the values.
    missing : {"None", "nan", "NA", "NaT"}
        What represents a missing value in a column of objects.
    places : int
        Decimal places of a `decimal.Decimal`.
    """

    dtype: Any
    objects: str
    missing: str = "None"
    places: int = 0

    @classmethod
    def of(cls, column: "pd.Series[Any]") -> Self | None:
        """The storage of a column; None if it needs no conversion."""
        dtype = column.dtype
        if isinstance(dtype, pd.ArrowDtype):
            arrow = dtype.pyarrow_dtype
            if pa.types.is_decimal(arrow):
                return cls(dtype, "decimal", places=max(arrow.scale, 0))
            return cls(dtype, "date") if dtype.kind in "mM" else None
        objects = object_type(column)
        if objects is None:
            return None
        places = 0
        if objects == "decimal":
            places = max(map(_places, column.dropna()), default=0)
        return cls(np.dtype(object), objects, missing_name(column), places)

    def read(self, column: "pd.Series[Any]") -> "pd.Series[Any]":
        """A column with a dtype of NumPy or pandas; one that has such a dtype is returned."""
        if isinstance(column.dtype, pd.ArrowDtype):
            return column.astype(_pandas_dtype(column.dtype))
        if column.dtype != object:
            return column
        missing = column.isna().to_numpy(dtype=bool)
        objects = self._dtype_of_objects()
        if objects.kind == "M":
            days = np.full(len(column), np.datetime64("NaT"), dtype="M8[D]")
            days[~missing] = column[~missing].to_numpy()
            return pd.Series(days.astype(objects), index=column.index)
        values = np.zeros(len(column), dtype=objects.numpy_dtype)
        values[~missing] = column[~missing].to_numpy()
        array = pd.arrays.IntegerArray if objects.kind == "i" else pd.arrays.FloatingArray
        return pd.Series(array(values, missing), index=column.index)

    def write(self, array: Any) -> Any:
        """An array that `read` could have returned, in the user's dtype."""
        column = pd.Series(array)
        if self.objects == "decimal":
            text = [f"{value:.{self.places}f}" for value in column.to_numpy(float, na_value=np.nan)]
            objects: Any = [Decimal(value) for value in text]
        elif isinstance(self.dtype, pd.ArrowDtype):
            return column.astype(self.dtype).array
        elif self.objects == "date":
            objects = column.to_numpy().astype("M8[D]").tolist()
        else:
            objects = column.tolist()
        if self.dtype != object:
            known = zip(objects, column.isna(), strict=True)
            return pd.array([None if gone else value for value, gone in known], dtype=self.dtype)
        table = np.empty(len(column), dtype=object)
        table[:] = objects
        table[column.isna().to_numpy(dtype=bool)] = MISSING_VALUES[self.missing]
        return pd.Series(table, dtype=object)

    def _dtype_of_objects(self) -> Any:
        return {"int": pd.Int64Dtype(), "date": np.dtype("M8[s]")}.get(
            self.objects, pd.Float64Dtype()
        )

    def to_json(self) -> JSON:
        """The storage as JSON values."""
        return {
            "dtype": dtype_to_json(self.dtype),
            "objects": self.objects,
            "missing": self.missing,
            "places": self.places,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype = dtype_from_json(record["dtype"])
        if dtype != np.dtype(object) and not isinstance(dtype, pd.ArrowDtype):
            raise InputError(f"{dtype} needs no conversion.")
        check_choice("objects", record["objects"], _OBJECTS)
        check_choice("missing", record["missing"], tuple(MISSING_VALUES))
        if type(record["places"]) is not int or not 0 <= record["places"] < 100:
            raise InputError(f"places={record['places']!r} is not a number of decimal places.")
        return cls(dtype, record["objects"], record["missing"], record["places"])


def object_type(column: "pd.Series[Any]") -> str | None:
    """What a column of objects holds: "int", "float", "decimal", "date", or None.

    The name of the widest type is returned for numbers of several types. Missing values
    do not count, and None is returned where there are no others.
    """
    if column.dtype != object:
        return None
    types = set(map(type, column.dropna()))
    if types == {datetime.date}:
        return "date"
    if not types or any(
        issubclass(one, (bool, Enum)) or not issubclass(one, _REAL) for one in types
    ):
        return None
    if any(issubclass(one, Decimal) for one in types):
        return "decimal"
    return "int" if all(issubclass(one, (int, np.integer)) for one in types) else "float"


def _places(value: Any) -> int:
    """Decimal places of a number."""
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _pandas_dtype(dtype: pd.ArrowDtype) -> Any:
    """The dtype of NumPy or pandas that holds the values of an Arrow dtype."""
    arrow = dtype.pyarrow_dtype
    if pa.types.is_timestamp(arrow):
        return pd.DatetimeTZDtype(arrow.unit, arrow.tz) if arrow.tz else f"datetime64[{arrow.unit}]"
    if pa.types.is_date(arrow):
        return "datetime64[s]"
    if pa.types.is_duration(arrow):
        return f"timedelta64[{arrow.unit}]"
    return pd.Float64Dtype() if pa.types.is_decimal(arrow) else dtype

"""Columns that NumPy does not hold, Arrow's, periods and those of objects, and back.

`NumberColumn` and `DateColumn` work on dtypes of NumPy and pandas. A `Storage` converts
a column of another kind to such a dtype, and a generated column back.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal
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
from gen_augment.modalities.table.objects import (
    OBJECTS,
    common_zone,
    from_objects,
    object_type,
    to_objects,
)
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["PARSED", "Storage"]

#: Objects that are kept as numbers, and are written in another form.
PARSED = ("time", "period")
_CONVERTED = (pd.ArrowDtype, pd.PeriodDtype, pd.SparseDtype)


@dataclass(frozen=True)
class Storage:
    """The user's dtype of a column that is converted.

    Attributes
    ----------
    dtype : dtype
        ``object``, or a dtype of Arrow, of periods or of sparse numbers.
    objects : str
        Type of the values: a name in `OBJECTS`.
    missing : {"None", "nan", "NA", "NaT"}
        What represents a missing value in a column of objects.
    places : int
        Decimal places of a `decimal.Decimal`; negative where Arrow has tens or hundreds.
    of : dtype or None
        The dtype of objects that are periods or dates in a time zone.
    """

    dtype: Any
    objects: str
    missing: str = "None"
    places: int = 0
    of: Any = None

    @classmethod
    def of_column(cls, column: "pd.Series[Any]") -> Self | None:
        """The storage of a column; None if it needs no conversion."""
        dtype = column.dtype
        if isinstance(dtype, pd.PeriodDtype):
            return cls(dtype, "period", of=dtype)
        if isinstance(dtype, pd.SparseDtype):
            return cls(dtype, "sparse") if dtype.subtype.kind in "iuf" else None
        if isinstance(dtype, pd.ArrowDtype):
            return cls._of_arrow(dtype)
        objects = object_type(column)
        if objects is None:
            return None
        places, of = 0, None
        if objects == "decimal":
            places = max(map(_places, column.dropna()), default=0)
        if objects == "period":
            of = pd.PeriodIndex(column.dropna().iloc[:1]).dtype
        elif objects in ("datetime", "timestamp"):
            zone = common_zone(column)
            of = zone and pd.DatetimeTZDtype("us", zone)
        return cls(np.dtype(object), objects, missing_name(column), places, of)

    @classmethod
    def _of_arrow(cls, dtype: pd.ArrowDtype) -> Self | None:
        arrow = dtype.pyarrow_dtype
        if pa.types.is_decimal(arrow):
            return cls(dtype, "decimal", places=arrow.scale)
        if pa.types.is_time(arrow):
            return cls(dtype, "time")
        if pa.types.is_null(arrow):
            return cls(dtype, "float")
        return cls(dtype, "date") if dtype.kind in "mM" else None

    def read(self, column: "pd.Series[Any]") -> "pd.Series[Any]":
        """A column with a dtype of NumPy or pandas; one that has such a dtype is returned."""
        if isinstance(column.dtype, pd.ArrowDtype):
            return _from_arrow(column)
        if isinstance(column.dtype, pd.SparseDtype):
            sparse: Any = column.sparse  # typed as ...
            return sparse.to_dense()  # type: ignore[no-any-return]
        if column.dtype != object and not isinstance(column.dtype, pd.PeriodDtype):
            return column
        try:
            return from_objects(column, self.objects, self.of)
        except AttributeError as error:
            raise TypeError(f"holds a value that is no {self.objects}: {error}") from error

    def write(self, array: Any) -> Any:
        """An array that `read` could have returned, in the user's dtype."""
        column = pd.Series(array)
        if isinstance(self.dtype, pd.ArrowDtype) and self.objects != "decimal":
            return _to_arrow(column, self.dtype)
        if self.objects == "sparse":
            return pd.array(array, dtype=self.dtype)
        missing = column.isna().to_numpy(dtype=bool)
        if self.objects == "decimal":
            values = column.to_numpy(float, na_value=0.0)
            objects = [_decimal(value, self.places) for value in values]
        else:
            objects = to_objects(column, self.objects, self.of)
        if self.dtype != object:
            known = zip(objects, missing, strict=True)
            return pd.array([None if gone else value for value, gone in known], dtype=self.dtype)
        table = np.empty(len(column), dtype=object)
        table[:] = objects
        table[missing] = MISSING_VALUES[self.missing]
        return pd.Series(table, dtype=object)

    def parsed(self, text: str) -> Any:
        """A time of day or a period that is written as text."""
        if self.objects == "period":
            return pd.Period(text, self.of.freq)
        return datetime.time.fromisoformat(text)

    def to_json(self) -> JSON:
        """The storage as JSON values."""
        return {
            "dtype": dtype_to_json(self.dtype),
            "objects": self.objects,
            "missing": self.missing,
            "places": self.places,
            "of": None if self.of is None else dtype_to_json(self.of),
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype, objects = dtype_from_json(record["dtype"]), record["objects"]
        of = None if record["of"] is None else dtype_from_json(record["of"])
        if dtype != np.dtype(object) and not isinstance(dtype, _CONVERTED):
            raise InputError(f"{dtype} needs no conversion.")
        check_choice("objects", objects, OBJECTS)
        check_choice("missing", record["missing"], tuple(MISSING_VALUES))
        if type(record["places"]) is not int or not abs(record["places"]) < 400:
            raise InputError(f"places={record['places']!r} is not a number of decimal places.")
        expected = {"period": pd.PeriodDtype}.get(objects, (pd.DatetimeTZDtype, type(None)))
        if not isinstance(of, expected):
            raise InputError(f"{of} is not a dtype of objects of type {objects!r}.")
        return cls(dtype, objects, record["missing"], record["places"], of)


def _from_arrow(column: Any) -> "pd.Series[Any]":
    """A column of Arrow as one of NumPy or pandas that holds its values."""
    arrow = column.dtype.pyarrow_dtype
    found: pd.Series[Any] = column
    if pa.types.is_time(arrow):
        whole = pa.int32() if arrow.bit_width == 32 else pa.int64()
        found = column.astype(pd.ArrowDtype(whole)).astype("Int64")
    elif pa.types.is_timestamp(arrow):
        zoned = pd.DatetimeTZDtype(arrow.unit, arrow.tz) if arrow.tz else None
        found = column.astype(zoned or f"datetime64[{arrow.unit}]")
    elif pa.types.is_date(arrow):
        found = column.astype("datetime64[s]")
    elif pa.types.is_duration(arrow):
        found = column.astype(f"timedelta64[{arrow.unit}]")
    elif pa.types.is_null(arrow):
        found = pd.Series(np.full(len(column), np.nan), index=column.index)
    elif pa.types.is_decimal(arrow):
        values = [None if pd.isna(value) else float(value) for value in column]
        found = pd.Series(pd.array(values, dtype="Float64"), index=column.index)
    return found


def _to_arrow(column: "pd.Series[Any]", dtype: Any) -> Any:
    """A column that `_from_arrow` could have returned, in Arrow."""
    arrow = dtype.pyarrow_dtype
    if pa.types.is_null(arrow):
        return pd.array([None] * len(column), dtype=dtype)
    if pa.types.is_time(arrow):
        whole = "int32" if arrow.bit_width == 32 else "int64"
        column = column.astype(pd.ArrowDtype(getattr(pa, whole)()))
    return column.astype(dtype).array


def _places(value: Any) -> int:
    """Decimal places of a number."""
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _decimal(value: float, places: int) -> Decimal:
    """The number with so many decimal places; negative `places` round to tens, hundreds, ..."""
    return Decimal(f"{value if places >= 0 else round(value, places):.{max(places, 0)}f}")

"""Columns of categories: their indices as one-hot blocks, or as several digits."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import (
    MISSING_VALUES,
    check_flag,
    dtype_from_json,
    dtype_to_json,
    has_objects,
    missing_name,
    plain,
)
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["MAX_BLOCK", "CategoryColumn"]

#: Largest width of a block. More categories are written as digits, with a block for each.
MAX_BLOCK = 64


@dataclass(frozen=True)
class CategoryColumn:
    """Strings, booleans or numbers as indices of categories, -1 where missing.

    Categories are sorted by frequency. Up to 64 of them are one block. More are written
    with as few digits as blocks of that size allow; the first digit distinguishes frequent
    categories from rare ones.

    Attributes
    ----------
    dtype : dtype
    values : tuple of str, bool, int or float
        The categories, by index; positions in those of the dtype if these are intervals or dates.
    has_missing : bool
        Whether a missing value is the last category.
    sentinel : {"None", "nan", "NA", "NaT"}
        What represents a missing value in a column of objects.
    """

    kind: ClassVar[str] = "category"
    word: ClassVar[str | None] = "category"
    dtype: Any
    values: tuple[Any, ...]
    has_missing: bool
    sentinel: str = "None"

    @classmethod
    def fit(cls, column: "pd.Series[Any]", name: Any) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values."""
        try:
            codes, unique = _factorize(_positions(column, column.dtype))
        except InputError as error:
            raise InputError(f"column {name!r} of X {error}.") from error
        values = [plain(value) for value in unique]
        _check_values(column, name, unique, values)
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        order = sorted(range(len(values)), key=lambda i: (-counts[i], str(values[i])))
        has_missing = bool((codes < 0).any())
        rank = np.empty(len(order) + 1, np.int64)
        rank[order], rank[-1] = np.arange(len(order)), -1
        sorted_values = tuple(values[i] for i in order)
        return cls(column.dtype, sorted_values, has_missing, missing_name(column)), rank[codes]

    n_numbers: ClassVar[int] = 0
    field: ClassVar["np.dtype[Any]"] = np.dtype(np.int32)

    @property
    def is_empty(self) -> bool:
        return not self.values

    @property
    def known(self) -> list[Any]:
        """The categories as the user has them, by index."""
        if has_objects(self.dtype):
            return [self.dtype.categories[position] for position in self.values]
        return list(self.values)

    @property
    def _count(self) -> int:
        return len(self.values) + self.has_missing

    @property
    def blocks(self) -> tuple[int, ...]:
        n_digits = next(k for k in range(1, 32) if MAX_BLOCK**k >= self._count)
        if n_digits == 1:
            return (self._count,)
        base = math.ceil(self._count ** (1 / n_digits) - 1e-9)
        return (math.ceil(self._count / base ** (n_digits - 1)), *[base] * (n_digits - 1))

    def read(self, column: "pd.Series[Any]") -> np.ndarray:
        """Indices of categories: -1 for a missing value, and -2 for an unknown category."""
        codes, unique = _factorize(_positions(column, self.dtype))
        known = {_key(value): index for index, value in enumerate(self.values)}
        indices = np.array([*(known.get(_key(plain(value)), -2) for value in unique), -1])
        return np.asarray(indices[codes])

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        rest = np.where(values == -1, len(self.values) if self.has_missing else -2, values)
        unknown, digits = rest < 0, []
        for base in reversed(self.blocks):
            rest, digit = np.divmod(rest, base)
            digits.append(np.where(unknown, -1, digit))
        return [], digits[::-1]

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        index = np.zeros(len(places), np.int64)
        for base, digit in zip(self.blocks, places.T, strict=True):
            index = index * base + digit
        index = np.minimum(index, self._count - 1)
        return np.where(index == len(self.values), -1, index)

    def write(self, values: np.ndarray) -> Any:
        if isinstance(self.dtype, pd.CategoricalDtype):
            places: Any = self.values
            if not has_objects(self.dtype):
                place = {_key(plain(value)): i for i, value in enumerate(self.dtype.categories)}
                places = [place[_key(value)] for value in self.values]
            codes = np.array([*places, -1])
            return pd.Categorical.from_codes(codes[values], dtype=self.dtype)
        missing: Any = None
        if self.dtype == object:
            missing = MISSING_VALUES[self.sentinel]
        elif isinstance(self.dtype, np.dtype) and self.dtype.kind == "f":
            missing = np.nan
        table = np.empty(len(self.values) + 1, dtype=object)
        table[:-1], table[-1] = self.values, missing
        objects = table[values]
        if self.dtype == object:
            return pd.Series(objects, dtype=object)  # a DataFrame would infer strings
        return pd.array(objects, dtype=self.dtype)

    def to_json(self) -> JSON:
        return {
            "dtype": dtype_to_json(self.dtype),
            "values": list(self.values),
            "has_missing": self.has_missing,
            "sentinel": self.sentinel,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        dtype, values = dtype_from_json(record["dtype"]), record["values"]
        if not isinstance(values, list) or None in [plain(value) for value in values]:
            raise InputError(
                "the categories of a column are not strings, booleans or finite numbers."
            )
        if len({_key(value) for value in values}) != len(values):
            raise InputError("the categories of a column occur twice.")
        missing = check_flag(record["has_missing"])
        check_choice("sentinel", record["sentinel"], tuple(MISSING_VALUES))
        if not len(values) + missing:
            raise InputError("a column has no categories.")
        column = cls(dtype, tuple(values), missing, record["sentinel"])
        column.write(np.arange(-missing, len(values)))  # raises if categories do not fit dtype
        return column


def _positions(column: "pd.Series[Any]", dtype: Any) -> "pd.Series[Any]":
    """Positions in the categories of `dtype` if these are no plain values, else the column."""
    if not has_objects(dtype):
        return column
    if column.dtype == dtype:
        codes = column.cat.codes.to_numpy(dtype=np.int64)
        return pd.Series(pd.arrays.IntegerArray(codes, codes < 0))
    place = {value: i for i, value in enumerate(dtype.categories)}
    values = list(column.astype(object))
    found = [None if pd.isna(value) else place.get(value, -1) for value in values]
    return pd.Series(pd.array(found, dtype="Int64"))


def _factorize(column: "pd.Series[Any]") -> tuple[np.ndarray, list[Any]]:
    try:
        codes, unique = pd.factorize(column)
    except TypeError as error:  # values without a hash
        raise InputError(
            f"holds values that cannot be categories ({error}): make them strings, or drop it"
        ) from error
    return codes, list(unique)


def _check_values(
    column: "pd.Series[Any]", name: Any, unique: list[Any], values: list[Any]
) -> None:
    """Raise for values that cannot be categories; the message shows the first."""
    if None in values:
        odd = unique[values.index(None)]
        remedy = "astype(float)" if isinstance(odd, Decimal) else "astype(str)"
        if hasattr(odd, "year"):
            remedy = "pandas.to_datetime"
        raise InputError(
            f"column {name!r} of X holds {odd!r} ({type(odd).__name__}), and categories are "
            f"strings, booleans or finite numbers. Convert the column with {remedy}."
        )
    if column.dtype != object:
        return
    known = column.dropna()
    is_bool = known.map(lambda value: isinstance(value, (bool, np.bool_))).to_numpy(dtype=bool)
    is_number = known.map(lambda value: isinstance(value, (int, float, np.number)))
    is_number = is_number.to_numpy(dtype=bool) & ~is_bool
    if is_bool.any() and is_number.any():
        pair = known.iloc[int(np.argmax(is_bool))], known.iloc[int(np.argmax(is_number))]
        raise InputError(
            f"column {name!r} of X holds {pair[0]!r} and {pair[1]!r}, booleans and numbers, which "
            "compare as equal: convert the column with astype(int) or astype(bool)."
        )


def _key(value: Any) -> tuple[str, Any]:
    return ("text" if isinstance(value, str) else "number", value)

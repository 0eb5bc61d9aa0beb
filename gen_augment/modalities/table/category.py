"""Columns of categories: numbers of them, one-hot or in digits."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import check_flag, dtype_from_json, dtype_to_json, plain
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["MAX_BLOCK", "CategoryColumn"]

#: The widest block of a category; more categories are written with several digits, a block for each.
MAX_BLOCK = 64


@dataclass(frozen=True)
class CategoryColumn:
    """Strings, booleans, or anything else of which there are some: numbers of categories, -1 where missing.

    Categories are numbered by how often they occur. Up to 64 of them are one block; more are written with as few
    digits as blocks of that size allow, the first of which tells frequent ones from rare ones.

    Attributes
    ----------
    dtype : dtype
    values : tuple of str, bool, int or float
        By number.
    has_missing : bool
        A missing value is the last category.
    sentinel : {"None", "nan", "NA", "NaT"}
        What stands for it in a column of objects.
    """

    kind: ClassVar[str] = "category"
    dtype: Any
    values: tuple[Any, ...]
    has_missing: bool
    sentinel: str = "None"

    @classmethod
    def fit(cls, column: "pd.Series[Any]", name: Any) -> tuple[Self, np.ndarray]:
        """Learn a column; return it with its values."""
        codes, unique = _factorize(column)
        values = [plain(value) for value in unique]
        if None in values or (column.dtype == object and _has_twins(column)):
            odd = unique[values.index(None)] if None in values else True
            raise InputError(
                f"column {name!r} of X holds {odd!r} ({type(odd).__name__}), which is no category beside {values[:3]}: "
                "categories are strings, booleans or finite numbers. Make them strings, or dates with "
                "pandas.to_datetime."
            )
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        order = sorted(range(len(values)), key=lambda i: (-counts[i], str(values[i])))
        missing = codes < 0
        sentinel = (
            str(column[missing].iloc[0]) if missing.any() and column.dtype == object else "None"
        )
        rank = np.empty(len(order) + 1, np.int64)
        rank[order], rank[-1] = np.arange(len(order)), -1
        made = cls(
            column.dtype, tuple(values[i] for i in order), bool(missing.any()), sentinel.strip("<>")
        )
        return made, rank[codes]

    n_numbers: ClassVar[int] = 0
    field: ClassVar["np.dtype[Any]"] = np.dtype(np.int32)

    @property
    def is_empty(self) -> bool:
        return not self.values

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
        """Numbers of categories; one that was not fitted is -2, or -1 if it is missing and none was."""
        codes, unique = _factorize(column)
        known = {_key(value): number for number, value in enumerate(self.values)}
        numbers = np.array([*(known.get(_key(plain(value)), -2) for value in unique), -1])
        return np.asarray(numbers[codes])

    def encode(self, values: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        rest = np.where(values == -1, len(self.values) if self.has_missing else -2, values)
        unknown, digits = rest < 0, []
        for base in reversed(self.blocks):
            rest, digit = np.divmod(rest, base)
            digits.append(np.where(unknown, -1, digit))
        return [], digits[::-1]

    def decode(self, numbers: np.ndarray, places: np.ndarray) -> np.ndarray:
        number = np.zeros(len(places), np.int64)
        for base, digit in zip(self.blocks, places.T, strict=True):
            number = number * base + digit
        number = np.minimum(number, self._count - 1)
        return np.where(number == len(self.values), -1, number)

    def write(self, values: np.ndarray) -> Any:
        if isinstance(self.dtype, pd.CategoricalDtype):
            place = {
                _key(plain(value)): number for number, value in enumerate(self.dtype.categories)
            }
            numbers = np.array([*(place[_key(value)] for value in self.values), -1])
            return pd.Categorical.from_codes(numbers[values], dtype=self.dtype)
        missing: Any = None
        if self.dtype == object:
            missing = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}[self.sentinel]
        elif isinstance(self.dtype, np.dtype) and self.dtype.kind == "f":
            missing = np.nan
        table = np.empty(len(self.values) + 1, dtype=object)
        table[:-1], table[-1] = self.values, missing
        objects = table[values]
        # A Series, as a DataFrame would make strings of an array of objects.
        return (
            pd.Series(objects, dtype=object)
            if self.dtype == object
            else pd.array(objects, dtype=self.dtype)
        )

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
        check_choice("sentinel", record["sentinel"], ("None", "nan", "NA", "NaT"))
        if not len(values) + missing:
            raise InputError("a column has no categories.")
        column = cls(dtype, tuple(values), missing, record["sentinel"])
        column.write(
            np.arange(-missing, len(values))
        )  # raises if dtype and categories do not go together
        return column


def _factorize(column: "pd.Series[Any]") -> tuple[np.ndarray, list[Any]]:
    try:
        codes, unique = pd.factorize(column)
    except TypeError as error:  # what cannot be hashed
        raise InputError(
            f"column {column.name!r} of X holds what is no category: {error}"
        ) from error
    return codes, list(unique)


def _has_twins(column: "pd.Series[Any]") -> bool:
    """Whether booleans and numbers stand side by side, which count as equal."""
    types = set(column.dropna().map(type))
    return bool(types & {bool, np.bool_}) and any(
        issubclass(t, (int, float, np.number)) for t in types - {bool}
    )


def _key(value: Any) -> tuple[str, Any]:
    return ("text" if isinstance(value, str) else "number", value)

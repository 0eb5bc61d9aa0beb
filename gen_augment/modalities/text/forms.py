"""Containers of texts: lists, arrays, Series and DataFrames of one column."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from torch import Tensor

from gen_augment.containers import as_pandas, converted_from, to_library
from gen_augment.errors import InputError
from gen_augment.modalities.table.dtypes import dtype_from_json, dtype_to_json
from gen_augment.modalities.table.file_format import TEXT_SUFFIXES
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["SUFFIXES", "TextForm", "read_texts"]

#: Of files of texts.
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".jsonl")

_CONTAINERS = ("list", "array", "series", "frame")
#: dtypes of arrays by the name in an archive; the name of NumPy 2's strings of variable length.
_ARRAYS, _VARIABLE = {"str": str, "object": object}, "StringDType"
#: Characters of a row that an error shows.
_SHOWN = 60


@dataclass(frozen=True)
class TextForm:
    """The container that texts came in, and that new texts are put into.

    Attributes
    ----------
    container : {"list", "array", "series", "frame"}
    dtype : dtype
        Of an array, a Series, or the column of a DataFrame; None for a list.
    name : str, int or None
        Of a Series, or of the column of a DataFrame.
    library : str
        The library of a Series or DataFrame, if it is not pandas: "polars".
    """

    container: str = "list"
    dtype: Any = None
    name: str | int | None = None
    library: str = ""

    @classmethod
    def of(cls, X: Any) -> Self:
        """Return the form of texts that `read_texts` accepts.

        Raises
        ------
        InputError
            The name of a Series or of a column is neither a string nor a whole number.
        """
        X = as_pandas(X)
        if isinstance(X, pd.DataFrame):
            column = X.iloc[:, 0]
            return cls("frame", _dtype(column), _name(X.columns[0]), converted_from(X))
        if isinstance(X, pd.Series):
            return cls("series", _dtype(X), _name(X.name), converted_from(X))
        if isinstance(X, np.ndarray):
            return cls("array", np.dtype(str) if X.dtype.kind == "U" else X.dtype)
        return cls()

    def fill(self, texts: list[str]) -> Any:
        """Return texts in a container of this form."""
        if self.container == "list":
            return texts
        if self.container == "array":
            return np.array(texts, dtype=self.dtype)
        column = pd.Series(texts, dtype=self.dtype, name=self.name)
        if self.container == "series":
            return to_library(column, self.library)
        # A Series without a name would get the name 0.
        return to_library(pd.DataFrame({self.name: column}), self.library)

    def to_json(self) -> JSON:
        """Return the form as JSON values."""
        dtype: Any = None
        if self.container == "array":
            dtype = {"U": "str", "T": _VARIABLE}.get(self.dtype.kind, "object")
        elif self.dtype is not None:
            dtype = dtype_to_json(self.dtype)
        return {
            "container": self.container,
            "dtype": dtype,
            "name": self.name,
            "library": self.library,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a form from its `to_json`."""
        check_choice("container", record["container"], _CONTAINERS)
        check_choice("library", record["library"], ("", "polars"))
        dtype: Any = record["dtype"]
        if record["container"] == "array":
            dtype = np.dtypes.StringDType() if dtype == _VARIABLE else np.dtype(_ARRAYS[dtype])
        elif dtype is not None:
            dtype = dtype_from_json(dtype)
        form = cls(record["container"], dtype, _name(record["name"]), record["library"])
        form.fill(["a"])  # raises for a dtype that holds no strings
        return form


def read_texts(X: Any) -> list[str]:
    """Return rows as a list of strings.

    Parameters
    ----------
    X : list, ndarray of shape (n,), Series, or DataFrame of one column

    Raises
    ------
    InputError
        The container is another one, or a row is no string.
    """
    values = _values(as_pandas(X))
    for number, row in enumerate(values):
        if not isinstance(row, str):
            raise InputError(f"row {number} of X is {_shown(row)}, not a string: {_remedy(row)}.")
    texts = [str(row) for row in values]  # NumPy's strings are a subclass
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        number = next(i for i, text in enumerate(texts) if not _is_utf8(text))
        raise InputError(
            f"row {number} of X, {_shown(texts[number])}, holds half of a surrogate pair, which "
            'is no character: replace it with text.encode("utf-8", "replace").decode().'
        ) from None
    return texts


def _values(X: Any) -> Any:
    if isinstance(X, pd.DataFrame):
        if X.shape[1] != 1:
            names = list(X.columns)
            raise InputError(
                f"X has the columns {names[:8]}: texts are one column, such as X[{names[0]!r}]."
                if names
                else "X has no columns: texts are one column."
            )
        return X.iloc[:, 0].tolist()
    if isinstance(X, pd.Series):
        return X.tolist()
    if isinstance(X, np.ndarray) and X.ndim == 1:
        return X.tolist()
    if isinstance(X, (list, tuple)):
        return X
    if isinstance(X, (np.ndarray, Tensor)):
        raise InputError(
            f"X has shape {tuple(X.shape)}: texts are a list or an array of shape (n,) with one "
            "string for each row."
        )
    raise InputError(
        f"X is a {type(X).__name__}: give texts as a list, an array, a Series, or a DataFrame of "
        "one column."
    )


def _shown(row: Any) -> str:
    text = repr(row)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _remedy(row: Any) -> str:
    if isinstance(row, bytes):
        return "decode it, such as row.decode()"
    if row is None or row is pd.NA or row is pd.NaT or (isinstance(row, float) and row != row):
        return "leave the row out, or give an empty string"
    return "convert it with str(row), or leave the row out"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _dtype(column: "pd.Series[Any]") -> Any:
    """Return the dtype of a column; that of the values of a categorical one."""
    dtype: Any = column.dtype
    return dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype


def _name(name: Any) -> Any:
    name = name.item() if isinstance(name, np.generic) else name
    if name is not None and type(name) not in (str, int):
        raise InputError(f"X has the name {name!r}: rename it to a string or a whole number.")
    return name

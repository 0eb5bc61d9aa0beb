"""Tables of mixed columns to float32 numbers and one-hot blocks, and back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_array
from torch import Tensor

from gen_augment.containers import as_pandas, converted_from, stack_rows, to_library
from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, Modality
from gen_augment.modalities.registry import registered
from gen_augment.modalities.table.columns import KINDS, Column, check_magnitude
from gen_augment.modalities.table.dtypes import dtype_to_json, is_number
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.types import JSON, ColumnTypes
from gen_augment.validation import check_choice

__all__ = ["TableCodec", "columns_of"]

Container = Literal["ndarray", "dataframe", "tensor"]
_REFUSED = (pd.SparseDtype, pd.IntervalDtype, pd.PeriodDtype)


@dataclass(frozen=True)
class TableCodec(Codec):
    """How the user holds a table, and what its columns are.

    An encoded row has the numbers of all columns first, and then their one-hot blocks: a block for each category (for
    more than 64 values, one for each of a few digits), and one for each column of numbers or dates in which some values
    are missing, which says so. Numbers are mapped to normal quantiles (`gen_augment.modalities.table.quantile`); on the way back
    they keep within their bounds, and whole numbers stay whole.

    What comes back from an encoded row is exact for categories, booleans, missing values, dates down to the
    microsecond, and whole numbers within a span of a million; other numbers are within 1e-6 of their column's range.
    Sparse columns, intervals, periods and complex numbers are refused.

    Attributes
    ----------
    container : {"ndarray", "dataframe", "tensor"}
    columns : list of (str or int)
        Names; positions where there are none.
    parts : tuple of Column
        One for each column.
    dtype : str or None
        Of an array or Tensor.
    file : TableFile
        The form of the file that the rows came from; see `Table`.
    library : str
        The library of a DataFrame, if it is not pandas: "polars".

    Examples
    --------
    >>> X = pd.DataFrame({"age": [31, 40, 52], "country": ["NO", None, "SE"]})
    >>> codec, rows = TableCodec.fit(X)
    >>> rows.shape, codec.blocks
    (torch.Size([3, 4]), (3,))
    >>> codec.decode(rows).equals(X)
    True
    """

    container: Container
    columns: list[str | int]
    parts: tuple[Column, ...]
    dtype: str | None = None
    file: TableFile = field(default_factory=TableFile)
    library: str = ""

    @property
    def kind(self) -> str:
        return "table"

    @property
    def modality(self) -> Modality:
        """Tables whose columns are read as these are."""
        table: Any = registered()["table"]
        columns = zip(self.columns, self.parts, strict=True)
        types = {name: part.kind for name, part in columns if part.kind != "date"}
        made: Modality = table(types, self.file if self.file.to_json() else None)
        return made

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self.columns)

    @property
    def feature_names(self) -> list[str] | None:  # type: ignore[override]
        """Names of a DataFrame's columns, if all are strings."""
        names = [name for name in self.columns if isinstance(name, str)]
        whole = self.container == "dataframe" and len(names) == len(self.columns)
        return names if whole else None

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of one encoded row, ``(width,)``."""
        return (self._n_numbers + sum(self.blocks),)

    @cached_property
    def blocks(self) -> tuple[int, ...]:  # type: ignore[override]
        """Widths of the one-hot blocks that end an encoded row."""
        return tuple(width for part in self.parts for width in part.blocks)

    def missing_marks(self) -> list[tuple[slice, int]]:
        """List the numbers of each column with missing values, and the place that marks them."""
        marks, number, place = [], 0, self._n_numbers
        for part in self.parts:
            if getattr(part, "marked", False):
                marks.append((slice(number, number + part.n_numbers), place + 1))
            number, place = number + part.n_numbers, place + sum(part.blocks)
        return marks

    @cached_property
    def _n_numbers(self) -> int:
        return sum(part.n_numbers for part in self.parts)

    @classmethod
    def fit(cls, X: Any, types: ColumnTypes = None) -> tuple[Self, Tensor]:
        """Learn the columns of `X`; return the codec and the encoded rows.

        Parameters
        ----------
        X : DataFrame, ndarray or Tensor of shape (n_rows, n_columns)
            NaN, None, NA and NaT are missing values, and are learned as such.
        types : {column: {"number", "category"}}, optional
            Of columns that are to be taken for something else than their dtype says: whole numbers that are codes, for
            example, are a "category".

        Raises
        ------
        InputError
            A column cannot be used; the message names it.
        """
        X = stack_rows(X)
        X = as_pandas(X)
        container, dtype, series = columns_of(X)
        names = list(series)
        kinds = _kinds(series, types)
        fitted = [KINDS[kinds[name]].fit(column, name) for name, column in series.items()]
        parts = tuple(part for part, _ in fitted)
        codec = cls(container, names, parts, dtype, library=converted_from(X))
        return codec, codec._encode(values for _, values in fitted)

    def encode(self, X: Any) -> Tensor:
        """Rows in the form that was fitted to a Tensor of shape (n_rows, width), float32.

        A category that was not fitted is a block of zeros, as of scikit-learn's ``OneHotEncoder(handle_unknown=
        "ignore")``; so is a missing one, and a missing number the middle of its column, where none was missing before.
        Numbers beyond the fitted bounds go on along a line.
        """
        X = stack_rows(X)
        container, _, series = columns_of(X)
        if len(series) != len(self.columns):
            raise InputError(
                f"X has {len(series)} features, but {type(self).__name__} is expecting {len(self.columns)} features "
                f"as input: give the columns that were fitted, {self.columns}."
            )
        if container != self.container or list(series) != self.columns:
            raise InputError(
                f"the table was fitted as {self.container} with columns {self.columns}, got {container} with "
                f"{list(series)}."
            )
        return self._encode(self._read(series))

    def check_known(self, X: Any) -> None:
        """Raise for values that `encode` has no place for: categories and missing values that were not fitted."""
        series = columns_of(stack_rows(X))[2]
        for (name, column), part, values in zip(
            series.items(), self.parts, self._read(series), strict=False
        ):
            numbers, places = part.encode(values)
            unknown = (
                np.any([place < 0 for place in places], axis=0)
                if places
                else np.zeros(len(values), dtype=bool)
            )
            if numbers and not part.blocks and not part.is_empty:
                unknown |= column.isna().to_numpy(dtype=bool)
            if unknown.any():
                row = int(np.argmax(unknown))
                raise InputError(
                    f"column {name!r} of X has {column.iloc[row]!r} in row {row}, and no such value was fitted: leave "
                    "those rows out, or fit anew."
                )

    def decode(self, rows: Tensor) -> Any:
        """Encoded rows of shape (n_rows, width) to the form that was fitted."""
        rows = rows.detach().cpu()
        numbers = rows[:, : self._n_numbers].double().numpy()
        ends = accumulate(self.blocks, initial=self._n_numbers)
        places = [rows[:, start:stop].argmax(dim=1).numpy() for start, stop in pairwise(ends)]
        return self._assemble(self._decode(numbers, places))

    def pack(self, X: Any) -> np.ndarray:
        """Decoded rows as an array of numbers, as a file holds them; a DataFrame gets one field a column."""
        if self.container == "tensor":
            tensor: np.ndarray = (
                (X.view(torch.int16) if X.dtype == torch.bfloat16 else X).cpu().numpy()
            )
            return tensor
        if self.container == "ndarray":
            return X  # type: ignore[no-any-return]
        array = np.empty(len(X), dtype=[(f"f{i}", part.field) for i, part in enumerate(self.parts)])
        for i, values in enumerate(self._read(columns_of(X)[2])):
            array[f"f{i}"] = values
        return array

    def unpack(self, array: np.ndarray) -> Any:
        """Decoded rows out of what `pack` made; a Tensor shares its memory."""
        if self.container == "tensor":
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if self.dtype == "bfloat16" else tensor
        return (
            array
            if self.container == "ndarray"
            else self._assemble(array[name] for name in array.dtype.names or ())
        )

    def to_json(self) -> JSON:
        """All of it as JSON values."""
        return {
            "container": self.container,
            "columns": self.columns,
            "dtype": self.dtype,
            "parts": [{"kind": part.kind, **part.to_json()} for part in self.parts],
            "file": self.file.to_json(),
            "library": self.library,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        columns = record["columns"]
        parts = tuple(KINDS[part["kind"]].from_json(part) for part in record["parts"])
        check_choice("container", record["container"], ("ndarray", "dataframe", "tensor"))
        if not all(type(name) in (str, int) for name in columns) or len(set(columns)) != len(
            columns
        ):
            raise InputError(f"columns={columns!r} are not names of columns.")
        if not columns or len(columns) != len(parts):
            raise InputError(f"{len(columns)} names, and {len(parts)} columns.")
        file = TableFile.of(record["file"])
        check_choice("library", record["library"], ("", "polars"))
        codec = cls(record["container"], columns, parts, record["dtype"], file, record["library"])
        if codec.container != "dataframe" and (
            codec.dtype is None or codec.columns != list(range(len(columns)))
        ):
            raise InputError(
                f"dtype={codec.dtype!r} and columns={columns!r} do not go with {codec.container}."
            )
        codec.decode(
            torch.zeros(1, *codec.shape, device="cpu")
        )  # raises for dtypes that do not go with the values
        return codec

    def _read(self, series: "Mapping[Any, pd.Series[Any]]") -> "Iterator[np.ndarray]":
        for (name, column), part in zip(series.items(), self.parts, strict=True):
            try:
                values = part.read(column)
            except (InputError, TypeError, ValueError) as error:
                raise InputError(f"column {name!r} of X {error}.") from error
            if values.dtype.kind == "f" and np.isinf(values).any():
                row = int(np.argmax(np.isinf(values)))
                raise InputError(
                    f"column {name!r} of X contains infinity (first seen in row {row})."
                )
            yield values

    def _encode(self, values: "Iterator[np.ndarray]") -> Tensor:
        out: np.ndarray = np.empty((0, 0), np.float32)
        number, place = 0, self._n_numbers
        for i, (part, column) in enumerate(zip(self.parts, values, strict=True)):
            if i == 0:
                out = np.zeros((len(column), *self.shape), np.float32)
            numbers, places = part.encode(column)
            for encoded in numbers:
                out[:, number] = encoded
                number += 1
            for width, hot in zip(part.blocks, places, strict=True):
                known = np.flatnonzero(hot >= 0)
                out[known, place + hot[known]] = 1
                place += width
        return torch.from_numpy(out)

    def _decode(self, numbers: np.ndarray, places: list[np.ndarray]) -> "Iterator[np.ndarray]":
        number = place = 0
        for part in self.parts:
            mine = places[place : place + len(part.blocks)]
            stacked = np.stack(mine, axis=1) if mine else np.empty((len(numbers), 0), np.int64)
            yield part.decode(numbers[:, number : number + part.n_numbers], stacked)
            number, place = number + part.n_numbers, place + len(part.blocks)

    def _assemble(self, values: "Iterator[np.ndarray]") -> Any:
        """Columns of values in the user's container."""
        arrays = {
            i: part.write(column)
            for i, (part, column) in enumerate(zip(self.parts, values, strict=True))
        }
        if self.container == "dataframe":
            frame = pd.DataFrame(arrays, copy=False).set_axis(self.columns, axis=1)
            return to_library(frame, self.library)
        out = np.stack([np.asarray(column, dtype=np.float64) for column in arrays.values()], axis=1)
        if self.container == "tensor":
            return torch.from_numpy(out).to(getattr(torch, str(self.dtype)))
        return out.astype(self.dtype, copy=False)


def columns_of(X: Any) -> "tuple[Container, str | None, dict[Any, pd.Series[Any]]]":
    """Container, dtype if there is one for all, and columns by name."""
    X = as_pandas(X)
    if isinstance(X, pd.DataFrame):
        _check_frame(X)
        names = [c if isinstance(c, str) else int(c) for c in X.columns]
        return "dataframe", None, {name: X.iloc[:, i] for i, name in enumerate(names)}
    container: Container = "ndarray"
    name: str
    if isinstance(X, Tensor):
        if X.layout != torch.strided or X.is_complex():
            raise InputError(
                f"X is a {X.layout} Tensor of {X.dtype}: tables are dense real numbers."
            )
        name = str(X.dtype).removeprefix("torch.")
        container = "tensor"
        whole, boolean = not X.is_floating_point(), X.dtype == torch.bool
        X = X.detach().cpu().double().numpy()
    else:
        if isinstance(X, np.ndarray) and X.dtype.kind not in "biufc":  # complex is refused below
            raise InputError(
                f"X is an array of dtype {X.dtype}: give numbers, or a DataFrame with one dtype a column."
            )
        dtype = np.asarray(X).dtype
        name = str(dtype.name if dtype.isnative else dtype.str)
        whole, boolean = dtype.kind in "iu", dtype.kind == "b"
    try:
        values = np.asarray(check_array(X, dtype=np.float64, ensure_all_finite=False))
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    return (
        container,
        name,
        {i: _column_of_array(column, i, whole, boolean) for i, column in enumerate(values.T)},
    )


def _column_of_array(
    values: np.ndarray, number: int, whole: bool, boolean: bool
) -> "pd.Series[Any]":
    if boolean:
        return pd.Series(values != 0)
    if whole:
        check_magnitude(values, number, whole=True)
        return pd.Series(values.astype(np.int64))
    return pd.Series(values)


def _check_frame(X: pd.DataFrame) -> None:
    if X.columns.has_duplicates:
        raise InputError(
            f"column names occur twice: {X.columns[X.columns.duplicated()].tolist()}. Rename them."
        )
    names = [c for c in X.columns if not isinstance(c, (str, int, np.integer))]
    if names:
        raise InputError(f"column names must be str or int, got {names[:3]!r}.")
    if not all(X.shape):
        raise InputError(
            f"X has 0 {'feature(s)' if len(X) else 'sample(s)'} (shape={X.shape}): give at least one."
        )


def _kinds(series: "Mapping[Any, pd.Series[Any]]", types: ColumnTypes) -> dict[Any, str]:
    """What each column is taken for."""
    chosen = {}
    for name, kind in (types or {}).items():
        if name not in series:
            raise InputError(
                f"column_types names a column {name!r} that X does not have; it has {list(series)}."
            )
        check_choice(f"column_types[{name!r}]", kind, ("number", "category"))
        chosen[name] = kind
    refused = {}
    for name, column in series.items():
        inferred = _kind(column.dtype)
        if (
            inferred is None
            or not _can_be(column.dtype, chosen.get(name, inferred))
            or not _is_writable(column.dtype)
        ):
            refused[name] = str(column.dtype)
        chosen.setdefault(name, str(inferred))
    if refused:
        raise InputError(
            f"columns {refused} cannot be used as they are: make them dense numbers, strings, categories of those, or "
            "dates of datetime64."
        )
    return chosen


def _kind(dtype: Any) -> str | None:
    """What a column of this dtype is taken for; None for what cannot be used."""
    if isinstance(dtype, _REFUSED) or (
        isinstance(dtype, pd.ArrowDtype) and dtype.kind not in "biufU"
    ):
        return None
    if dtype.kind in "bUO":
        return "category"
    return {"M": "date", "m": "number"}.get(dtype.kind, "number" if is_number(dtype) else None)


def _can_be(dtype: Any, kind: str) -> bool:
    return is_number(dtype) or _kind(dtype) == kind


def _is_writable(dtype: Any) -> bool:
    """Whether an archive can hold the dtype."""
    try:
        dtype_to_json(dtype)
    except InputError:
        return False
    return True

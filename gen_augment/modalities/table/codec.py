"""Encoding of tables with mixed columns as float32 numbers and one-hot blocks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import as_pandas, converted_from, stack_rows, to_library, unmasked
from gen_augment.errors import InputError
from gen_augment.modalities.base import BlockGroup, Codec, Gaps, Modality
from gen_augment.modalities.registry import registered
from gen_augment.modalities.table.column_kinds import column_kinds
from gen_augment.modalities.table.columns import (
    KINDS,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
)
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.table.frames import Container, columns_of
from gen_augment.modalities.table.gaps import fill_cells, find_gaps
from gen_augment.modalities.table.joining import adopt_table, join_codecs
from gen_augment.types import JSON, ColumnTypes
from gen_augment.validation import check_choice

__all__ = ["TableCodec", "columns_of", "fit_column"]


@dataclass(frozen=True)
class TableCodec(Codec):
    """The columns of a table, and the container it came in.

    An encoded row consists of the numbers of all columns, followed by their one-hot
    blocks. A category has one block, or one for each of its digits if there are more than
    64 values. A column of numbers or dates in which some values are missing has a block
    that says so. Numbers are mapped to normal quantiles (`gen_augment.modalities.table.quantile`).
    Decoded numbers stay within the bounds of their column and on its step (1 for whole
    numbers, 0.01 for prices), also where floats hold them.

    Encoding and decoding is exact for categories, booleans, missing values, dates to the
    microsecond, and numbers with fewer than a million steps in their range. Other numbers
    have an error of at most 1e-6 of the range of their column. A column of floats that
    differ by no more than the rounding of float64 is constant, and a warning names it.
    Intervals, complex numbers and free text are refused.

    Attributes
    ----------
    container : {"ndarray", "dataframe", "tensor"}
    columns : list of (str or int)
        Names; positions where there are none.
    parts : tuple of Column
        One for each column.
    dtype : str or None
        The dtype of an array or Tensor.
    file : TableFile
        The form of the file that the rows came from; see `Table`.
    library : str
        The library of the table, if it is not pandas: "polars", or "numpy" for an array of objects.

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
    def modality(self) -> Modality:
        """Tables whose columns are read as these are."""
        table: Any = registered()["table"]
        columns = zip(self.columns, self.parts, strict=True)
        types = {name: part.word for name, part in columns if part.word}
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
        """Widths of the one-hot blocks at the end of an encoded row."""
        return tuple(width for part in self.parts for width in part.blocks)

    @property
    def steps(self) -> dict[str | int, float]:
        """Step of each column of numbers that has one, such as 1.0 or 0.01, by name."""
        parts = zip(self.columns, self.parts, strict=True)
        return {
            name: part.steps.step
            for name, part in parts
            if isinstance(part, NumberColumn) and part.steps is not None
        }

    def block_groups(self) -> list[BlockGroup]:
        """List the blocks of each column: digits of one category, or a mark of missing numbers."""
        groups, number, place = [], 0, self._n_numbers
        for part in self.parts:
            starts = tuple(accumulate(part.blocks[:-1], initial=place))
            numbers = slice(number, number + part.n_numbers) if part.n_numbers else None
            if part.blocks:
                groups.append(BlockGroup(starts, part.blocks, numbers))
            number, place = number + part.n_numbers, place + sum(part.blocks)
        return groups

    @cached_property
    def _n_numbers(self) -> int:
        return sum(part.n_numbers for part in self.parts)

    @classmethod
    def fit(cls, X: Any, types: ColumnTypes = None) -> tuple[Self, Tensor]:
        """Learn the columns of `X`; return the codec and the encoded rows.

        Parameters
        ----------
        X : DataFrame, ndarray or Tensor of shape (n_rows, n_columns)
            NaN, None, NA, NaT and masked values are missing values, and are learned as
            such.
        types : {column: {"number", "continuous", "category"}}, optional
            What a column is taken for where its dtype is misleading. Whole numbers that
            are codes are a "category". A "number" has the step of its values; a
            "continuous" one has none, so that a new price may have a fraction of a cent.

        Raises
        ------
        InputError
            A column cannot be used; the message names it.

        Warns
        -----
        UserWarning
            A column of objects is read as numbers, a column is constant but for rounding,
            or a category holds identifiers; the message names it.
        """
        X = as_pandas(stack_rows(X))
        container, dtype, series = columns_of(X)
        kinds = column_kinds(series, types)
        fitted = [fit_column(column, name, kinds[name]) for name, column in series.items()]
        parts = tuple(part for part, _ in fitted)
        codec = cls(container, list(series), parts, dtype, library=converted_from(X))
        return codec, codec._encode(values for _, values in fitted)

    def encode(self, X: Any) -> Tensor:
        """Encode rows in the form that was fitted as a float32 Tensor of shape (n_rows, width).

        An unknown category is encoded as zeros, as in scikit-learn's
        ``OneHotEncoder(handle_unknown="ignore")``. So is a missing category if none was
        missing in `fit`; a missing number is then the middle of its column. Numbers beyond
        the fitted bounds are extrapolated linearly. Samplers call `check_known` besides.
        """
        X = stack_rows(X)
        container, _, series = columns_of(X)
        if len(series) != len(self.columns):
            raise InputError(
                f"X has {len(series)} features, but {type(self).__name__} is expecting "
                f"{len(self.columns)} features as input: give the fitted columns, {self.columns}."
            )
        if container != self.container or list(series) != self.columns:
            raise InputError(
                f"the table was fitted as {self.container} with columns {self.columns}, got "
                f"{container} with {list(series)}."
            )
        return self._encode(self._read(series))

    def check_known(self, X: Any) -> None:
        """Raise for values that were not fitted: unknown categories, new missing values."""
        series = columns_of(stack_rows(X))[2]
        for (name, column), part, values in zip(
            series.items(), self.parts, self._read(series), strict=False
        ):
            numbers, places = part.encode(values)
            unknown = np.zeros(len(values), dtype=bool)
            if places:
                unknown = np.any([place < 0 for place in places], axis=0)
            if numbers and not part.blocks and not part.is_empty:
                unknown |= column.isna().to_numpy(dtype=bool)
            if unknown.any():
                row = int(np.argmax(unknown))
                raise InputError(
                    f"column {name!r} of X has {column.tolist()[row]!r} in row {row}, which was "
                    "not seen in fit: leave such rows out, or fit again."
                )

    def gaps(self, X: Any) -> Gaps:
        """Encode rows with missing cells, and say where those are."""
        return find_gaps(self, X)

    def filled(self, X: Any, rows: Tensor) -> Any:
        """Return `X` with its missing cells from encoded rows."""
        return fill_cells(self, X, rows)

    def decode(self, rows: Tensor) -> Any:
        """Decode rows of shape (n_rows, width) to the form that was fitted."""
        rows = rows.detach().cpu()
        numbers = rows[:, : self._n_numbers].double().numpy()
        ends = accumulate(self.blocks, initial=self._n_numbers)
        places = [rows[:, start:stop].argmax(dim=1).numpy() for start, stop in pairwise(ends)]
        return self._assemble(self._decode(numbers, places))

    def joined(self, others: Sequence[Any]) -> "TableCodec":
        """Return an encoding with all columns; see `gen_augment.modalities.table.joining`."""
        return join_codecs([self, *others])  # type: ignore[no-any-return]

    def adopted(self, X: Any) -> Any:
        return adopt_table(X, self)

    def pack(self, X: Any) -> np.ndarray:
        """Decoded rows as an array for a file; a DataFrame has one field for each column."""
        if self.container == "tensor":
            tensor = X.view(torch.int16) if X.dtype == torch.bfloat16 else X
            return np.asarray(tensor.detach().cpu().numpy())
        if self.container == "ndarray":
            return np.asarray(unmasked(X))
        array = np.empty(len(X), dtype=[(f"f{i}", part.field) for i, part in enumerate(self.parts)])
        for i, values in enumerate(self._read(columns_of(X)[2])):
            array[f"f{i}"] = values
        return array

    def unpack(self, array: np.ndarray) -> Any:
        """Decoded rows from the array that `pack` made; a Tensor shares its memory."""
        if self.container == "tensor":
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if self.dtype == "bfloat16" else tensor
        if self.container == "ndarray":
            return array
        return self._assemble(array[name] for name in array.dtype.names or ())

    def to_json(self) -> JSON:
        """The codec as JSON values."""
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
        distinct = len(set(columns)) == len(columns)
        if not distinct or not all(type(name) in (str, int, bool) for name in columns):
            raise InputError(f"columns={columns!r} are not names of columns.")
        if not columns or len(columns) != len(parts):
            raise InputError(f"there are {len(columns)} names for {len(parts)} columns.")
        file = TableFile.of(record["file"])
        check_choice("library", record["library"], ("", "numpy", "polars"))
        codec = cls(record["container"], columns, parts, record["dtype"], file, record["library"])
        numbered = codec.columns == list(range(len(columns)))
        if codec.container != "dataframe" and (codec.dtype is None or not numbered):
            raise InputError(
                f"dtype={codec.dtype!r} and columns={columns!r} do not fit {codec.container}."
            )
        # Raises for dtypes that do not fit the values.
        codec.decode(torch.zeros(1, *codec.shape, device="cpu"))
        return codec

    def _read(self, series: "Mapping[Any, pd.Series[Any]]") -> "Iterator[np.ndarray]":
        for (name, column), part in zip(series.items(), self.parts, strict=True):
            try:
                values = part.read(column)
            except (InputError, OverflowError, TypeError, ValueError) as error:
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
        out = np.stack([np.asarray(column) for column in arrays.values()], axis=1)
        if self.container == "tensor":
            return torch.from_numpy(out).to(getattr(torch, str(self.dtype)))
        return out.astype(self.dtype, copy=False)


def fit_column(column: "pd.Series[Any]", name: Any, kind: str) -> tuple[Any, np.ndarray]:
    """Learn one column; return it with its values."""
    if kind == "category":
        return CategoryColumn.fit(column, name)
    if kind == "date":
        return DateColumn.fit(column, name)
    return NumberColumn.fit(column, name, continuous=kind == "continuous")

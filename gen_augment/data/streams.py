"""Labelled rows that arrive in parts: Arrow datasets and iterable Datasets.

A stream can be read more than once, from the first row each time. `open_stream` finds out whether
`X` is one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import torch
from torch.utils.data import IterableDataset

from gen_augment.containers import as_pandas, concatenate, library_of, stack_rows
from gen_augment.errors import InputError
from gen_augment.modalities.table.parquet_folder import different_columns
from gen_augment.user_warnings import warn

__all__ = [
    "PART_ROWS", "RowStream", "located", "numbered", "open_stream", "read_all", "row_bytes",
    "stack_if_equal", "stack_pairs",
]  # fmt: skip

#: Most rows of a part, and bytes that it should not exceed.
PART_ROWS, PART_BYTES = 1 << 16, 1 << 25
#: An iterable Dataset without a length that has more rows is taken for an endless one.
MAX_UNSIZED = 1 << 24


class RowStream(Protocol):
    """Labelled rows that arrive in parts.

    Attributes
    ----------
    name : str
        What messages call it.
    """

    name: str

    def parts(self) -> Iterator[tuple[Any, Any]]:
        """Yield rows and labels from the first row on."""


def open_stream(X: Any, y: Any) -> RowStream | None:
    """Return a stream of the rows of `X`; None if `X` is no source of parts.

    Parameters
    ----------
    X : pyarrow Dataset, or IterableDataset of (x, label)
        WebDataset's pipelines are iterable Datasets.
    y : str or None
        Column of the labels of an Arrow dataset.

    Raises
    ------
    InputError
        The column of labels is not known.

    Examples
    --------
    >>> from pyarrow.dataset import dataset
    >>> table = pa.table({"a": [1, 2], "label": ["x", "y"]})
    >>> stream = open_stream(dataset(table), "label")
    >>> [(X.column_names, y.column_names, len(y)) for X, y in stream.parts()]
    [(['a'], ['label'], 2)]
    """
    if library_of(X) == "pyarrow" and hasattr(X, "scanner"):
        if different := different_columns(X):
            warn(f"{different} Missing ones are read as missing values.")
        return _ArrowStream(X, y)
    if isinstance(X, IterableDataset):
        if y is not None:
            raise InputError(
                "X is an iterable Dataset, which brings its own labels, so y must be None."
            )
        return _IterableStream(X)
    return None


def read_all(stream: RowStream) -> tuple[Any, Any]:
    """Read all rows and labels into memory; the rows of an Arrow dataset as a DataFrame."""
    parts = [part for _, *part in numbered(stream)]
    X, y = (concatenate(columns) for columns in zip(*parts, strict=True))
    return as_pandas(stack_if_equal(X)), y


def numbered(stream: RowStream) -> Iterator[tuple[int, Any, Any]]:
    """Yield the number of the first row of each part, its rows and its labels.

    Raises
    ------
    InputError
        There are no rows.
    """
    start = 0
    for X, y in stream.parts():
        yield start, X, y
        start += len(y)
    if not start:
        raise InputError(f"{stream.name} has no rows.")


@contextmanager
def located(stream: RowStream, start: int) -> Iterator[None]:
    """Say which part of a stream an `InputError` within the block is about."""
    try:
        yield
    except InputError as error:
        if not start:
            raise
        where = f"Rows are counted from row {start} of {stream.name}."
        raise InputError(f"{error} {where}") from error


class _ArrowStream:
    """A pyarrow Dataset with a column of labels."""

    def __init__(self, dataset: Any, label: Any) -> None:
        self.dataset = dataset
        self.name = f"the {type(dataset).__name__}"
        names = dataset.schema.names
        if not isinstance(label, str) or label not in names:
            raise InputError(
                f"y={label!r} is no column of {self.name}, which has {names}: give the name of "
                "the column of labels."
            )
        if len(names) == 1:
            raise InputError(f"{self.name} has no column besides its labels.")
        self.label = label

    def parts(self) -> Iterator[tuple[Any, Any]]:
        scanner = self.dataset.scanner(
            batch_size=PART_ROWS, batch_readahead=2, fragment_readahead=1
        )
        try:
            for table in _tables(scanner.to_batches()):
                yield table.drop_columns([self.label]), table.select([self.label])
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{self.name} cannot be read ({error}): give files whose columns have one type."
            ) from error


def _tables(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """Join small batches, such as those of small row groups."""
    waiting: list[pa.RecordBatch] = []
    n_rows = 0
    for batch in batches:
        waiting.append(batch)
        n_rows += len(batch)
        if n_rows >= PART_ROWS // 2:
            yield pa.Table.from_batches(waiting)
            waiting, n_rows = [], 0
    if n_rows:
        yield pa.Table.from_batches(waiting)


class _IterableStream:
    """A Dataset of (x, label) that can only be read in order."""

    def __init__(self, dataset: "IterableDataset[Any]") -> None:
        self.dataset = dataset
        self.name = type(dataset).__name__

    def parts(self) -> Iterator[tuple[Any, Any]]:
        length = self._length()
        pairs = enumerate(islice(self.dataset, MAX_UNSIZED + 1 if length is None else length))
        n_rows = 1
        while part := list(islice(pairs, n_rows)):
            if part[-1][0] >= MAX_UNSIZED and length is None:
                raise InputError(
                    f"{self.name} has no length and did not end after {MAX_UNSIZED:,} rows: give "
                    "it __len__, the number of rows of one epoch."
                )
            yield stack_pairs(part, self.name)
            n_rows = min(PART_ROWS, 8 * n_rows, PART_BYTES // row_bytes(part[0][1][0]) + 1)

    def _length(self) -> int | None:
        try:
            return len(self.dataset)  # type: ignore[arg-type]
        except TypeError:
            return None


def row_bytes(row: Any) -> int:
    """Estimate the memory of one row of a list."""
    if hasattr(row, "nbytes"):
        return int(row.nbytes) + 1
    row = row.tobytes() if hasattr(row, "tobytes") else row
    return 8 * len(row) + 1 if hasattr(row, "__len__") else 64


def stack_pairs(pairs: list[tuple[int, Any]], name: str) -> tuple[Any, Any]:
    """Return rows and labels of numbered (x, label) pairs; dictionaries are rows of a table.

    Raises
    ------
    InputError
        An item is no pair, or a label is no single value.
    """
    for number, pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(
                f"row {number} of {name} is a {type(pair).__name__}: rows must be (x, label) pairs."
            )
    rows = [pair[0] for _, pair in pairs]
    is_table = all(isinstance(row, dict) for row in rows)
    return pd.DataFrame(rows) if is_table else rows, _stack_labels([pair[1] for _, pair in pairs])


def _stack_labels(labels: list[Any]) -> Any:
    if not all(isinstance(label, torch.Tensor) for label in labels):
        return labels
    for number, label in enumerate(labels):
        if label.numel() != 1:
            raise InputError(
                f"the label of row {number} has shape {tuple(label.shape)}: give one class label "
                "for each row."
            )
    return torch.stack([label.reshape(()) for label in labels])


def stack_if_equal(rows: Any) -> Any:
    """Stack a list of rows of one shape; return rows of several shapes as they are."""
    try:
        return stack_rows(rows)
    except InputError:  # of several shapes, which some modalities read
        return rows

"""SMOTE: rows between a training row and one of its nearest neighbours in the class.

References
----------
Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002. Its
section 6.1 is SMOTE-NC, for tables that also have categories.
"""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.table import TableCodec
from gen_augment.modalities.table.dtypes import numpy_dtype
from gen_augment.modalities.table.frames import unmasked
from gen_augment.modalities.table.steps import MAX_INT, Steps
from gen_augment.rng import RandomState, derive_seed, uniform
from gen_augment.samplers.classical import KeepsRows, below
from gen_augment.types import ColumnTypes
from gen_augment.validation import check_positive_int

__all__ = ["SMOTESampler"]

#: Rows that are made at a time.
PART_ROWS = 2048
#: The square of a larger float overflows, and with it the distance of two rows.
MAX_FLOAT = 1e150


class SMOTESampler(KeepsRows):
    """SMOTE, and SMOTE-NC where a table is not all numbers.

    A table of numbers without missing values is used as it is, as in imbalanced-learn:
    distances are those of the numbers, and a new row lies anywhere on the line between two
    rows, rounded to the steps of the columns. Any other table is compared by its encoded
    rows (see `TableCodec`), in which a different category counts as one standard deviation
    of a number. A new row then has the category that most neighbours have, and a missing
    number is ignored.

    Parameters
    ----------
    k_neighbors : int
        Neighbours of a row that a new one may lie towards; a class of fewer rows has fewer.
    column_types : {column: {"number", "continuous", "category"}}, optional
        As in `Sampler`.
    random_state : int, RandomState or None
        Seed of the table of rows.

    Notes
    -----
    Neighbours are searched when rows of a class are first requested. Training rows are
    kept, and saved.

    Examples
    --------
    >>> X = [[0.0], [1.0], [7.0], [9.0]]
    >>> rows, _ = SMOTESampler(random_state=0).fit(X, ["a", "a", "b", "b"]).sample(y={"b": 100})
    >>> bool(7 <= rows.min() < rows.max() <= 9)
    True
    """

    def __init__(
        self,
        *,
        k_neighbors: int = 5,
        column_types: ColumnTypes = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(column_types=column_types, random_state=random_state)
        self.k_neighbors = k_neighbors

    def _check_params(self) -> None:
        check_positive_int("k_neighbors", self.k_neighbors)

    def _check_rows(self, X: Any) -> None:
        # Fitting a codec to plain numbers takes longer than SMOTE itself.
        if self.column_types or _plain_numbers(X) is None:
            super()._check_rows(X)
        else:
            self._codec = None
            self._set_names(X)

    def _learn(self, X: Any, codes: np.ndarray) -> None:
        super()._learn(X, codes)
        self._prepare()

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        super()._from_tensors(tensors)
        self._prepare()

    def _prepare(self) -> None:
        self._neighbors: dict[int, np.ndarray] = {}
        self._columns: list[_Column] = []
        self._n_numbers = 0
        self._steps: list[Steps | None] = []
        plain = None
        if "category" not in (self.column_types or {}).values():
            # `_check_rows` leaves the codec out where it has found plain numbers.
            plain = _plain_numbers(self._rows, checked=self._codec is None)
        self._is_plain = plain is not None
        if plain is not None:
            if self._codec is None:
                dtypes = _dtypes(self._rows, plain.shape[1])
                self._steps = [Steps.find(*pair) for pair in zip(plain.T, dtypes, strict=True)]
            else:
                known: Any = self._codec
                self._steps = [part.steps for part in known.parts]
            self._points: np.ndarray = plain
            return
        codec = self.codec_
        if not isinstance(codec, TableCodec):
            raise InputError(f"SMOTESampler is for tables, and X has a {type(codec).__name__}.")
        self._points = codec.encode(self._rows).numpy()
        self._n_numbers = codec.shape[0] - sum(codec.blocks)
        self._columns = _with_blocks(codec, self._points)

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        u = uniform(index, derive_seed(seed, "smote"), (3,))
        row, partner = self._pick(codes, u[:, 0]), np.empty(len(index), np.int64)
        votes = np.empty((len(index), len(self._columns)), np.int64)
        counts = np.bincount(codes)
        for code in np.flatnonzero(counts).tolist():
            here: Any = slice(None) if counts[code] == len(codes) else codes == code
            neighbors = self._neighbors_of(code)
            mine = row[here] - self.first_[code]
            choice = below(u[here, 1], np.full(len(mine), neighbors.shape[1]))
            partner[here] = neighbors[mine, choice]
            # The votes of a row that is used several times are counted once.
            few = len(mine) < len(neighbors)
            for i, column in enumerate(self._columns):
                cast = column.codes[neighbors[mine] if few else neighbors]
                votes[here, i] = _most_frequent(cast) if few else _most_frequent(cast)[mine]
        share = u[:, 2:].astype(self._points.dtype, copy=False)
        if self._is_plain:
            made = _between(self._points, row, partner, share)
            return _like(self._rows, made, self._steps)
        return self.codec_.decode(torch.from_numpy(self._encoded(row, partner, share, votes)))

    def _encoded(
        self, row: np.ndarray, partner: np.ndarray, share: np.ndarray, votes: np.ndarray
    ) -> np.ndarray:
        """Encoded rows between two others, with the categories that got most votes."""
        start: np.ndarray = self._points[row]
        made: np.ndarray = self._points[partner]
        # A missing number has no value to start or end at: that of the other row is taken.
        marked = [column for column in self._columns if column.numbers is not None]
        missing = [(start[:, c.mark] == 1, made[:, c.mark] == 1) for c in marked]
        for column, gone in zip(marked, missing, strict=True):
            for one, other, lost in ((made, start, gone[1]), (start, made, gone[0])):
                one[lost, column.numbers] = other[lost, column.numbers]
        made -= start
        made *= share
        made += start
        made[:, self._n_numbers :] = 0
        rows = np.arange(len(made))
        for i, column in enumerate(self._columns):
            for place, digit in zip(column.starts, column.digits(votes[:, i]), strict=True):
                made[rows, place + digit] = 1
        for column, gone in zip(marked, missing, strict=True):
            made[gone[0] & gone[1], column.mark] = np.inf  # whatever the neighbours have
        return made

    def _neighbors_of(self, code: int) -> np.ndarray:
        """Row numbers of the neighbours of each row of a class, of shape (n, k)."""
        if code not in self._neighbors:
            first, n = int(self.first_[code]), int(self.class_count_[code])
            mine = self._points[first : first + n]
            if self._columns:  # two values of a block differ in two places
                numbers, hot = np.split(mine, [self._n_numbers], axis=1)
                mine = np.concatenate([numbers, hot * math.sqrt(0.5)], axis=1)
            k = min(self.k_neighbors, n - 1)
            found = (
                NearestNeighbors(n_neighbors=k + 1)
                .fit(mine)
                .kneighbors(mine, return_distance=False)
            )
            self._neighbors[code] = first + found[:, 1:]
        return self._neighbors[code]


def _between(
    points: np.ndarray, row: np.ndarray, partner: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Points between some and others, a few at a time so that they stay in the cache."""
    made = np.empty((len(row), points.shape[1]), points.dtype)
    for first in range(0, len(row), PART_ROWS):
        part = slice(first, first + PART_ROWS)
        start, out = points[row[part]], made[part]
        np.subtract(points[partner[part]], start, out=out)
        out *= share[part]
        out += start
    return made


@dataclass(frozen=True)
class _Column:
    """A column with blocks, as one code for each row: its category, or whether it is missing.

    `starts` and `widths` are those of its blocks, one for each digit of the code. `numbers`
    are the encoded numbers of a column in which some values are missing, else None.
    """

    codes: np.ndarray
    starts: tuple[int, ...]
    widths: tuple[int, ...]
    numbers: slice | None

    @property
    def mark(self) -> int:
        """Place of the 1 of a missing number."""
        return self.starts[0] + 1

    def digits(self, codes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Digits of codes, one array for each block."""
        return np.unravel_index(codes, self.widths)


def _with_blocks(codec: TableCodec, points: np.ndarray) -> list[_Column]:
    """The columns that have blocks, with their codes in encoded rows."""
    columns, number, place = [], 0, codec.shape[0] - sum(codec.blocks)
    for part in codec.parts:
        widths = part.blocks
        starts = tuple(accumulate(widths[:-1], initial=place))
        if widths:
            digits = [
                points[:, a : a + w].argmax(axis=1) for a, w in zip(starts, widths, strict=True)
            ]
            numbers = slice(number, number + part.n_numbers) if part.n_numbers else None
            codes = np.ravel_multi_index(digits, widths)
            columns.append(_Column(codes, starts, widths, numbers))
        number, place = number + part.n_numbers, place + sum(widths)
    return columns


def _most_frequent(codes: np.ndarray) -> np.ndarray:
    """The most frequent code of each row, the lowest of several; codes of shape (n, k)."""
    codes = np.sort(codes, axis=1)
    column = np.arange(codes.shape[1])
    is_first = np.ones(codes.shape, bool)
    is_first[:, 1:] = codes[:, 1:] != codes[:, :-1]
    run = column - np.maximum.accumulate(np.where(is_first, column, 0), axis=1)
    return np.asarray(codes[np.arange(len(codes)), run.argmax(axis=1)])


def _plain_numbers(X: Any, *, checked: bool = False) -> np.ndarray | None:
    """The values of a table of finite numbers as float64; None for any other table.

    Numbers that float64 cannot hold are left to the codec, which names their column.
    With `checked`, the values are known to be such numbers.
    """
    if isinstance(X, pd.DataFrame):
        named = all(isinstance(name, (str, int, np.integer)) for name in X.columns)
        dense = not any(isinstance(dtype, pd.SparseDtype) for dtype in X.dtypes)
        numbers = all(dtype.kind in "iuf" for dtype in X.dtypes)
        if not (X.columns.is_unique and named and dense and numbers):
            return None
        values = X.to_numpy(dtype=np.float64, na_value=np.nan)
    elif isinstance(X, Tensor):
        if X.layout != torch.strided or X.dtype == torch.bool or X.is_complex():
            return None
        values = X.detach().cpu().double().numpy()
    elif isinstance(X, np.ndarray) and X.dtype.kind in "iuf":
        values = unmasked(X).astype(np.float64, copy=False)
    else:
        return None
    if checked:
        return values
    if values.ndim != 2 or not values.size:
        return None
    largest = np.abs(values).max(axis=0)  # NaN where a value is missing
    dtypes = _dtypes(X, values.shape[1])
    limits = [MAX_INT - 1 if dtype.kind in "iu" else MAX_FLOAT for dtype in dtypes]
    return values if (largest <= limits).all() else None


def _dtypes(X: Any, n: int) -> "list[np.dtype[Any]]":
    """NumPy dtypes that hold the numbers of each of `n` columns."""
    if isinstance(X, pd.DataFrame):
        return [numpy_dtype(dtype) for dtype in X.dtypes]
    if isinstance(X, Tensor):  # NumPy has no bfloat16
        dtype = torch.float32 if X.dtype == torch.bfloat16 else X.dtype
        return [torch.empty(0, dtype=dtype).numpy().dtype] * n
    return [X.dtype] * n


def _like(X: Any, values: np.ndarray, steps: list[Steps | None]) -> Any:
    """Numbers on their steps, in the container and dtypes of `X`."""
    for i, step in enumerate(steps):
        if step is not None:
            values[:, i] = step.nearest(values[:, i])
    if isinstance(X, pd.DataFrame):
        columns = {i: pd.array(values[:, i], dtype=dtype) for i, dtype in enumerate(X.dtypes)}
        return pd.DataFrame(columns).set_axis(X.columns, axis=1)
    if isinstance(X, Tensor):
        return torch.from_numpy(values).to(X.dtype)
    return values.astype(X.dtype, copy=False)

"""SMOTE: rows between a row and one of its nearest neighbours of the same class.

References
----------
Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002; section 6.1 is
SMOTE-NC, for tables that have categories too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Self

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import ThreadpoolController
from torch import Tensor

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import BlockGroup, Codec, Modality
from gen_augment.rng import RandomState, derive_seed, uniform
from gen_augment.samplers.classical.base import (
    ClassicalSampler,
    below,
    check_flat,
    pack_rows,
    unpack_rows,
)
from gen_augment.validation import check_positive_int

__all__ = ["SMOTESampler"]

#: Rows that are computed at a time, to stay in the cache.
PART_ROWS = 2048
#: Rows whose neighbours are searched together, where there is no tree.
BLOCK_ROWS = 256


class SMOTESampler(ClassicalSampler):
    """SMOTE, and SMOTE-NC for rows that are not all numbers.

    A table of numbers without missing values is used as it is, as in imbalanced-learn: distances
    are those of the numbers, and a new row lies anywhere on the line between two rows. Other rows
    are compared by their encoding (see `TableCodec`), in which two categories differ by one
    standard deviation of a number. A new row takes the category of most neighbours, and a missing
    number is taken from the other row.

    Parameters
    ----------
    k_neighbors : int
        Number of neighbours that a new row may lie towards; a small class may have fewer.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows.

    Notes
    -----
    The neighbours of a row are searched when it is first used, so the time that `sample` takes
    grows with the number of rows that it makes. Training rows are kept, and saved.

    Examples
    --------
    >>> X = [[0.0], [1.0], [7.0], [9.0]]
    >>> rows, _ = SMOTESampler(random_state=0).fit(X, ["a", "a", "b", "b"]).sample(y={"b": 100})
    >>> bool(7 <= rows.min() < rows.max() <= 9)
    True
    """

    method = "smote"

    def __init__(
        self,
        *,
        k_neighbors: int = 5,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.k_neighbors = k_neighbors

    def _check_params(self) -> None:
        check_positive_int("k_neighbors", self.k_neighbors)

    @cached_property
    def codec_(self) -> Codec:  # type: ignore[override]
        """The encoding; plain numbers are encoded on demand, since that is slower than SMOTE."""
        return self._modality.fit(self._rows)[0]

    def _learn(self, rows: Rows) -> None:
        self._rows, self._modality = rows.X, rows.modality
        plain = rows.modality.plain_numbers(rows.X)
        if plain is None:
            self._set_codec(rows.codec)
            check_flat(rows.codec, "SMOTE")
        else:
            self.n_features_in_ = plain[0].shape[1]
            names = list(getattr(rows.X, "columns", []))
            if names and all(isinstance(name, str) for name in names):
                self.feature_names_in_ = np.array(names, dtype=object)
        self._index_neighbors(plain)

    def _to_tensors(self) -> dict[str, Tensor]:
        rows = pack_rows(self.codec_, self._rows)
        return {"rows": rows, "is_plain": torch.tensor([self._is_plain])}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        self._rows = unpack_rows(self.codec_, tensors["rows"], int(self.class_count_.sum()))
        self._modality = self.codec_.modality
        plain = None
        if tensors["is_plain"] and (plain := self._modality.plain_numbers(self._rows)) is None:
            raise InputError("the rows are not all finite numbers.")
        if plain is None:
            check_flat(self.codec_, "SMOTE")
        self._index_neighbors(plain)

    def _index_neighbors(
        self, plain: tuple[np.ndarray, Callable[[np.ndarray], Any]] | None
    ) -> None:
        self._neighbors: dict[int, _Neighbors] = {}
        self._is_plain = plain is not None
        if plain is None:
            self._positions = self.codec_.encode(self._rows).numpy()
        else:
            self._positions, self._to_rows = plain
        self._n_numbers = self._positions.shape[1]
        self._columns: list[_Column] = []
        if plain is None:
            self._n_numbers -= sum(self.codec_.blocks)
            groups = self.codec_.block_groups()
            self._columns = [_Column.of(group, self._positions) for group in groups]

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        u = uniform(index, derive_seed(seed, "smote"), (3,))
        row = self._pick(codes, u[:, 0])
        partner, votes = self._partners(row, codes, u[:, 1])
        share = u[:, 2:].astype(self._positions.dtype, copy=False)
        if self._is_plain:
            return self._to_rows(_between(self._positions, row, partner, share))
        return self.codec_.decode(torch.from_numpy(self._encoded(row, partner, share, votes)))

    def _encoded(
        self, row: np.ndarray, partner: np.ndarray, share: np.ndarray, votes: np.ndarray
    ) -> np.ndarray:
        """Return encoded rows between two others, with the categories of most votes."""
        start: np.ndarray = self._positions[row]
        made: np.ndarray = self._positions[partner]
        # A missing number has no value to start from or to go to: the other row's is used.
        marked = [column for column in self._columns if column.group.numbers is not None]
        missing = [(start[:, c.mark] == 1, made[:, c.mark] == 1) for c in marked]
        for column, gone in zip(marked, missing, strict=True):
            for one, other, lost in ((made, start, gone[1]), (start, made, gone[0])):
                one[lost, column.group.numbers] = other[lost, column.group.numbers]
        made -= start
        made *= share
        made += start
        made[:, self._n_numbers :] = 0
        rows = np.arange(len(made))
        for i, column in enumerate(self._columns):
            for place, digit in zip(column.group.starts, column.digits(votes[:, i]), strict=True):
                made[rows, place + digit] = 1
        for column, gone in zip(marked, missing, strict=True):
            made[gone[0] & gone[1], column.mark] = np.inf  # missing, whatever neighbours have
        return made

    def _partners(
        self, row: np.ndarray, codes: np.ndarray, u: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a neighbour of each row, and the most frequent categories of all neighbours."""
        partner = np.empty(len(row), np.int64)
        votes = np.empty((len(row), len(self._columns)), np.int64)
        counts = np.bincount(codes)
        for code in np.flatnonzero(counts).tolist():
            here: Any = slice(None) if counts[code] == len(codes) else codes == code
            # Neighbours and votes of a row that is used several times are found once.
            own = row[here] - self._first[code]
            is_used = np.bincount(own) > 0
            mine = (np.cumsum(is_used) - 1)[own]
            neighbors = self._neighbors_of(code, np.flatnonzero(is_used))
            chosen = below(u[here], np.full(len(mine), neighbors.shape[1]))
            partner[here] = neighbors[mine, chosen]
            for i, column in enumerate(self._columns):
                votes[here, i] = _most_frequent(column.codes[neighbors])[mine]
        return partner, votes

    def _neighbors_of(self, code: int, rows: np.ndarray) -> np.ndarray:
        """Return the positions of the neighbours of some rows of a class: (len(rows), k)."""
        if code not in self._neighbors:
            self._neighbors[code] = _Neighbors.of(*self._searched(code))
        return np.asarray(self._first[code] + self._neighbors[code].of_rows(rows))

    def _searched(self, code: int) -> tuple[np.ndarray, int]:
        """Return the points of a class, between which distances are measured, and k."""
        first, n = int(self._first[code]), int(self.class_count_[code])
        mine = self._positions[first : first + n]
        if self._columns:  # two categories differ in two places
            numbers, hot = np.split(mine, [self._n_numbers], axis=1)
            mine = np.concatenate([numbers, hot * math.sqrt(0.5)], axis=1)
        return mine, min(self.k_neighbors, n - 1)


@dataclass(frozen=True)
class _Neighbors:
    """Nearest neighbours in a class, searched when they are first asked for.

    Which of several rows at one distance is found depends neither on the other rows that are
    asked for nor on the number of threads: where a tree is of no use, rows are searched in fixed
    blocks by one thread.
    """

    points: np.ndarray
    search: NearestNeighbors
    found: np.ndarray  # (n, k)
    is_found: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, k: int) -> Self:
        """Index the points."""
        search = NearestNeighbors(n_neighbors=k + 1).fit(points)
        found = np.zeros((len(points), k), np.int64)
        return cls(points, search, found, np.zeros(len(points), bool))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the neighbours of some rows, (len(rows), k)."""
        missing = rows[~self.is_found[rows]]
        if len(missing):
            with _controller().limit(limits=1):
                for part in self._parts(missing):
                    near = self.search.kneighbors(self.points[part], return_distance=False)
                    self.found[part], self.is_found[part] = near[:, 1:], True
        return np.asarray(self.found[rows])

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows to search together: these, or the blocks that they are in."""
        if self.search._fit_method != "brute":
            return [rows]
        starts = np.unique(rows // BLOCK_ROWS) * BLOCK_ROWS
        return [np.arange(i, min(i + BLOCK_ROWS, len(self.points))) for i in starts.tolist()]


@cache
def _controller() -> ThreadpoolController:
    """Return what limits threads; finding the libraries takes as long as a small search."""
    return ThreadpoolController()


def _between(
    points: np.ndarray, row: np.ndarray, partner: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Return points on the lines between rows and partners, a few at a time."""
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
    """A value with one-hot blocks, as one code for each row: its category, or a mark."""

    group: BlockGroup
    codes: np.ndarray

    @classmethod
    def of(cls, group: BlockGroup, points: np.ndarray) -> Self:
        """Read the codes of encoded rows."""
        pairs = zip(group.starts, group.widths, strict=True)
        digits = [points[:, start : start + width].argmax(axis=1) for start, width in pairs]
        return cls(group, np.ravel_multi_index(digits, group.widths))

    @property
    def mark(self) -> int:
        """Place that is 1 if the numbers are missing."""
        return self.group.starts[0] + 1

    def digits(self, codes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the digits of codes, one array for each block."""
        return np.unravel_index(codes, self.group.widths)


def _most_frequent(codes: np.ndarray) -> np.ndarray:
    """Return the most frequent code of each row (n, k), the lowest of several."""
    codes = np.sort(codes, axis=1)
    column = np.arange(codes.shape[1])
    is_first = np.ones(codes.shape, bool)
    is_first[:, 1:] = codes[:, 1:] != codes[:, :-1]
    run = column - np.maximum.accumulate(np.where(is_first, column, 0), axis=1)
    return np.asarray(codes[np.arange(len(codes)), run.argmax(axis=1)])

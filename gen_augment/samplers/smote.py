"""Between a row and one of its nearest neighbours of the class.

References
----------
Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002; its section 6.1 is SMOTE-NC, for
tables that have categories too.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.rng import RandomState, derive_seed, uniform
from gen_augment.samplers.classical import KeepsRows, below
from gen_augment.types import ColumnTypes
from gen_augment.validation import check_positive_int

__all__ = ["SMOTESampler"]

#: Rows that are made at a time.
PART_ROWS = 2048


class SMOTESampler(KeepsRows):
    """SMOTE, and SMOTE-NC where a table is not all numbers.

    A table of numbers without missing values is used as it is, as imbalanced-learn does: distances are those of the
    numbers, and a new row lies anywhere on the line between two. Any other table is compared by its encoded rows (see
    `TableCodec`), a different category counting as one standard deviation of a number; a new row has the category that
    most neighbours have, and a missing number is passed over.

    Parameters
    ----------
    k_neighbors : int
        Neighbours of a row that a new one may lie towards; a class of fewer rows has fewer.
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    random_state : int, RandomState or None
        Names the table of rows.

    Notes
    -----
    Neighbours are looked for when rows of a class are first asked for. Training rows are kept, and saved.

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
        # All that a codec would find out about plain numbers is known already, and takes longer than SMOTE itself.
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
        self._blocks: tuple[int, ...] = ()
        self._marks: list[tuple[slice, int]] = []
        # `_check_rows` leaves the codec out where it has found plain numbers.
        plain = (
            None if self.column_types else _plain_numbers(self._rows, checked=self._codec is None)
        )
        self._is_plain = plain is not None
        if plain is None:
            codec: Any = self.codec_
            if codec.kind != "table":
                raise InputError(f"SMOTESampler is for tables, and X holds {codec.kind}s.")
            plain, self._blocks = codec.encode(self._rows).numpy(), codec.blocks
            self._marks = list(_marks(codec))
        self._points: np.ndarray = plain

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        points, u = self._points, uniform(index, derive_seed(seed, "smote"), (3,))
        row, partner = self._pick(codes, u[:, 0]), np.empty(len(index), np.int64)
        votes = np.empty((len(index), sum(self._blocks)), points.dtype)
        counts = np.bincount(codes)
        for code in np.flatnonzero(counts).tolist():
            here: Any = slice(None) if counts[code] == len(codes) else codes == code
            neighbors = self._neighbors_of(code)
            mine = row[here] - self.first_[code]
            partner[here] = neighbors[
                mine, below(u[here, 1], np.full(len(mine), neighbors.shape[1]))
            ]
            if self._blocks:
                told = points[:, -votes.shape[1] :]
                few = len(mine) < len(
                    neighbors
                )  # else a row that is asked for again has its votes counted once
                votes[here] = (
                    told[neighbors[mine]].sum(axis=1) if few else told[neighbors].sum(axis=1)[mine]
                )
        share = u[:, 2:].astype(points.dtype, copy=False)
        if self._is_plain:
            return _like(self._rows, _between(points, row, partner, share))
        start, made = points[row], points[partner]
        # A missing number has no value to go from or to: that of the other row is taken.
        for numbers, mark in self._marks:
            for one, other in ((made, start), (start, made)):
                gone = one[:, mark] == 1
                one[gone, numbers] = other[gone, numbers]
        nothing = [(start[:, mark] == 1) & (made[:, mark] == 1) for _, mark in self._marks]
        made -= start
        made *= share
        made += start
        if self._blocks:
            made[:, -votes.shape[1] :] = votes  # the most win in decoding
        for (_, mark), gone in zip(self._marks, nothing, strict=True):
            made[gone, mark] = np.inf  # whatever the neighbours have
        return self.codec_.decode(torch.from_numpy(made))

    def _neighbors_of(self, code: int) -> np.ndarray:
        """Row numbers of the neighbours of each row of a class: ``(n, k)``."""
        if code not in self._neighbors:
            first, n = int(self.first_[code]), int(self.class_count_[code])
            mine = self._points[first : first + n]
            if self._blocks:  # two values of a block differ in two places
                width = sum(self._blocks)
                mine = np.concatenate([mine[:, :-width], mine[:, -width:] * math.sqrt(0.5)], axis=1)
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
    """Points on the way from some to others: a few at a time, which stay in the cache."""
    made = np.empty((len(row), points.shape[1]), points.dtype)
    for first in range(0, len(row), PART_ROWS):
        part = slice(first, first + PART_ROWS)
        start, out = points[row[part]], made[part]
        np.subtract(points[partner[part]], start, out=out)
        out *= share[part]
        out += start
    return made


def _marks(codec: Any) -> Iterator[tuple[slice, int]]:
    """Encoded numbers of each column that has missing values, and the place that says that one is missing."""
    number, place = 0, codec.shape[0] - sum(codec.blocks)
    for part in codec.parts:
        if getattr(part, "marked", False):
            yield slice(number, number + part.n_numbers), place + 1
        number, place = number + part.n_numbers, place + sum(part.blocks)


def _plain_numbers(X: Any, *, checked: bool = False) -> np.ndarray | None:
    """The values of a table of finite numbers as float64; None for anything else, or what was not `checked` to be."""
    if isinstance(X, pd.DataFrame):
        fine = X.columns.is_unique and all(
            isinstance(name, (str, int, np.integer)) for name in X.columns
        )
        if not fine or not all(
            d.kind in "iuf" and not isinstance(d, pd.SparseDtype) for d in X.dtypes
        ):
            return None
        values = X.to_numpy(dtype=np.float64, na_value=np.nan)
    elif isinstance(X, Tensor):
        if X.layout != torch.strided or X.dtype == torch.bool or X.is_complex():
            return None
        values = X.detach().cpu().double().numpy()
    elif isinstance(X, np.ndarray) and X.dtype.kind in "iuf":
        values = X.astype(np.float64, copy=False)
    else:
        return None
    return (
        values
        if checked or (values.ndim == 2 and values.size and np.isfinite(values).all())
        else None
    )


def _like(X: Any, values: np.ndarray) -> Any:
    """Numbers in the container and dtypes of `X`."""
    if isinstance(X, pd.DataFrame):
        columns = {
            i: pd.array(np.rint(values[:, i]) if dtype.kind in "iu" else values[:, i], dtype=dtype)
            for i, dtype in enumerate(X.dtypes)
        }
        return pd.DataFrame(columns).set_axis(X.columns, axis=1)
    if isinstance(X, Tensor):
        made = torch.from_numpy(values)
        return (made if X.is_floating_point() else made.round()).to(X.dtype)
    return (np.rint(values) if X.dtype.kind in "iu" else values).astype(X.dtype, copy=False)

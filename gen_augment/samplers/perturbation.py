"""Training rows with some cells changed: the field's classic ways to ask a model elsewhere.

References
----------
Bucila, Caruana and Niculescu-Mizil, "Model Compression", KDD 2006: MUNGE, algorithm 1.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.rng import RandomState, derive_seed, normal, uniform
from gen_augment.samplers.classical import ClassicalSampler
from gen_augment.types import ColumnTypes
from gen_augment.validation import check_range

__all__ = ["MungeSampler", "PerturbSampler"]


class _CellSampler(ClassicalSampler):
    """Base of samplers that start from an encoded training row and change some of its cells.

    A cell is a number, or a one-hot block as a whole.
    """

    def _learn(self, X: Any, codes: np.ndarray) -> None:
        self._points = self.codec_.encode(X).flatten(1)
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Compute what depends on the points alone."""

    @abstractmethod
    def _changed(self, index: np.ndarray, codes: np.ndarray, row: np.ndarray, seed: int) -> Any:
        """Return points (n, width), and for each cell (n, n_cells) whether it is changed."""

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        row = self._pick(codes, uniform(index, derive_seed(seed, "row")))
        new, is_changed = self._changed(index, codes, row, seed)
        mask = torch.from_numpy(np.repeat(is_changed, self._widths, axis=1))
        rows = torch.where(mask, new, self._points[torch.from_numpy(row)])
        return self.codec_.decode(rows.reshape(-1, *self.codec_.shape).float())

    @property
    def _widths(self) -> np.ndarray:
        """Width of each cell in an encoded row."""
        blocks = self.codec_.blocks
        n_numbers = self._points.shape[1] - sum(blocks)
        return np.array([*[1] * n_numbers, *blocks])

    def _to_tensors(self) -> dict[str, Tensor]:
        return {"points": self._points}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        points = tensors["points"]
        expected = (int(self.class_count_.sum()), int(np.prod(self.codec_.shape)))
        if tuple(points.shape) != expected or not bool(points.isfinite().all()):
            raise InputError(f"points of shape {tuple(points.shape)} are not {expected}.")
        self._points = points
        self._prepare()


class MungeSampler(_CellSampler):
    """MUNGE: cells move towards those of the nearest row of the class.

    Each cell is changed with probability `p`. A number is drawn from a normal distribution around
    the neighbour's, whose deviation is the distance of the two divided by `spread`; a category is
    the neighbour's.

    Parameters
    ----------
    p : float in [0, 1]
        Probability that a cell is changed.
    spread : float
        In (0, inf); larger keeps numbers nearer to the neighbour's.
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    random_state : int, RandomState or None
        Names the table of rows.

    Examples
    --------
    >>> X = np.arange(40.0)[:, None]
    >>> rows, _ = MungeSampler(random_state=0).fit(X, X[:, 0] > 19).sample(y={True: 50})
    >>> bool((rows > 15).all())
    True
    """

    def __init__(
        self,
        *,
        p: float = 0.5,
        spread: float = 1.0,
        column_types: ColumnTypes = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(column_types=column_types, random_state=random_state)
        self.p = p
        self.spread = spread

    def _check_params(self) -> None:
        check_range("p", self.p, 0, 1)
        check_range("spread", self.spread, 0, open_low=True)

    def _prepare(self) -> None:
        points = self._points.numpy()
        self._neighbor = np.empty(len(points), np.int64)
        for first, n in zip(self.first_, self.class_count_, strict=True):
            mine = points[first : first + n]
            k = min(2, n)
            found = NearestNeighbors(n_neighbors=k).fit(mine).kneighbors(mine)[1]
            own = np.arange(n)
            other = np.where(found[:, 0] == own, found[:, k - 1], found[:, 0])
            self._neighbor[first : first + n] = first + other

    def _changed(self, index: np.ndarray, codes: np.ndarray, row: np.ndarray, seed: int) -> Any:
        start = self._points[torch.from_numpy(row)]
        partner = self._points[torch.from_numpy(self._neighbor[row])]
        n = len(self._widths) - len(self.codec_.blocks)
        noise = normal(index, (self._points.shape[1],), derive_seed(seed, "noise"))
        noise[:, n:] = 0  # a category is the neighbour's
        new = partner + noise * (start - partner).abs() / self.spread
        cells = uniform(index, derive_seed(seed, "cells"), (len(self._widths),)) < self.p
        return new, cells


class PerturbSampler(_CellSampler):
    """Cells are resampled from other rows of the class, or jittered.

    Parameters
    ----------
    p : float in [0, 1]
        Probability that a cell is replaced by that of another row of the class.
    jitter : float
        Standard deviation of the noise that is added to each number, in those of the class.
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    random_state : int, RandomState or None
        Names the table of rows.

    Notes
    -----
    With ``p=1`` the columns of a class become independent of each other.

    Examples
    --------
    >>> X = [["a", 1.0], ["b", 2.0], ["c", 5.0], ["c", 6.0]]
    >>> import pandas as pd
    >>> sampler = PerturbSampler(p=1.0, jitter=0.0, random_state=0)
    >>> rows, _ = sampler.fit(pd.DataFrame(X), [0, 0, 1, 1]).sample(y={1: 20})
    >>> sorted(set(rows[0])), sorted(set(rows[1].round(3)))
    (['c'], [5.0, 6.0])
    """

    def __init__(
        self,
        *,
        p: float = 0.3,
        jitter: float = 0.1,
        column_types: ColumnTypes = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(column_types=column_types, random_state=random_state)
        self.p = p
        self.jitter = jitter

    def _check_params(self) -> None:
        check_range("p", self.p, 0, 1)
        check_range("jitter", self.jitter, 0)

    def _prepare(self) -> None:
        parts = torch.split(self._points, self.class_count_.tolist())
        self._deviation = torch.stack([part.std(dim=0, unbiased=False) for part in parts])
        blocks = sum(self.codec_.blocks)
        if blocks:
            self._deviation[:, -blocks:] = 0

    def _changed(self, index: np.ndarray, codes: np.ndarray, row: np.ndarray, seed: int) -> Any:
        widths = self._widths
        u = uniform(index, derive_seed(seed, "cells"), (2, len(widths)))
        donor = np.stack([self._pick(codes, column) for column in u[:, 1].T], axis=1)
        taken = np.where(u[:, 0] < self.p, donor, row[:, None])  # (n, n_cells)
        place = np.arange(self._points.shape[1])
        new = self._points[torch.from_numpy(np.repeat(taken, widths, axis=1)), place]
        noise = normal(index, (self._points.shape[1],), derive_seed(seed, "noise"))
        new = new + self.jitter * noise * self._deviation[torch.from_numpy(codes)]
        return new, np.ones(taken.shape, dtype=bool)

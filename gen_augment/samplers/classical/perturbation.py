"""Training rows with some cells changed: the field's classic ways to ask a model elsewhere.

References
----------
Bucila, Caruana and Niculescu-Mizil, "Model Compression", KDD 2006: MUNGE, algorithm 1.
"""

from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from gen_augment.modalities import Modality
from gen_augment.rng import RandomState, derive_seed, normal, uniform
from gen_augment.samplers.classical.base import ClassicalSampler
from gen_augment.validation import check_range

__all__ = ["MungeSampler", "PerturbSampler"]


def _cells(codec: Any) -> np.ndarray:
    """Return the number of the cell of each encoded value, from 0.

    A cell is a number, or the one-hot blocks of one value with the numbers that they mark.
    """
    (width,) = codec.shape
    cell_of = np.arange(width)
    for group in codec.block_groups():
        first = group.starts[0]
        for start, n in zip(group.starts, group.widths, strict=True):
            cell_of[start : start + n] = first
        if group.numbers is not None:
            cell_of[group.numbers] = first
    return np.unique(cell_of, return_inverse=True)[1]


class MungeSampler(ClassicalSampler):
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
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows.

    Examples
    --------
    >>> X = np.arange(40.0)[:, None]
    >>> rows, _ = MungeSampler(random_state=0).fit(X, X[:, 0] > 19).sample(y={True: 50})
    >>> bool((rows > 15).all())
    True
    """

    method = "munge"

    def __init__(
        self,
        *,
        p: float = 0.5,
        spread: float = 1.0,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.p = p
        self.spread = spread

    def _check_params(self) -> None:
        check_range("p", self.p, 0, 1)
        check_range("spread", self.spread, 0, open_low=True)

    def _prepare(self) -> None:
        self._cell_of = _cells(self.codec_)
        self._n_numbers = self._points.shape[1] - sum(self.codec_.blocks)
        points = self._points.numpy()
        self._neighbor = np.empty(len(points), np.int64)
        for first, n in zip(self._first, self.class_count_, strict=True):
            mine = points[first : first + n]
            k = min(2, n)
            found = NearestNeighbors(n_neighbors=k).fit(mine).kneighbors(mine)[1]
            own = np.arange(n)
            other = np.where(found[:, 0] == own, found[:, k - 1], found[:, 0])
            self._neighbor[first : first + n] = first + other

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        row = self._pick(codes, uniform(index, derive_seed(seed, "row")))
        changed = uniform(index, derive_seed(seed, "cells"), (self._cell_of.max() + 1,)) < self.p
        mask = torch.from_numpy(changed[:, self._cell_of])
        start, new = self._points[torch.from_numpy(row)], self._moved(index, row, seed)
        return self.codec_.decode(torch.where(mask, new, start).float())

    def _moved(self, index: np.ndarray, row: np.ndarray, seed: int) -> Tensor:
        """Return encoded rows all of whose cells have moved to the neighbour's."""
        start = self._points[torch.from_numpy(row)]
        partner = self._points[torch.from_numpy(self._neighbor[row])]
        noise = normal(index, (self._points.shape[1],), derive_seed(seed, "noise"))
        noise[:, self._n_numbers :] = 0  # a category is the neighbour's
        return partner + noise * (start - partner).abs() / self.spread


class PerturbSampler(ClassicalSampler):
    """Cells are resampled from other rows of the class, or jittered.

    Parameters
    ----------
    p : float in [0, 1]
        Probability that a cell is replaced by that of another row of the class.
    jitter : float
        Standard deviation of the noise that is added to each number, in those of the class.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
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

    method = "perturb"

    def __init__(
        self,
        *,
        p: float = 0.3,
        jitter: float = 0.1,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.p = p
        self.jitter = jitter

    def _check_params(self) -> None:
        check_range("p", self.p, 0, 1)
        check_range("jitter", self.jitter, 0)

    def _prepare(self) -> None:
        self._cell_of = _cells(self.codec_)
        self._n_numbers = self._points.shape[1] - sum(self.codec_.blocks)
        parts = torch.split(self._points, self.class_count_.tolist())
        self._deviation = torch.stack([part.std(dim=0, unbiased=False) for part in parts])
        self._deviation[:, self._n_numbers :] = 0

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        row = self._pick(codes, uniform(index, derive_seed(seed, "row")))
        u = uniform(index, derive_seed(seed, "cells"), (2, self._cell_of.max() + 1))
        donor = np.stack([self._pick(codes, column) for column in u[:, 1].T], axis=1)
        taken = np.where(u[:, 0] < self.p, donor, row[:, None])[:, self._cell_of]  # (n, width)
        rows = self._points[torch.from_numpy(taken), torch.arange(self._points.shape[1])]
        noise = normal(index, (self._points.shape[1],), derive_seed(seed, "noise"))
        rows = rows + self.jitter * noise * self._deviation[torch.from_numpy(codes)]
        return self.codec_.decode(rows.float())

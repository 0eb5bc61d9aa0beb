"""A monotone map from one column of numbers to nearly standard normal ones, and back.

A value ``x`` is mapped to the normal quantile of its rank, ``z = Phi^-1(F(x))``,
interpolated between at most 256 knots. The map differs from a plain quantile transform
in two ways:

- A value that occurs often (an atom, such as the zero of an account without movements)
  owns the interval of ``z`` that corresponds to its share. It is encoded as the middle
  of the interval, and every ``z`` in the interval is decoded to exactly this value.
- The slope ``dx/dz`` is at most an eighth of the range of the data. Ranks ignore
  distances and would close the gap between two groups, so that a small error in ``z``
  moved a row from one group to the other. Columns without long tails are therefore
  nearly standardised, and long tails are compressed.

Finally, ``z`` is scaled to mean 0 and variance 1.

References
----------
Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021
(arXiv:2106.11959), and Kotelnikov et al., "TabDDPM: Modelling Tabular Data with Diffusion
Models", 2023 (arXiv:2209.15421), use normal quantiles as inputs of networks.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from gen_augment.errors import InputError
from gen_augment.types import JSON

__all__ = ["QuantileMap"]

MAX_KNOTS = 256
#: An atom occurs at least so often, and makes up at least so large a share.
ATOM_COUNT, ATOM_SHARE = 3, 1 / 64
#: Least distance in `z` of two knots.
LEAST_RISE = 1e-6
#: Shares of the range of the data that count as none.
TINY = 1e-200
#: Cells of equal width in which `decode` finds a knot.
N_CELLS = 1024
#: Largest slope ``dx/dz`` before `z` is scaled, in ranges of the data.
MAX_SLOPE = 1 / 8


@dataclass(frozen=True)
class QuantileMap:
    """Knots of the map, both coordinates ascending; an atom has two knots of equal `x`.

    Attributes
    ----------
    x : ndarray of shape (n_knots,)
        Not decreasing; the first and last are the bounds of the data.
    z : ndarray of shape (n_knots,)
        Increasing.
    """

    x: np.ndarray
    z: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Learn the map from finite `values`, at least one."""
        unique, counts = np.unique(values, return_counts=True)
        if len(unique) == 1:
            return cls(unique[[0, 0]], np.array([-0.5, 0.5]))
        n = len(values)
        is_atom = (counts >= ATOM_COUNT) & (counts > ATOM_SHARE * n)
        after = np.cumsum(counts)
        keep = _choose_knots(is_atom, after / n)
        ranks = (after - counts, after - counts / 2, after)
        low, middle, high = (ndtri(np.clip(rank[keep] / n, 0.5 / n, 1 - 0.5 / n)) for rank in ranks)
        is_atom = is_atom[keep]
        # An atom at an end of the data has one inner bound; the outer one mirrors it.
        if is_atom[0]:
            low[0] = 2 * middle[0] - high[0]
        if is_atom[-1]:
            high[-1] = 2 * middle[-1] - low[-1]
        x = np.repeat(unique[keep], 1 + is_atom)
        z = np.empty(len(x))
        first = np.cumsum(1 + is_atom) - (1 + is_atom)
        last = first + is_atom
        z[first] = np.where(is_atom, low, middle)
        z[last[is_atom]] = high[is_atom]
        z = _bounded_slope(x, z)
        # Nothing was seen between two neighbouring atoms: they share the gap equally.
        pair = np.flatnonzero(is_atom[:-1] & is_atom[1:] & (np.diff(keep) == 1))
        z[last[pair]] = (z[last[pair]] + z[first[pair + 1]] - LEAST_RISE) / 2
        z[first[pair + 1]] = z[last[pair]] + LEAST_RISE
        encoded = cls(x, z).encode(unique)
        mean = np.average(encoded, weights=counts)
        return cls(x, (z - mean) / np.sqrt(np.average((encoded - mean) ** 2, weights=counts)))

    @property
    def is_constant(self) -> bool:
        """Whether there is only one value."""
        return bool(self.x[0] == self.x[-1])

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Normal quantiles of `values`; the map is linear beyond the bounds."""
        if self.is_constant:
            return np.zeros(len(values))
        x, z = self.x, self.z
        # Relative to the range: the slopes of a narrow or wide column stay finite.
        share = _share(values, x)
        out: np.ndarray = np.interp(share, _share(x, x), z)
        knot = np.maximum(np.searchsorted(x, values, side="right") - 1, 0)
        hit = np.flatnonzero(x[knot] == values)
        # The first and the last knot at a value differ for an atom, which has two.
        middle = (z[np.searchsorted(x, x, side="left")] + z) / 2
        out[hit] = middle[knot[hit]]
        out += (z[-1] - z[0]) * (np.minimum(share, 0) + np.maximum(share - 1, 0))
        return out

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Values within the bounds of the data."""
        unit = _unit(self.x)
        values = _interpolate(z, self.z, self.x * unit) / unit
        return np.asarray(np.clip(values, self.x[0], self.x[-1]))

    def to_json(self) -> JSON:
        """The knots as JSON values."""
        return {"x": self.x.tolist(), "z": self.z.tolist()}

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        x, z = (np.array(record[name], dtype=np.float64) for name in ("x", "z"))
        if x.ndim != 1 or x.shape != z.shape or not 2 <= len(x) <= 2 * MAX_KNOTS:
            raise InputError(f"x has shape {x.shape} and z {z.shape}, which are not knots.")
        if not (np.isfinite(x).all() and np.isfinite(z).all()):
            raise InputError("the knots of a column are not finite.")
        if (x[1:] < x[:-1]).any() or (z[1:] <= z[:-1]).any():
            raise InputError("the knots of a column do not ascend.")
        return cls(x, z)


def _choose_knots(is_atom: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Indices of the unique values that become knots.

    These are both bounds, all atoms, and others at even distances in `z`, so that the
    tails have knots too.
    """
    room = MAX_KNOTS - 2 * int(is_atom.sum())
    if len(share) <= room:
        return np.arange(len(share))
    levels = ndtr(np.linspace(ndtri(share[0]), -ndtri(share[0]), room)[1:-1])
    even = np.minimum(np.searchsorted(share, levels), len(share) - 1)
    return np.union1d(np.union1d(even, [0, len(share) - 1]), np.flatnonzero(is_atom))


def _bounded_slope(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Stretch `z` where `x` would change too fast."""
    least = np.diff(_share(x, x)) / MAX_SLOPE
    return np.concatenate([[0.0], np.cumsum(np.maximum(np.diff(z), np.maximum(least, LEAST_RISE)))])


def _share(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Position of values in the range of the sorted data `x`: from 0 to 1."""
    unit = _unit(x)
    low, high = x[0] * unit, x[-1] * unit
    with np.errstate(over="ignore"):
        share = (values * unit - low) / (high - low)
    return np.where(np.abs(share) < TINY, 0.0, share)  # slopes between knots stay finite


def _interpolate(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`numpy.interp`, faster for many values: even cells of `x` tell near which knot to look."""
    found: np.ndarray
    if len(values) < N_CELLS:
        found = np.interp(values, x, y)
        return found
    values = np.clip(values, x[0], x[-1], dtype=np.float64)
    per_unit = N_CELLS / (x[-1] - x[0])
    # A little below the cell, as rounding may put a value into the next one.
    starts = x[0] + (np.arange(N_CELLS + 1) - 1e-6) / per_unit
    below = np.maximum(np.searchsorted(x, starts, side="right") - 1, 0)
    knot = below[((values - x[0]) * per_unit).astype(np.intp)]
    after = np.append(x[1:], np.inf)
    while (is_higher := after[knot] <= values).any():
        knot += is_higher
    slope = np.append(np.diff(y) / np.diff(x), 0.0)
    found = slope[knot] * (values - x[knot]) + y[knot]
    return found


def _unit(x: np.ndarray) -> float:
    """1, or 1/2 for sorted data of a range that overflows."""
    with np.errstate(over="ignore"):
        return 1.0 if np.isfinite(x[-1] - x[0]) else 0.5

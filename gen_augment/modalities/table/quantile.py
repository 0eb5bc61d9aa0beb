"""One column of numbers to nearly standard normal ones and back, by a monotone map through a few hundred points.

A value ``x`` goes to the normal quantile of its rank, ``z = Phi^-1(F(x))``, interpolated between at most 256 knots:
whatever its distribution, a network meets a bell. Two things a plain quantile transform does not do. A value that
occurs often (an atom, such as the zero of an account without movements) owns the interval of ``z`` that its share
takes, is encoded as the middle of it, and comes back exactly from anywhere in it. And the slope ``dx/dz`` is at most an
eighth of the range of the data: ranks know no distance, and would close the gap between two groups, so that a small
error in ``z`` threw a row from one into the other. Columns without long tails are therefore nearly standardised, and
long tails are drawn in. Last, ``z`` is scaled to mean 0 and variance 1.

References
----------
Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021 (arXiv:2106.11959), and Kotelnikov et al.,
"TabDDPM: Modelling Tabular Data with Diffusion Models", 2023 (arXiv:2209.15421): normal quantiles for networks.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from gen_augment.errors import InputError
from gen_augment.types import JSON

__all__ = ["QuantileMap"]

MAX_KNOTS = 256
#: Values that occur at least so often, and make up so large a share, are atoms.
ATOM_COUNT, ATOM_SHARE = 3, 1 / 64
#: Between two knots; `z` rises even where ranks do not.
LEAST_RISE = 1e-6
#: Ranges of the data that one unit of `z` spans, at most, before `z` is scaled.
MAX_SLOPE = 1 / 8
#: Floats whose range is a smaller part of their size are one value but for rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class QuantileMap:
    """Knots of the map, both coordinates ascending; an atom has two knots of equal `x`.

    Attributes
    ----------
    x : ndarray of shape (n_knots,)
        Never falls; the first and last are the bounds of the data.
    z : ndarray of shape (n_knots,)
        Rises.
    step : float
        Distance between neighbouring values, counted from the lowest: 1 for whole numbers; 0 for any number.
    """

    x: np.ndarray
    z: np.ndarray
    step: float

    @classmethod
    def fit(cls, values: np.ndarray, step: float = 0.0) -> Self:
        """Learn the map from finite `values`, at least one."""
        unique, counts = np.unique(values, return_counts=True)
        if len(unique) == 1 or (not step and _is_one(unique[0], unique[-1])):
            return cls(unique[[0, -1]], np.array([-0.5, 0.5]), step)
        n = len(values)
        atom = (counts >= ATOM_COUNT) & (counts > ATOM_SHARE * n)
        keep = _choose(atom, np.cumsum(counts) / n)
        after = np.cumsum(counts)
        before = after - counts
        ranks = (before, (before + after) / 2, after)
        low, middle, high = (ndtri(np.clip(rank[keep] / n, 0.5 / n, 1 - 0.5 / n)) for rank in ranks)
        atom = atom[keep]
        # An atom at an end of the data has no other bound than that its middle is where it should be.
        if atom[0]:
            low[0] = 2 * middle[0] - high[0]
        if atom[-1]:
            high[-1] = 2 * middle[-1] - low[-1]
        x = np.repeat(unique[keep], 1 + atom)
        z = np.empty(len(x))
        first = np.cumsum(1 + atom) - (1 + atom)
        last = first + atom
        z[first] = np.where(atom, low, middle)
        z[last[atom]] = high[atom]
        z = _bounded_slope(x, z)
        # Between two atoms that are neighbours nothing was seen: they share the gap.
        pair = np.flatnonzero(atom[:-1] & atom[1:] & (np.diff(keep) == 1))
        z[last[pair]] = (z[last[pair]] + z[first[pair + 1]] - LEAST_RISE) / 2
        z[first[pair + 1]] = z[last[pair]] + LEAST_RISE
        made = cls(x, z, step)
        encoded = made.encode(unique)
        mean = np.average(encoded, weights=counts)
        return cls(x, (z - mean) / np.sqrt(np.average((encoded - mean) ** 2, weights=counts)), step)

    @property
    def is_constant(self) -> bool:
        """Whether there is one value, or one but for rounding."""
        return bool(self.x[0] == self.x[-1]) or (not self.step and _is_one(self.x[0], self.x[-1]))

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Normal quantiles of `values`; beyond the bounds the map goes on along a line."""
        if self.is_constant:
            return np.zeros(len(values))
        x, z = self.x, self.z
        # Of the knots with this x, the last one below or at it, and the first one above or at it: an atom's own two.
        below = np.clip(np.searchsorted(x, values, side="left"), 0, len(x) - 1)
        above = np.clip(np.searchsorted(x, values, side="right") - 1, 0, len(x) - 1)
        out: np.ndarray = np.interp(values, x, z)
        hit = x[below] == values
        out[hit] = (z[below[hit]] + z[above[hit]]) / 2
        slope = (z[-1] - z[0]) / (x[-1] - x[0])
        out += slope * (np.minimum(values - x[0], 0) + np.maximum(values - x[-1], 0))
        return out

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Values within the bounds of the data, on its steps."""
        values: np.ndarray = np.interp(z, self.z, self.x)
        if self.step:
            values = np.rint((values - self.x[0]) / self.step) * self.step + self.x[0]
        return np.asarray(values)

    def to_json(self) -> JSON:
        """All of it as JSON values."""
        return {"x": self.x.tolist(), "z": self.z.tolist(), "step": self.step}

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        x, z = (np.array(record[name], dtype=np.float64) for name in ("x", "z"))
        step = float(record["step"])
        if x.ndim != 1 or x.shape != z.shape or not 2 <= len(x) <= 2 * MAX_KNOTS:
            raise InputError("the knots of a column differ in number.")
        if not (np.isfinite(x).all() and np.isfinite(z).all() and 0 <= step < np.inf):
            raise InputError("the knots of a column are not finite.")
        with np.errstate(over="ignore"):
            overflows = not np.isfinite(x[-1] - x[0])
        if overflows or (np.diff(x) < 0).any() or (np.diff(z) <= 0).any():
            raise InputError("the knots of a column do not ascend.")
        return cls(x, z, step)


def _is_one(low: float, high: float) -> bool:
    return bool(high - low <= max(ROUNDING * max(abs(low), abs(high)), np.finfo(np.float64).tiny))


def _choose(atom: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Numbers of the unique values that become knots: both bounds, all atoms, and others evenly by their share."""
    room = MAX_KNOTS - 2 * int(atom.sum())
    if len(share) <= room:
        return np.arange(len(share))
    levels = ndtr(
        np.linspace(ndtri(share[0]), -ndtri(share[0]), room)[1:-1]
    )  # even in z, so that tails have knots too
    even = np.minimum(np.searchsorted(share, levels), len(share) - 1)
    return np.union1d(np.union1d(even, [0, len(share) - 1]), np.flatnonzero(atom))


def _bounded_slope(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Stretch `z` where `x` would change too fast."""
    least = np.diff(x) / (MAX_SLOPE * (x[-1] - x[0]))
    return np.concatenate([[0.0], np.cumsum(np.maximum(np.diff(z), np.maximum(least, LEAST_RISE)))])

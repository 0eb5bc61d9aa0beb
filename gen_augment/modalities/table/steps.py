"""The step of a column of numbers, such as 1 for whole numbers and 0.01 for prices."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gen_augment.errors import InputError
from gen_augment.types import JSON

__all__ = ["MAX_INT", "SLACK", "Steps", "precision"]

#: The largest whole number up to which float64 holds all of them.
MAX_INT = 2**53

#: Steps per 1 that are tried for floats, the coarsest first.
_PER = (1, 2, 4, 10, 20, 100, *(10**n for n in range(3, 10)))
#: Columns of floats with fewer known values have no step. With fewer different values,
#: rounding errors are taken for differences.
_MIN_VALUES = 10
#: Relative errors, in units of the dtype's precision, of values such as ``3 * 0.1``.
SLACK = 2
#: Bits of evidence that values lie on a grid: by chance, one column in 2**20 would.
_GRID_BITS = 20.0
#: Bits of evidence that values on a grid use only every n-th point of it.
_COARSE_BITS = 6.6
#: Values that are checked before all others, because most columns have no step.
_FIRST_VALUES = 16


@dataclass(frozen=True)
class Steps:
    """A grid of evenly spaced numbers, ``(first + i * size) / per`` for whole ``i``.

    `first`, `size` and `per` are whole numbers, so that each value is the float64
    nearest to the exact decimal: 0.3 and not 0.30000000000000004.

    Attributes
    ----------
    first : int
        The lowest value, times `per`.
    size : int
        Distance between neighbouring values, times `per`.
    per : int
        Grid points per 1 before `size` is applied.

    Examples
    --------
    >>> prices = np.array([9.99, 14.5, 20.25, 3.1, 7.77, 1.01, 2.52, 8.8, 3.33, 4.04])
    >>> steps = Steps.find(prices, np.dtype(np.float64))
    >>> steps.step, steps.nearest(np.array([3.14159])).tolist()
    (0.01, [3.14])
    """

    first: int
    size: int
    per: int = 1

    @property
    def step(self) -> float:
        """Distance between neighbouring values."""
        return self.size / self.per

    @classmethod
    def find(cls, values: np.ndarray, dtype: "np.dtype[Any]") -> Self | None:
        """Find the grid on which all values lie.

        Parameters
        ----------
        values : ndarray of shape (n,)
            Finite float64 values, at least one.
        dtype : dtype
            NumPy dtype that held them. Integers and durations have a step of at least 1.

        Returns
        -------
        Steps or None
            None for values without a step. Floats need at least 10 values, two of them
            different, and more evidence than chance would give.
        """
        is_float = dtype.kind == "f"
        per = _steps_per_one(values, dtype) if is_float else 1
        if per is None:
            return None
        unique = np.unique(np.rint(values * per).astype(np.int64))
        if is_float and len(unique) == 1:
            return None
        return cls(int(unique[0]), _coarsest(unique - unique[0]), per)

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """Round values to the grid; NaN stays NaN."""
        index = np.rint((values * self.per - self.first) / self.size)
        return np.asarray((self.first + index * self.size) / self.per)

    def snapped(self, values: np.ndarray) -> np.ndarray:
        """Values with those next to the grid on it, which removes rounding errors."""
        nearest = self.nearest(values)
        return np.where(np.abs(nearest - values) < self.step / 4, nearest, values)

    def to_json(self) -> JSON:
        """The grid as JSON values."""
        return {"first": self.first, "size": self.size, "per": self.per}

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        steps = cls(**record)
        numbers = (steps.first, steps.size, steps.per)
        if not all(type(number) is int for number in numbers) or (
            abs(steps.first) > MAX_INT or min(steps.size, steps.per) < 1
        ):
            raise InputError(f"{record!r} is not a grid of whole numbers.")
        return steps


def _steps_per_one(values: np.ndarray, dtype: "np.dtype[Any]") -> int | None:
    """The coarsest grid, in points per 1, that holds all values; None if none does."""
    if len(values) < _MIN_VALUES:
        return None
    largest = float(np.abs(values).max())
    possible = [per for per in _PER if largest * per <= MAX_INT]
    first = _nearest(values[:_FIRST_VALUES, None], np.array(possible), dtype)[1].all(axis=0)
    for per in np.array(possible)[first].tolist():
        if _fits(values, per, dtype):
            size = np.abs(np.unique(values))
            size = size[size > 0]  # 0 lies on every grid
            room = 1 / per / (2 * SLACK * precision(dtype) * size)  # spacing by accepted error
            return per if np.clip(np.log2(room), 0, 40).sum() >= _GRID_BITS else None
    return None


def _nearest(values: np.ndarray, per: Any, dtype: "np.dtype[Any]") -> tuple[np.ndarray, np.ndarray]:
    """The nearest points of a grid, and whether they are the values but for rounding errors."""
    nearest = np.rint(values * per) / per
    is_near = np.abs(nearest - values) <= SLACK * precision(dtype) * np.abs(values)
    return nearest, is_near | (nearest.astype(dtype) == values.astype(dtype))


def _fits(values: np.ndarray, per: int, dtype: "np.dtype[Any]") -> bool:
    """Whether values lie on a grid, exactly or, if many differ, but for rounding errors."""
    nearest, is_near = _nearest(values, per, dtype)
    if not is_near.all():
        return False
    is_same = nearest.astype(dtype) == values.astype(dtype)
    return bool(is_same.all()) or len(np.unique(nearest)) >= _MIN_VALUES


def precision(dtype: "np.dtype[Any]") -> float:
    """Return the relative rounding error of values of a dtype of floats, in float64."""
    return max(float(np.finfo(dtype).eps), float(np.finfo(np.float64).eps))


def _coarsest(distances: np.ndarray) -> int:
    """The common divisor of sorted unique distances from 0, if enough of them have it."""
    divisor = int(np.gcd.reduce(distances))
    evidence = (len(distances) - 1) * np.log2(max(divisor, 1))
    return divisor if len(distances) > 2 and evidence >= _COARSE_BITS else 1

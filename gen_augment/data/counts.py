"""How many rows of each class: checks of what users ask for, and exact division."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gen_augment.errors import InputError

__all__ = ["allocate", "check_counts", "consecutive", "within_classes"]


def allocate(n: int, shares: np.ndarray) -> np.ndarray:
    """Split `n` rows over classes in proportion to `shares`, exactly, by largest remainders.

    Examples
    --------
    >>> allocate(10, np.array([0.5, 0.25, 0.25])).tolist()
    [5, 3, 2]
    """
    exact = n * shares / shares.sum()
    counts: np.ndarray = np.floor(exact).astype(int)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: n - counts.sum()]] += 1
    return counts


def check_counts(name: str, counts: Mapping[Any, Any]) -> list[int]:
    """Return the counts of ``{label: count}``, or raise if one is no whole number of at least 0."""
    for label, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
            raise InputError(
                f"{name}={{{label!r}: {count!r}}}: a count is a whole number of at least 0."
            )
    return [int(count) for count in counts.values()]


def consecutive(codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
    """Number the next rows of these classes through all classes, as samplers do.

    Examples
    --------
    >>> consecutive(np.array([0, 1, 1]), np.array([4, 2])).tolist()
    [6, 7, 8]
    """
    return int(n_before.sum()) + np.arange(len(codes))


def within_classes(codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
    """Number the next rows of these classes within each class, as banks do.

    Examples
    --------
    >>> within_classes(np.array([0, 1, 1]), np.array([4, 2])).tolist()
    [4, 2, 3]
    """
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(n_before))
    within = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = np.empty(len(codes), np.int64)
    index[order] = within + n_before[codes[order]]
    return index

"""The order in which the rows of a bank are read: a permutation that needs no memory."""

from functools import lru_cache
from math import gcd

import numpy as np

from gen_augment.rng import derive_seed

__all__ = ["permute"]

#: Most rows that are read one after another, and fewest such runs in a class.
MAX_RUN, MIN_RUNS = 16, 64


def permute(
    offsets: np.ndarray, codes: np.ndarray, seed: int, round_: int, counts: tuple[int, ...]
) -> np.ndarray:
    """Permute row numbers within each class.

    Rows are moved in runs of neighbours, which memory reads quickly; rows that do not fill
    a run stay last. The runs are permuted by ``i -> (step * i + shift) mod n_runs``. Since
    the rows of a class are independent of each other, this serves as a shuffle.

    Parameters
    ----------
    offsets : ndarray of shape (n,)
        Row numbers within the class.
    codes : ndarray of shape (n,)
        Class codes of the rows.
    seed, round_ : int
        Each seed has a different order in each round through the rows.
    counts : tuple of int
        Number of rows of each class.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> permute(np.arange(5), np.zeros(5, int), 1, 0, (5,)).tolist()
    [2, 0, 3, 1, 4]
    """
    run, n_runs, step, shift = (part[codes] for part in _orders(seed, round_, counts))
    block, within = np.divmod(offsets, run)
    moved = (step * block + shift) % n_runs * run + within
    return np.where(block < n_runs, moved, offsets)


@lru_cache(maxsize=8)
def _orders(seed: int, round_: int, counts: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return the length of a run, the number of runs, the step and the shift of each class."""
    rng = np.random.default_rng(derive_seed(seed, "order", round_))
    orders = []
    for n in counts:
        run = min(max(n // MIN_RUNS, 1), MAX_RUN)
        n_runs = max(n // run, 1)
        step = int(rng.integers(n_runs))
        while n_runs > 1 and gcd(step, n_runs) != 1:
            step = int(rng.integers(n_runs))
        orders.append((run, n_runs, step, int(rng.integers(n_runs))))
    return tuple(np.array(orders).T)

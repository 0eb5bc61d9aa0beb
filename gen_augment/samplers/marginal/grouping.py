"""Joining of states that a noisy marginal cannot tell apart, so that noise does not drown pairs.

The marginal of two attributes has as many cells as their numbers of states multiplied, and each
cell has the same noise. With few states for each attribute, fewer cells have more rows.
"""

import numpy as np

__all__ = ["group_counts", "grouped", "spread"]

#: A state is rare if its count is below this many standard deviations, as in MST.
RARE = 3.0


def grouped(
    counts: np.ndarray, deviation: float, pair_deviation: float, *, ordered: bool
) -> np.ndarray:
    """Return the group of each state: int64 ndarray of shape (n_states,).

    Neighbouring states of a number are joined until no group is rare, and until pairs of groups
    have about as many rows as noise. Rare categories become one.

    Parameters
    ----------
    counts : ndarray of shape (n_states,)
        As measured.
    deviation, pair_deviation : float
        Standard deviation of these counts, and of those of pairs of attributes.
    ordered : bool
        Whether the states are those of a number.
    """
    if deviation == 0:
        return np.arange(len(counts))
    rare = RARE * deviation
    if not ordered:
        is_rare = counts < rare
        if is_rare.sum() < 2:
            return np.arange(len(counts))
        groups: np.ndarray = np.where(is_rare, (~is_rare).sum(), np.cumsum(~is_rare) - 1)
        return groups
    total = max(1.0, float(counts.sum()))
    least = max(rare, np.sqrt(total * pair_deviation))
    found = np.zeros(len(counts), np.int64)
    here, n_rows = 0, 0.0
    for state, count in enumerate(counts):
        found[state] = here
        n_rows += count
        if n_rows >= least:
            here, n_rows = here + 1, 0.0
    return np.minimum(found, max(0, here - 1))  # the last ones join their neighbours


def group_counts(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Add up the values of the states of each group."""
    return np.bincount(groups, weights=values)


def spread(one_way: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the probability of each state within its group; uniform where nothing is known."""
    totals = group_counts(one_way, groups)[groups]
    sizes = np.bincount(groups)[groups]
    within: np.ndarray = np.where(totals > 0, one_way / np.where(totals > 0, totals, 1), 1 / sizes)
    return within

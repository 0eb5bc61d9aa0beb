"""Groups of rows, such as the rows of one patient, that no split may divide."""

from typing import Any

import numpy as np
import pandas as pd

from gen_augment.errors import InputError, LeakError
from gen_augment.rng import derive_seed

__all__ = ["read_groups", "rows_by_group", "whole_groups"]

#: Random orders to try at most, and divisions among which the best is chosen.
_ORDERS, _CHOICE = 100, 5


def read_groups(
    groups: Any, of_test: Any, n: int, n_test: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Number the groups of rows, and those of a test part.

    Parameters
    ----------
    groups, of_test : array-like of shape (n,) and (n_test,), or None
        Names of groups.
    n, n_test : int
        Numbers of rows; None if there is no test part.

    Returns
    -------
    groups, of_test : ndarray of shape (n,) and (n_test,), int64
        None for a test part that does not exist.

    Raises
    ------
    InputError
        A row has no group, one of the parts has none, or the test part has only one.
    LeakError
        A group has rows in both parts.
    """
    if groups is None or (of_test is None and n_test is not None):
        has, lacks = ("test has", "groups=") if groups is None else ("X has", "test=(X, y, groups)")
        raise InputError(
            f"{has} groups, and the other part has none: give {lacks} too, by the same names."
        )
    named = [_names("groups", groups, n)]
    if n_test is not None:
        named.append(_names("groups of test", of_test, n_test))
    numbers = pd.factorize(np.concatenate(named))[0]
    if n_test is None:
        return numbers, None
    mine, of_test = numbers[:n], numbers[n:]
    if np.ptp(of_test) == 0:
        raise InputError(
            "groups of test: all rows are of one; a score and how sure it is take 2 or more."
        )
    shared = np.isin(mine, of_test)
    if shared.any():
        row = int(np.argmax(shared))
        raise LeakError(
            f"{int(shared.sum())} rows of X are of groups that the test part has too (first: row "
            f"{row}, of {named[0][row]!r}): leave those out of one of the two."
        )
    return mine, of_test


def _names(what: str, groups: Any, n: int) -> np.ndarray:
    try:
        names = np.asarray(groups, dtype=object)
    except ValueError as error:  # ragged
        raise InputError(f"{what}: {error}; name one group for each row.") from error
    if names.shape != (n,):
        raise InputError(
            f"{what} has shape {names.shape}, and there are {n} rows: name one group for each row."
        )
    missing = pd.isna(names)
    if missing.any():
        row = int(np.argmax(missing))
        raise InputError(f"{what}: row {row} has none; name one for each row, or drop it.")
    return names


def rows_by_group(groups: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Count the rows of each group and class: ndarray of shape (n_groups, n_classes)."""
    return pd.crosstab(groups, codes).to_numpy()


def whole_groups(
    groups: np.ndarray, codes: np.ndarray, share: float, seed: int, parts: int = 1
) -> np.ndarray:
    """Choose whole groups to hold out, with a share of each class as near as possible to `share`.

    In random order, each group is held out if that brings the shares nearer to what is wanted:
    `share`, or for a class of few groups the share of one group. The best of a few orders is used.

    Parameters
    ----------
    groups, codes : ndarray of shape (n,), int
        Group and class of each row.
    share : float
    seed : int
    parts : int
        Parts that the rest is divided into later: it keeps as many groups of each class.

    Returns
    -------
    ndarray of shape (n,), bool

    Raises
    ------
    InputError
        No division with all classes on both sides was found.

    Examples
    --------
    >>> int(whole_groups(np.repeat([0, 1, 2, 3], 2), np.tile([0, 1], 4), 0.25, seed=1).sum())
    2
    """
    table = rows_by_group(groups, codes)
    in_groups = (table > 0).sum(axis=0)
    portion, wanted = table / table.sum(axis=0), np.maximum(share, 1 / in_groups)
    rng = np.random.default_rng(derive_seed(seed, "groups"))
    found: list[tuple[float, np.ndarray]] = []
    for _ in range(_ORDERS):
        lacking, held_out = wanted.copy(), np.zeros(len(table), dtype=bool)
        for group in rng.permutation(len(table)):
            if portion[group] @ (2 * lacking - portion[group]) > 0:  # the distance decreases
                lacking -= portion[group]
                held_out[group] = True
        there = (table[held_out] > 0).sum(axis=0)
        if (there > 0).all() and (in_groups - there >= parts).all():
            found.append((float(lacking @ lacking), held_out))
        if len(found) == _CHOICE:
            break
    if found:
        _, held_out = min(found, key=lambda one: one[0])
        return held_out[np.unique(groups, return_inverse=True)[1]]
    raise InputError(
        f"{len(table)} groups of {len(groups)} rows cannot be divided so that all classes are on "
        f"both sides, with a share of {share:.3g} held out: give more groups (a class is in "
        f"{in_groups.min()}), or a smaller share."
    )

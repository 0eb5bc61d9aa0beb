"""Folds that keep equal rows, or rows of a group, together."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.validation import check_positive_int

__all__ = ["check_n_folds", "equal_rows", "grouped_folds", "in_one_fold", "stratified_folds"]


def check_n_folds(n_folds: Any) -> None:
    """Raise `InputError` for anything but a whole number from 2."""
    if check_positive_int("n_folds", n_folds) < 2:
        raise InputError("n_folds=1 leaves no rows to fit on: take 2 or more.")


def equal_rows(rows: Rows) -> np.ndarray | None:
    """Return the groups of rows, or the number of each different row; None if all differ."""
    if rows.groups is not None:
        return rows.groups
    numbers, different = pd.factorize(rows.digests)
    return None if len(different) == len(rows) else numbers


def stratified_folds(rows: Rows, n_folds: int, seed: int) -> np.ndarray:
    """Return the number of each row's fold, stratified by class, from 0.

    Equal rows, or rows of a group, are in one fold, unless a class has no two different ones. Each
    class has two rows or more.
    """
    groups = equal_rows(rows)
    if groups is not None:
        fold = grouped_folds(rows.codes, rows.n_classes, n_folds, seed, groups)
        if not in_one_fold(rows, fold):
            return fold
    n_folds = min(n_folds, int(np.bincount(rows.codes)[np.unique(rows.codes)].min()))
    fold = np.empty(len(rows), dtype=np.int64)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(np.zeros(len(rows)), rows.codes)):
        fold[held_out] = number
    return fold


def in_one_fold(rows: Rows, fold: np.ndarray) -> list[Any]:
    """Return the labels whose rows are all in one fold, so that no other fold knows them."""
    present = np.unique(rows.codes)
    alone = [code for code in present if len(np.unique(fold[rows.codes == code])) < 2]
    found: list[Any] = rows.classes[alone].tolist()
    return found


def grouped_folds(
    y: np.ndarray, n_classes: int | None, n_folds: int, seed: int, groups: np.ndarray
) -> np.ndarray:
    """Return the number of each row's fold; groups are stratified by the rarest of their classes.

    StratifiedGroupKFold takes seconds for 10,000 groups, and may leave a fold empty.
    """
    number = np.unique(groups, return_inverse=True)[1]
    rarity = np.zeros(len(y), int) if n_classes is None else np.bincount(y).argsort().argsort()[y]
    rarest = pd.Series(rarity).groupby(number).min().to_numpy()
    order = np.random.default_rng(seed).permutation(len(rarest))
    order = order[np.argsort(rarest[order], kind="stable")]
    folds = np.empty(len(rarest), dtype=int)
    folds[order] = np.arange(len(rarest)) % n_folds
    fold_of_row: np.ndarray = folds[number]
    return fold_of_row

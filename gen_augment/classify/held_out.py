"""Rows that are held out to fit weights on: given ones, or each fold in turn."""

from typing import Any

import numpy as np
from sklearn.model_selection import PredefinedSplit

from gen_augment.data import Rows
from gen_augment.data.folds import (
    check_n_folds,
    equal_rows,
    grouped_folds,
    in_one_fold,
    stratified_folds,
)
from gen_augment.errors import InputError
from gen_augment.rng import derive_seed

__all__ = ["held_out_parts"]


def held_out_parts(
    rows: Rows, given: tuple[Any, Any] | None, n_folds: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Return pairs of rows to fit on and rows to tune on.

    Parameters
    ----------
    rows : Rows
    given : (X, y) or None
        Rows to tune on; then all of `rows` are fitted on.
    n_folds : int
        Without given rows, each of so many parts is held out once. Equal rows, or rows of a group,
        are in one part.
    seed : int

    Raises
    ------
    InputError
        A class has too few different rows, or a given row is among `rows`.
    """
    if given is not None:
        tuning = rows.refitted().like(*given)
        known = np.isin(tuning.digests, rows.digests)
        if known.any():
            raise InputError(
                f"held_out has {known.sum()} rows that are in X too, such as row {known.argmax()}, "
                "and they would favour the sampler: remove them."
            )
        return [(rows, tuning)]
    check_n_folds(n_folds)
    counts = rows.class_counts
    least = int(counts.argmin())
    if counts[least] < max(n_folds, 4):
        raise InputError(
            f"class {rows.classes.tolist()[least]!r} has {counts[least]} rows, too few for "
            f"{n_folds} folds that are held out in turn: add rows, or give others as "
            "fit(..., held_out=(X, y))."
        )
    seed = derive_seed(seed, "folds") % 2**32
    groups = equal_rows(rows)  # a model that has seen an equal row would be trusted too much
    if groups is None:
        fold = stratified_folds(rows, n_folds, seed)
    else:
        fold = grouped_folds(rows.codes, rows.n_classes, n_folds, seed, groups)
        if alone := in_one_fold(rows, fold):
            raise InputError(
                f"all rows of class {alone[0]!r} are equal or of one group, and cannot be held out "
                "in turn: add other rows, or give others as fit(..., held_out=(X, y))."
            )
    split = PredefinedSplit(fold).split()
    return [(rows.part(kept), rows.part(aside)) for kept, aside in split]

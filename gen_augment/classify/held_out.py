"""Rows that are held out to fit weights on."""

from typing import Any

import numpy as np

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.rng import derive_seed
from gen_augment.validation import check_range

__all__ = ["held_out_parts"]


def held_out_parts(
    rows: Rows, given: tuple[Any, Any] | None, share: float, seed: int
) -> tuple[Rows, Rows]:
    """Return the rows to fit on, and those to tune on: `given` ones, or a part of each class.

    Parameters
    ----------
    rows : Rows
    given : (X, y) or None
    share : float in (0, 1)
    seed : int

    Raises
    ------
    InputError
        A class has too few rows, or a given row is among `rows`.
    """
    if given is not None:
        tuning = rows.refitted().like(*given)
        if np.isin(tuning.digests, rows.digests).any():
            raise InputError("held_out has rows that are in X too: they would favour the sampler.")
        return rows, tuning
    check_range("held_out", share, 0, 1, open_low=True, open_high=True)
    rng = np.random.default_rng(derive_seed(seed, "held out"))
    aside = []
    for code, count in enumerate(rows.class_counts.tolist()):
        n = max(1, round(share * count))
        if count - n < 2:
            raise InputError(
                f"class {rows.classes.tolist()[code]!r} has {count} rows, and {n} are held out: "
                "give more rows, a smaller share, or other rows as fit(..., held_out=(X, y))."
            )
        aside.append(rng.permutation(np.flatnonzero(rows.codes == code))[:n])
    tuning_index = np.sort(np.concatenate(aside))
    kept = np.setdiff1d(np.arange(len(rows)), tuning_index)
    return rows.part(kept), rows.part(tuning_index)

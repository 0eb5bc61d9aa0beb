"""The parts of one seed, and smaller training parts for a learning curve."""

from dataclasses import dataclass, replace

import numpy as np

from gen_augment.data import Rows
from gen_augment.rng import derive_seed

__all__ = ["Parts", "rows_of_size", "smaller"]


@dataclass(frozen=True)
class Parts:
    """The parts of one seed.

    Only `train` is fitted on, and choices are made on `validation`. The codes of `test` are all
    -1, so that no trial can read its labels; `Task.truth` returns them once the trials are done.
    """

    train: Rows
    validation: Rows
    test: Rows


def rows_of_size(codes: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Choose `size` rows for each class on average; classes keep their shares.

    Each class keeps at least one row. For one seed, the rows of a smaller size are among those of
    a larger size.

    Returns
    -------
    ndarray of shape (n_chosen,), int64
        Sorted positions.

    Examples
    --------
    >>> y = np.repeat([0, 1], [90, 10])
    >>> [np.bincount(y[rows_of_size(y, size, 0)]).tolist() for size in (1, 10, 50)]
    [[2, 1], [18, 2], [90, 10]]
    """
    present = np.unique(codes)
    share = size * len(present) / len(codes)
    rng = np.random.default_rng(derive_seed(seed, "sizes"))
    order = {code: rng.permutation(np.flatnonzero(codes == code)) for code in present.tolist()}
    return np.sort(
        np.concatenate([mine[: max(1, round(share * len(mine)))] for mine in order.values()])
    )


def smaller(parts: Parts, size: int | None, seed: int) -> Parts:
    """Return the parts with a smaller training part; with all of it if `size` is None."""
    if size is None:
        return parts
    index = rows_of_size(parts.train.codes, size, seed)
    return replace(parts, train=parts.train.part(index))

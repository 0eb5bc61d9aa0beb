"""Rows that occur, exactly or nearly, on both sides of a split."""

from collections.abc import Mapping

import numpy as np
import torch

from gen_augment.data import Rows
from gen_augment.errors import LeakError
from gen_augment.neighbours import nearest

__all__ = ["near_copies", "repeated_rows"]

#: Rows with fewer values than this are near to each other by chance.
_MIN_VALUES = 5


def repeated_rows(rows: Rows, tested: Mapping[str, Rows], *, drop: bool) -> np.ndarray:
    """Find rows that a split could put on both sides.

    These are rows that repeat an earlier row of another group, and rows that occur in a part that
    is tested on, whatever the seed. Duplicates inside such a part are no leak.

    Parameters
    ----------
    rows : Rows
    tested : dict of str to Rows
        A fixed test part, and shifted ones, by name.
    drop : bool
        Whether the caller drops what is found.

    Returns
    -------
    ndarray of shape (n,), bool

    Raises
    ------
    LeakError
        There are such rows, and `drop` is false.
    """
    digests = rows.digests
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    groups = np.arange(len(digests)) if rows.groups is None else rows.groups
    repeated = groups != groups[first][inverse]
    also = {name: np.isin(digests, part.digests) for name, part in tested.items()}
    found = np.any([repeated, *also.values()], axis=0)
    if not found.any() or drop:
        return np.asarray(found)
    several = "" if rows.groups is None else ", in several groups"
    found, where = repeated, f"occur more than once in X{several}"
    part = "validation" if "test" in tested else "test"
    for name, both in also.items():
        if both.any():
            found, part = both, "test" if name == "test" else repr(name)
            where = f"of X are also in the {part} part"
            break
    raise LeakError(
        f"{int(found.sum())} rows {where} (first: row {int(np.argmax(found))}), so that a {part} "
        "row could be trained on: remove them, or give Split(drop_duplicates=True), "
        "--drop-duplicates on the command line."
    )


def near_copies(train: Rows, test: Rows) -> np.ndarray:
    """Find test rows that are almost equal to a training row, such as rounded or shifted copies.

    A test row is a near copy if its distance to some training row is less than
    `RowViews.near_copy` times the distance of that row to the next different training row.
    Distances are between encoded rows. Rows of fewer than five values are not examined.

    Parameters
    ----------
    train, test : Rows

    Returns
    -------
    ndarray of shape (n_found,), int64
        Positions in `test`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> train = Rows.read(rng.normal(size=(50, 8)), np.arange(50) % 2)
    >>> new = np.concatenate([rng.normal(size=(9, 8)), train.X[:1] + 1e-4])
    >>> near_copies(train, train.like(new, np.zeros(10, int))).tolist()
    [9]
    """
    codec, _ = train.modality.fit(train.X)  # not cached: parts are sent to other processes
    vectors = train.modality.views.vectors
    _, once = np.unique(train.digests, return_index=True)  # a repeated row has no spacing
    known = vectors(codec, train.X).double()[torch.from_numpy(once)]
    others = vectors(codec, test.X).double()
    if known.shape[1] < _MIN_VALUES or len(known) < 2:
        return np.empty(0, dtype=np.int64)
    distance, index = nearest(others, known)
    neighbour, back = torch.unique(index[:, 0], return_inverse=True)
    spacing = nearest(known[neighbour], known, 2)[0][:, 1]
    close = distance[:, 0] < train.modality.views.near_copy * spacing[back]
    return torch.nonzero(close)[:, 0].numpy()

"""Smaller training parts of one seed, for a learning curve."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gen_augment.codecs import take
from gen_augment.errors import InputError
from gen_augment.rng import derive_seed
from gen_augment.study.arms import Arm
from gen_augment.study.task import Part, Split
from gen_augment.validation import check_positive_int

__all__ = ["check_sizes", "rows_of_size", "smaller", "with_sizes"]


def check_sizes(sizes: Sequence[int], codes: np.ndarray, n_classes: int) -> tuple[int, ...]:
    """Sizes in order, each smaller than a training part with these class numbers.

    Raises
    ------
    InputError
        One is no positive integer, occurs twice, or is not smaller.
    """
    found = tuple(sorted(check_positive_int("sizes", size) for size in sizes))
    if len(set(found)) < len(found):
        raise InputError(f"sizes={list(sizes)}: each may be given once.")
    mean = len(codes) / n_classes
    if found and found[-1] >= round(mean):  # by which the whole part is called
        raise InputError(
            f"sizes={list(sizes)}: the training part has {mean:g} rows for each class, and is always run: give "
            "smaller sizes."
        )
    return found


def with_sizes(arms: Mapping[str, Arm], sizes: Sequence[int]) -> dict[str, Arm]:
    """Each arm on the whole training part, then all of them on each smaller one, as ``"gan@30"``."""
    found = dict(arms)
    for size in sizes:
        for arm in arms.values():
            name = f"{arm.name}@{size}"
            if name in found:
                raise InputError(
                    f"the arm {name!r} has the name of {arm.name!r} at the size {size}: rename it."
                )
            found[name] = replace(arm, name=name, size=size)
    return found


def rows_of_size(codes: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Numbers of `size` rows for each class on average, in order: the classes keep their shares, and one row each.

    For one seed, a smaller size's rows are among those of a larger one.

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


def smaller(split: Split, size: int | None, seed: int) -> Split:
    """The split with a part of its training part; all of it for None."""
    if size is None:
        return split
    index = rows_of_size(split.train.codes, size, seed)
    return replace(split, train=Part(take(split.train.X, index), split.train.codes[index]))

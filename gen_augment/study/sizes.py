"""The sizes of a learning curve."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gen_augment.errors import InputError
from gen_augment.study.arms import Arm
from gen_augment.validation import check_positive_int

__all__ = ["check_sizes", "with_sizes"]


def check_sizes(sizes: Sequence[int], codes: np.ndarray, n_classes: int) -> tuple[int, ...]:
    """Return the sizes in order; each must be smaller than a training part with these codes.

    Raises
    ------
    InputError
        A size is not a positive integer, is given twice, or is too large.
    """
    found = tuple(sorted(check_positive_int("sizes", size) for size in sizes))
    if len(set(found)) < len(found):
        raise InputError(f"sizes={list(sizes)}: each may be given once.")
    mean = len(codes) / n_classes
    if found and found[-1] >= round(mean):  # the rounded mean names the whole training part
        raise InputError(
            f"sizes={list(sizes)}: the training part has {mean:g} rows for each class, and is "
            "always run: give smaller sizes."
        )
    return found


def with_sizes(arms: Mapping[str, Arm], sizes: Sequence[int]) -> dict[str, Arm]:
    """Return each arm on the whole training part, then on each smaller one, as ``"gan@30"``."""
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

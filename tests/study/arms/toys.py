"""An imbalanced split, and a clock that advances at each reading."""

import itertools

from gen_augment.study.parts import Parts
from tests.study.toys import (
    gaussians,
    make_task,
)


def clock() -> float:
    return next(TICKS)


TICKS = itertools.count(0.0, 1.5)


def imbalanced_split(seed: int = 0) -> Parts:
    return make_task(*gaussians(120, imbalance=5), validation_size=0.2).split(seed)

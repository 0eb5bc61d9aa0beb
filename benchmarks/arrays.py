"""Data sets of the benchmarks as arrays and labels."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from gen_augment.containers import take
from gen_augment.data import sources

__all__ = ["Data", "load_data"]


@dataclass(frozen=True)
class Data:
    """A labelled data set, with its test part if it has one."""

    name: str
    X: Any
    y: Any
    test: tuple[Any, Any] | None = None
    mirror: bool = False

    def head(self, per_class: int, seed: int = 0) -> Self:
        """Draw `per_class` rows of each class, or all rows of a class that has fewer."""
        labels, rng = np.asarray(self.y), np.random.default_rng(seed)
        classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        index = np.sort(np.concatenate([rng.permutation(mine)[:per_class] for mine in classes]))
        return replace(self, X=take(self.X, index), y=take(self.y, index))


def load_data(name: str | Path, *, target: str | None = None) -> Data:
    """Load a data set as `gen_augment.data.sources.load_data` does."""
    found = sources.load_data(name, target=target)
    test = None if found.test is None else (found.test.X, found.test.y)
    return Data(found.name, found.rows.X, found.rows.y, test, found.mirror)

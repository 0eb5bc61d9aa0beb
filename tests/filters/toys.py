"""A sampler with rows that are known functions of their address, for filters."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gen_augment.data.labels import LabelCodec
from gen_augment.modalities import Table
from gen_augment.rng import normal

REAL = np.random.default_rng(0).normal(size=(600, 3)), np.arange(600) % 2


class Toy:
    """A sampler with rows that depend on noise, address and class code. It records its rows."""

    def __init__(self, make: Callable[..., np.ndarray], width: int = 3) -> None:
        self.make, self.width = make, width
        self.codec_: Any = Table().fit(REAL[0][:, :width])[0]
        self.label_codec_, _ = LabelCodec.fit(REAL[1])
        self.classes_, self.class_prior_, self.seed_ = np.array([0, 1]), np.array([0.5, 0.5]), 5
        self.made: list[np.ndarray] = []

    def fit(self, X: Any, y: Any = None) -> None:
        """Do nothing."""

    def fingerprint(self) -> str:
        return self.make.__name__

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        where = np.asarray(index)
        z = normal(where, (self.width,), self.seed_ if seed is None else seed).numpy().astype(float)
        self.made.append(self.make(z, where, np.broadcast_to(np.asarray(y), where.shape)))
        return self.made[-1]


def truth(z: np.ndarray, index: np.ndarray, y: np.ndarray) -> np.ndarray:
    return z

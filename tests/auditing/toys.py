"""A sampler of three classes, with planted faults."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression

from gen_augment import (
    audit,
)
from gen_augment.auditing import Audit
from gen_augment.data.labels import LabelCodec
from gen_augment.modalities import Table
from gen_augment.rng import normal

MEANS = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])


def truth(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return normal(index, (3,), seed).numpy().astype(float) + MEANS[codes]


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    codes = np.arange(n) % 3
    return truth(np.arange(n), codes, seed), codes


TRAIN, UNSEEN = rows(600, 1), rows(600, 2)


GROUPS = np.repeat(["left", "right"], 300)


class Toy:
    """A sampler with rows that depend on address, class code and seed."""

    def __init__(self, make: Callable[..., np.ndarray], labels: ArrayLike = (0, 1, 2)) -> None:
        self.make = make
        self.codec_: Any = Table().fit(TRAIN[0])[0]
        self.label_codec_, _ = LabelCodec.fit(np.asarray(labels))
        self.classes_ = self.label_codec_.classes
        self.class_prior_ = np.full(3, 1 / 3)
        self.seed_ = 5

    def fingerprint(self) -> str:
        return "toy"

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        return self.make(
            np.asarray(index), self.label_codec_.encode(y), self.seed_ if seed is None else seed
        )


def copies(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return TRAIN[0][3 * (index % 200) + codes]


def some_copies(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return np.where(
        (index % 20 == 0)[:, None], copies(index, codes, seed), truth(index, codes, seed)
    )


def nearly_copies(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return copies(index, codes, seed) + 0.02 * normal(index, (3,), seed).numpy()


def collapsed(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    made = truth(index, codes, seed)
    return np.where((codes == 1)[:, None], MEANS[1] + 0.05 * (made - MEANS[codes]), made)


def wrong_labels(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return truth(index, np.where(index % 10 < 3, (codes + 1) % 3, codes), seed)


def swapped_labels(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return truth(index, (codes + 1) % 3, seed)


def moved(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return truth(index, codes, seed) + np.array([0.0, 0.0, 1.0])


def look(make: Callable[..., np.ndarray], **params: Any) -> Audit:
    return audit(Toy(make), *TRAIN, **{"holdout": UNSEEN, "model": LogisticRegression()} | params)


class Distribution(Toy):
    """A sampler of the distribution of the training rows."""

    def __init__(self, make: Callable[..., np.ndarray], X: np.ndarray, n_classes: int) -> None:
        super().__init__(make, range(n_classes))
        self.codec_ = Table().fit(X)[0]
        self.class_prior_ = np.full(n_classes, 1 / n_classes)


def sample_of(
    make: Callable[..., np.ndarray], n: int, n_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    codes = np.arange(n) % n_classes
    return make(np.arange(n), codes, seed), codes

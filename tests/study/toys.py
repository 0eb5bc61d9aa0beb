"""Two Gaussian classes with known truth, and samplers and networks that record their input."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from gen_augment.data import LabelCodec, Rows
from gen_augment.modalities import find_modality
from gen_augment.study import Conditions, Split, Study, Training
from gen_augment.study.splitting import Task

SPLIT, TRAINING, CONDITIONS = (
    set(group.__dataclass_fields__) for group in (Split, Training, Conditions)
)


def row_digests(X: Any) -> np.ndarray:
    """Return hashes of rows in the user's form."""
    return find_modality(X).digests(X)


def rows_of(X: Any, codes: Any, n_classes: int | None = None) -> Rows:
    """Rows with these class codes, of at least two classes."""
    codes = np.asarray(codes, dtype=np.int64)
    n = n_classes or max(2, int(codes.max()) + 1)
    return Rows(X, codes, LabelCodec(np.arange(n), "ndarray", "<i8"), find_modality(X))


def unlabelled(X: Any) -> Rows:
    """Rows without labels, as those of a test part."""
    return Rows(
        X, np.full(len(X), -1), LabelCodec(np.arange(2), "ndarray", "<i8"), find_modality(X)
    )


def named(rows: Rows, labels: list[str]) -> Rows:
    """The same rows under other labels."""
    return replace(rows, labels=LabelCodec(np.array(labels), "ndarray", "<U3"))


def make_task(
    X: Any, y: Any = None, *, shifted: Any = None, modality: Any = None, **split: Any
) -> Task:
    """A task with settings of `Split` as keywords."""
    return Task(X, y, split=Split(**split), shifted=shifted, modality=modality)


def make_study(X: Any, y: Any = None, **settings: Any) -> Study:
    """A study with settings of `Split`, `Training` and `Conditions` as keywords."""
    groups = {
        name: {word: settings.pop(word) for word in list(settings) if word in words}
        for name, words in (("split", SPLIT), ("training", TRAINING), ("conditions", CONDITIONS))
    }
    return Study(
        X,
        y,
        split=Split(**groups["split"]),
        training=Training(**groups["training"]),
        conditions=Conditions(**groups["conditions"]),
        **settings,
    )


class Log(list[Any]):
    """A list that clones of a sampler share. It does not change a study's fingerprint."""

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __repr__(self) -> str:
        return "Log()"


def gaussians(
    n: int, *, dim: int = 2, seed: int = 0, imbalance: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """`n` rows. Class 0 is around -1 and class 1 around +1 in the first column."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % (1 + imbalance) == 0).astype(int)
    return true_rows(y, rng, dim), y


def true_rows(y: np.ndarray, rng: np.random.Generator, dim: int) -> np.ndarray:
    X = rng.normal(size=(len(y), dim))
    X[:, 0] += 2 * np.asarray(y) - 1
    return X


class Copies(BaseEstimator):
    """A sampler that draws from its training rows.

    Each fit appends the digests of its rows to `log`.
    """

    def __init__(self, log: Log | None = None, random_state: int = 0) -> None:
        self.log = log
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        if self.log is not None:
            self.log.append(row_digests(X).tolist())
        self.X_, self.y_ = X, np.asarray(y)
        return self

    def sample(self, *, y: dict[Any, int]) -> tuple[Any, Any]:
        labels = np.repeat(np.array(list(y)), list(y.values()))
        return self.draw(labels, np.random.default_rng(self.random_state)), labels

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        return self.X_[[rng.choice(np.flatnonzero(self.y_ == label)) for label in labels]]


class TrueDraws(Copies):
    """Draws from the distribution itself."""

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        return true_rows(labels, rng, self.X_.shape[1])


class WrongLabels(Copies):
    """True rows under shuffled labels."""

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        return true_rows(rng.permutation(labels), rng, self.X_.shape[1])


class Failing(Copies):
    """A sampler that raises `error` at the fits, counted over all clones, in `at`."""

    def __init__(
        self,
        log: Log,
        at: tuple[int, ...] = (),
        error: type[BaseException] = RuntimeError,
        random_state: int = 0,
    ) -> None:
        super().__init__(log, random_state)
        self.at = at
        self.error = error

    def fit(self, X: Any, y: Any) -> Self:
        super().fit(X, y)
        if len(self.log or []) - 1 in self.at:
            raise self.error("planned")
        return self


class Recorder(nn.Module):
    """A linear classifier. `record` receives its initial weights and every training batch."""

    def __init__(self, n_inputs: int, log: Log, n_classes: int = 2) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_classes)
        self.record: dict[str, Any] = {
            "initial": self.linear.weight.detach().clone(),
            "batches": [],
        }
        log.append(self.record)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.record["batches"].append(x.clone())
        logits: Tensor = self.linear(x.flatten(1))
        return logits


def training_records(log: Log) -> list[dict[str, Any]]:
    """Return the records of trained networks, in order. A study also makes an untrained one."""
    return [record for record in log if record["batches"]]


def small_study(X: Any, y: Any, **changes: Any) -> Study:
    """Logistic regression on real rows, and on real rows with copies of them."""
    settings: dict[str, Any] = {
        "model": LogisticRegression(),
        "arms": ["real", "copies"],
        "samplers": {"copies": Copies()},
        "n_seeds": 2,
    }
    return make_study(X, y, **(settings | changes))


def centred_images(n: int, size: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 NHW with a margin of two black pixels; no two images have the same sum."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = np.zeros((n, size, size), np.uint8)
    X[:, 2:-2, 2:-2] = rng.integers(1, 200, (n, size - 4, size - 4)) + 50 * y[:, None, None]
    return X, y


def brightness(batch: Tensor) -> Tensor:
    """Return the sum of each image, which a shift inside the margin keeps."""
    return batch.flatten(1).sum(dim=1)

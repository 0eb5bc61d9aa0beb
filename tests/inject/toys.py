"""A source without a network and real rows, both with rows that encode their identity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset, default_collate

from gen_augment.data import LabelCodec
from gen_augment.modalities import TableCodec

#: In place of the seed, in rows that are real.
REAL = -1.0
#: Rows hold seeds as floats, which tell whole numbers apart up to here.
SEEDS = 2**40


class Numbered:
    """Row `i` of class `c` in the table of `seed` is ``(seed mod SEEDS, i, c)``, or as much of it as `dtype` holds."""

    def __init__(
        self,
        classes: Sequence[Any] | np.ndarray = (0, 1, 2),
        prior: Sequence[float] | None = None,
        seed: int = 5,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.classes_ = np.array(classes)
        self.class_prior_ = (
            np.full(len(classes), 1 / len(classes)) if prior is None else np.array(prior)
        )
        self.seed_, self.dtype = seed, dtype
        self.codec_, _ = TableCodec.fit(torch.eye(3, dtype=dtype))
        self.label_codec_, _ = LabelCodec.fit(self.classes_, unlabeled=None)

    def fingerprint(self) -> str:
        return f"numbered-{self.classes_.tolist()}-{self.seed_}"

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Tensor:
        where, codes = np.asarray(index, np.int64), self.label_codec_.encode(np.asarray(y))
        number = (self.seed_ if seed is None else seed) % SEEDS
        rows = torch.from_numpy(
            np.stack([np.full(len(where), number), where, codes], axis=1).astype(np.float64)
        )
        return rows.to(self.dtype)


class Pairs(Dataset[Any]):
    """A picklable map-style dataset of pairs, without an attribute of labels."""

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = X, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> Any:
        return self.X[index], self.y[index]


def real_rows(labels: Sequence[int] | np.ndarray) -> Tensor:
    """Row `i` is ``(REAL, i, label)``."""
    y = torch.as_tensor(labels, dtype=torch.float64)
    return torch.stack(
        [torch.full_like(y, REAL), torch.arange(len(y), dtype=torch.float64), y], dim=1
    )


def real_data(labels: Sequence[int] | np.ndarray) -> TensorDataset:
    """Those rows as a dataset."""
    return TensorDataset(real_rows(labels), torch.as_tensor(labels))


def is_real(x: Tensor) -> Tensor:
    """Which rows are real."""
    return x[..., 0] == REAL


def names(x: Tensor) -> list[tuple[float, ...]]:
    """Return the identities in rows as tuples."""
    return [tuple(row) for row in x.reshape(-1, 3).tolist()]


def collate_as_list(rows: list[Any]) -> list[Any]:
    return rows


class Chunks(Dataset[Any]):
    """Several datasets as collated batches of neighbouring rows, one after the other."""

    def __init__(self, datasets: Sequence[Any], size: int = 7) -> None:
        self.datasets = datasets
        self.places = [
            (number, range(start, min(start + size, len(data))))
            for number, data in enumerate(datasets)
            for start in range(0, len(data), size)
        ]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Any:
        number, rows = self.places[index]
        data = self.datasets[number]
        return default_collate(data.__getitems__(list(rows)))


def as_image(row: Tensor) -> Tensor:
    """The row as an image of three channels and one pixel."""
    return row.reshape(3, 1, 1)


class Mixing:
    """A `collate_fn` that mixes the batch."""

    def __init__(self, mix: Any) -> None:
        self.mix = mix

    def __call__(self, rows: list[Any]) -> Any:
        return self.mix(*default_collate(rows))

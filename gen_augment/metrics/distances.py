"""Distances between sets of feature vectors, a part at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.validation import check_finite

__all__ = ["PART_SIZE", "as_features", "check_rows", "distances", "nearest", "radii", "share"]

#: Distances held at a time: 40 MB of float64. Pieces of more than 32 MB go back to the system when they are freed;
#: smaller ones pile up in glibc's heap, to many times the memory.
PART_SIZE = 5_000_000


def as_features(minimum: int, **sets: Any) -> tuple[Tensor, ...]:
    """Sets of features by name as float64 Tensors, or an `InputError` that names the one that cannot be used."""
    tensors = []
    for name, values in sets.items():
        try:
            array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
            if array.dtype.kind not in "biuf":
                raise ValueError(f"dtype {array.dtype}")
        except (TypeError, ValueError) as error:  # bfloat16; ragged
            raise InputError(f"{name} is no array of numbers: {error}.") from error
        if array.ndim != 2 or not array.shape[1]:
            raise InputError(f"{name} has shape {array.shape}: give features of shape (n_rows, n_features).")
        check_finite(array, name)
        tensors.append(torch.from_numpy(array.astype(np.float64)))
        check_rows(name, tensors[-1], minimum)
    widths = {name: tensor.shape[1] for name, tensor in zip(sets, tensors, strict=True)}
    if len(set(widths.values())) > 1:
        raise InputError(f"the numbers of features differ, {widths}: take all of them from one extractor.")
    return tuple(tensors)


def check_rows(name: str, x: Tensor, minimum: int) -> None:
    """Raise for fewer rows than are needed."""
    if len(x) < minimum:
        raise InputError(f"{name} has {len(x)} rows, and at least {minimum} are needed (k + 1, where there is a k).")


def distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Euclidean distances of a few rows of `a` at a time to all of `b`."""
    size = max(1, PART_SIZE // len(b))
    for start in range(0, len(a), size):
        part = slice(start, start + size)
        # By differences, not by products: rows that are equal are at distance 0, and d(a, b) is d(b, a), to the bit.
        yield part, torch.cdist(a[part], b, compute_mode="donot_use_mm_for_euclid_dist")


def radii(x: Tensor, k: int, rows: Tensor | None = None) -> Tensor:
    """Distance of each row, or of these rows, to its k-th nearest among the others."""
    some = x if rows is None else x[rows]
    # the nearest of all is the row itself
    return torch.cat([distance.topk(k + 1, largest=False).values[:, -1] for _, distance in distances(some, x)])


def nearest(rows: Tensor, others: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Distances to the `k` nearest of `others`, and their numbers: each of shape (n, k); for many rows.

    Neighbours are found by products, several times as fast as `distances`, and so may be others that are as near but
    for rounding. Their distances are taken by differences: a copy is at 0.
    """
    middle = others.mean(dim=0)
    rows, others = rows - middle, others - middle
    squares = others.square().sum(dim=1)
    found = []
    for part in torch.split(rows, max(1, 4 * PART_SIZE // len(others))):
        index = torch.addmm(squares, part, others.T, alpha=-2).topk(k, largest=False).indices
        found.append(((part[:, None] - others[index]).norm(dim=2), index))
    distance, index = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distance, index


def share(mask: Tensor) -> float:
    """Of true values, in [0, 1]."""
    return float(mask.double().mean())

"""Distances between sets of vectors and who is near to whom, a part at a time: no n x n matrix is ever held."""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["PART_SIZE", "distances", "members", "nearest", "radii"]

#: Distances held at a time: 40 MB of float64. Pieces of more than 32 MB go back to the system when they are freed;
#: smaller ones pile up in glibc's heap, to many times the memory.
PART_SIZE = 5_000_000


def distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Euclidean distances of a few rows of `a` at a time to all of `b`."""
    size = max(1, PART_SIZE // len(b))
    for start in range(0, len(a), size):
        part = slice(start, start + size)
        # By differences, not by products: rows that are equal are at distance 0, and d(a, b) is d(b, a), to the bit.
        yield part, torch.cdist(a[part], b, compute_mode="donot_use_mm_for_euclid_dist")


def radii(x: Tensor, k: int, rows: Tensor | None = None) -> Tensor:
    """Distance of each row, or of these rows, to its k-th nearest among the others, or to the farthest of fewer."""
    some, k = (
        x if rows is None else x[rows],
        min(k + 1, len(x)),
    )  # the nearest of all is the row itself
    return torch.cat(
        [distance.topk(k, largest=False).values[:, -1] for _, distance in distances(some, x)]
    )


def members(real: Tensor, fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Which of `fake` lie on the manifold of `real`, and which of `real` on that of `fake`: bool, (m,) and (n,).

    The manifold of a set is the union of closed balls around its rows, each as far as the row's k-th nearest neighbour
    in the set (Kynkäänniemi et al. 2019, arXiv:1904.06991).
    """
    reach_real, reach_fake = radii(real, k), radii(fake, k)
    realistic, covered = [], torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for part, distance in distances(fake, real):
        realistic.append((distance <= reach_real).any(dim=1))
        covered |= (distance <= reach_fake[part, None]).any(dim=0)
    return torch.cat(realistic), covered


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

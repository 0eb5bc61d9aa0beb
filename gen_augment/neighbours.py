"""Distances between sets of vectors, and nearest neighbours, in bounded memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["PART_SIZE", "distances", "members", "nearest", "radii"]

#: Number of distances in memory at a time: 40 MB of float64. Freed blocks of more
#: than 32 MB are returned to the system; smaller ones accumulate in glibc's heap.
PART_SIZE = 5_000_000
#: Candidates beside the neighbours that `nearest` measures exactly.
_MORE = 8


def distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield Euclidean distances to all rows of `b`, for a few rows of `a` at a time."""
    size = max(1, PART_SIZE // len(b))
    for start in range(0, len(a), size):
        part = slice(start, start + size)
        # Differences are exact where matrix products are not: equal rows are at
        # distance 0, and d(a, b) equals d(b, a) to the bit.
        yield part, torch.cdist(a[part], b, compute_mode="donot_use_mm_for_euclid_dist")


def radii(x: Tensor, k: int, rows: Tensor | None = None) -> Tensor:
    """Return the distance of each row to its k-th nearest other row.

    If there are fewer than k other rows, it is the distance to the farthest.

    `rows` selects rows of `x`; the default is all.

    Examples
    --------
    >>> radii(torch.tensor([[0.0], [1.0], [3.0]]), k=1).tolist()
    [1.0, 1.0, 2.0]
    """
    some = x if rows is None else x[rows]
    k = min(k + 1, len(x))  # the nearest row is the row itself
    return torch.cat(
        [distance.topk(k, largest=False).values[:, -1] for _, distance in distances(some, x)]
    )


def members(real: Tensor, fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Test which rows lie on the manifold of the other set.

    The manifold of a set is the union of closed balls around its rows. Each ball
    reaches to the row's k-th nearest neighbour in the set (Kynkäänniemi et al. 2019,
    arXiv:1904.06991).

    Returns
    -------
    realistic : bool Tensor of shape (m,)
        Which rows of `fake` lie on the manifold of `real`.
    covered : bool Tensor of shape (n,)
        Which rows of `real` lie on the manifold of `fake`.
    """
    reach_real, reach_fake = radii(real, k), radii(fake, k)
    realistic, covered = [], torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for part, distance in distances(fake, real):
        realistic.append((distance <= reach_real).any(dim=1))
        covered |= (distance <= reach_fake[part, None]).any(dim=0)
    return torch.cat(realistic), covered


def nearest(rows: Tensor, others: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Return distances and positions of the `k` nearest of `others`, (n, k) each.

    Candidates are found with matrix products, which is several times as fast as
    `distances`. The distances of the best ones are computed from differences, so a copy
    is at distance 0, unless more than `_MORE` other rows differ from it by rounding alone.
    """
    middle = others.mean(dim=0)
    rows, others = rows - middle, others - middle
    squares = torch.linalg.vector_norm(others, dim=1).square()
    n = min(k + _MORE, len(others))
    found = []
    for part in torch.split(rows, max(1, 4 * PART_SIZE // max(len(others), n * others.shape[1]))):
        index = torch.addmm(squares, part, others.T, alpha=-2).topk(n, largest=False).indices
        exact, order = (part[:, None] - others[index]).norm(dim=2).topk(k, dim=1, largest=False)
        found.append((exact, index.gather(1, order)))
    distance, index = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distance, index

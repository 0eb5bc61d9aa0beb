"""Training rows that a sampler keeps, by class, and how noise selects one of them.

Kept rows are stored in buffers whose size does not depend on the data. An archive's header thus
says how large it is, and weights can be copied to a sampler with other classes.
"""

from bisect import bisect_right
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

__all__ = ["KeptRows", "choose_rows", "index_below", "split_noise", "uniform_from"]

_UNUSED = 2**62  # sorts after every class code


class KeptRows(nn.Module):
    """Class codes of up to `size` kept rows, in ascending order.

    Parameters
    ----------
    size : int
    """

    label: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("label", torch.full((size,), _UNUSED))

    def clear(self) -> None:
        """Remove all rows."""
        self.label.fill_(_UNUSED)

    def count(self, y: Tensor) -> Tensor:
        """Count the kept rows of each of these classes."""
        return torch.searchsorted(self.label, y, right=True) - torch.searchsorted(self.label, y)

    def pick(self, y: Tensor, u: Tensor) -> Tensor:
        """Return the position of one row of each of these classes.

        All rows of a class are equally likely if `u` is uniform in [0, 1].
        """
        first = torch.searchsorted(self.label, y)
        return (first + index_below(u, self.count(y))).clamp(max=len(self.label) - 1)


def choose_rows(y: Tensor, limit: int, seed: int) -> Tensor:
    """Choose at most `limit` rows at random, in order of class; small classes keep all rows.

    Returns
    -------
    Tensor of shape (n_chosen,)
        Positions in `y`.
    """
    labels = y.cpu()
    order = torch.randperm(len(labels), generator=torch.Generator("cpu").manual_seed(seed))
    order = order[labels[order].argsort(stable=True)]  # by class, and shuffled within each
    counts = torch.bincount(labels[order])

    def kept(cap: int) -> int:
        return int(counts.clamp(max=cap).sum())

    per_class = bisect_right(range(len(order) + 1), limit, key=kept) - 1
    place = torch.cat([torch.arange(n) for n in counts.tolist()])
    return order[place < per_class].to(y.device)


def split_noise(z: Tensor, *widths: int) -> list[Tensor]:
    """Split noise of shape (B, sum of widths) into one Tensor for each width."""
    ends = list(accumulate(widths, initial=0))
    return [z[:, start:stop] for start, stop in pairwise(ends)]


def uniform_from(z: Tensor) -> Tensor:
    """Map standard normal numbers to uniform ones in [0, 1].

    In double precision, so that every device selects the same row.
    """
    u: Tensor = torch.special.ndtr(z.double())
    return u


def index_below(u: Tensor, n: Tensor) -> Tensor:
    """Return whole numbers in [0, n), equally likely if `u` is uniform in [0, 1]."""
    return torch.minimum((u * n).long(), (n - 1).clamp(min=0))

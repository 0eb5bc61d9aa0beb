"""Series at other times: linear interpolation, dynamic time warping, and where series end.

References
----------
Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE
Transactions on Acoustics, Speech, and Signal Processing 26(1), 1978.
"""

import torch
from torch import Tensor

__all__ = ["align", "dtw_paths", "last_steps", "resample", "with_end"]

#: Numbers of a cost matrix that are in memory at a time.
_MAX_CELLS = 2**24


def last_steps(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last step of each encoded series, and whether its last channel marks it.

    A mark is 1 up to the end and -1 after it, where the other channels repeat their last values,
    see `SeriesCodec`. A series without a mark ends at the last step of all.

    Parameters
    ----------
    x : Tensor of shape (B, C, L)

    Returns
    -------
    last : Tensor of shape (B,), int64
    marked : Tensor of shape (B,), bool

    Examples
    --------
    >>> x = torch.tensor([[[5.0, 7.0, 7.0], [1.0, 1.0, -1.0]], [[5.0, 7.0, 9.0], [0.0, 0.0, 0.0]]])
    >>> [found.tolist() for found in last_steps(x)]
    [[1, 2], [True, False]]
    """
    steps, mark = torch.arange(x.shape[2], device=x.device), x[:, -1]
    last = (mark == 1).sum(dim=1) - 1
    inside = steps <= last[:, None]
    end = x.gather(2, last.clamp(min=0)[:, None, None].expand(-1, x.shape[1], 1))
    is_mark = (mark == torch.where(inside, 1, -1)).all(dim=1)
    is_padded = (inside[:, None] | (x == end))[:, :-1].flatten(1).all(dim=1)
    marked = is_mark & is_padded & (last >= 0) & (x.shape[1] > 1)
    return torch.where(marked, last, x.shape[2] - 1), marked


def with_end(made: Tensor, like: Tensor) -> Tensor:
    """Return series (B, C, L) with the ends, the padding and the marks of `like`."""
    last, marked = last_steps(like)
    steps = torch.arange(made.shape[2], device=made.device).minimum(last[:, None])
    made = made.gather(2, steps[:, None].expand_as(made))
    mark = torch.where(marked[:, None], like[:, -1], made[:, -1])
    return torch.cat([made[:, :-1], mark[:, None]], dim=1)


def resample(x: Tensor, places: Tensor) -> Tensor:
    """Read series (B, C, L) at other times, with linear interpolation.

    Parameters
    ----------
    x : Tensor of shape (B, C, L)
    places : Tensor of shape (B, n)
        Times in steps; those outside [0, L - 1] read the first or the last step.

    Returns
    -------
    Tensor of shape (B, C, n)

    Examples
    --------
    >>> resample(torch.tensor([[[0.0, 2.0, 6.0]]]), torch.tensor([[0.5, 1.5, 9.0]])).tolist()
    [[[1.0, 4.0, 6.0]]]
    """
    last = x.shape[2] - 1
    places = places.clamp(0, last)
    before = places.floor().long()
    after = (before + 1).clamp(max=last)
    share = (places - before)[:, None]
    across = before[:, None].expand(-1, x.shape[1], -1), after[:, None].expand(-1, x.shape[1], -1)
    return torch.lerp(x.gather(2, across[0]), x.gather(2, across[1]), share)


def align(x: Tensor, like: Tensor) -> Tensor:
    """Warp series in time so that they match others by dynamic time warping.

    A step of the result is the mean of the steps of `x` that are matched with it. It ends where
    `like` does.

    Parameters
    ----------
    x, like : Tensor of shape (B, C, L)
        Encoded series, see `last_steps`.

    Returns
    -------
    Tensor of shape (B, C, L)
    """
    size = max(1, _MAX_CELLS // x.shape[2] ** 2)
    parts = zip(x.split(size), like.split(size), strict=True)  # type: ignore[no-untyped-call]
    return torch.cat([_aligned(part, other) for part, other in parts])


def _aligned(x: Tensor, like: Tensor) -> Tensor:
    total, count = torch.zeros_like(like), torch.zeros_like(like[:, :1])
    rows = torch.arange(len(x), device=x.device)
    for i, j, on_path in dtw_paths(like, x):
        total[rows, :, i] += x[rows, :, j] * on_path[:, None]
        count[rows, 0, i] += on_path
    return with_end(total / count.clamp(min=1), like)


def dtw_paths(a: Tensor, b: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return the warping paths of least squared distance between series, up to their ends.

    Parameters
    ----------
    a, b : Tensor of shape (B, C, L)
        Encoded series, see `last_steps`.

    Returns
    -------
    list of (i, j, on_path), Tensors of shape (B,)
        Matched steps of `a` and `b`, from the last to the first. `on_path` is 1, and 0 after the
        end of a path that is shorter than others.
    """
    n, _, length = a.shape
    cost = (a[:, :, :, None] - b[:, :, None]).square().sum(dim=1)  # (B, L, L)
    total = torch.full((n, length + 1, length + 1), torch.inf, device=a.device, dtype=a.dtype)
    total[:, 0, 0] = 0
    for diagonal in range(2 * length - 1):
        i = torch.arange(max(0, diagonal - length + 1), min(diagonal, length - 1) + 1)
        j = diagonal - i
        best = torch.minimum(total[:, i, j + 1], total[:, i + 1, j])
        total[:, i + 1, j + 1] = cost[:, i, j] + torch.minimum(best, total[:, i, j])
    rows = torch.arange(n, device=a.device)
    i, j = last_steps(a)[0], last_steps(b)[0]
    on_path, path = torch.ones(n, device=a.device, dtype=a.dtype), []
    for _ in range(2 * length - 1):
        path.append((i, j, on_path))
        on_path = on_path * ((i > 0) | (j > 0))
        steps = [total[rows, i, j], total[rows, i, j + 1], total[rows, i + 1, j]]
        step = torch.stack(steps).argmin(dim=0)  # both, only a, only b
        i, j = i - (step != 2).long(), j - (step != 1).long()
        i, j = i.clamp(min=0), j.clamp(min=0)
    return path

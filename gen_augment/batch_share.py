"""The rows of a batch that this process trains on, if several processes share each batch.

All processes draw the same random numbers, for the rows of the whole batch, and each uses those of
its own rows. Together they compute what one process would compute, up to rounding.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "batch_share", "concatenated", "own_normal", "own_rows", "own_share", "whole_mean",
    "whole_var_mean",
]  # fmt: skip

#: Number of this process, and of all processes that share a batch.
_share: ContextVar[tuple[int, int]] = ContextVar("share", default=(0, 1))
#: Number of batches that are concatenated.
_n_batches: ContextVar[int] = ContextVar("n_batches", default=1)


@contextmanager
def batch_share(rank: int, n: int) -> Iterator[None]:
    """Let this process have the rows of number `rank` of `n` equal parts within the block."""
    token = _share.set((rank, n))
    try:
        yield
    finally:
        _share.reset(token)


@contextmanager
def concatenated(n_batches: int) -> Iterator[None]:
    """Let `own_rows` be for the concatenated rows of so many batches within the block."""
    token = _n_batches.set(n_batches)
    try:
        yield
    finally:
        _n_batches.reset(token)


def own_share() -> tuple[int, int]:
    """Return the number of this process, and of all processes that share a batch."""
    return _share.get()


def own_rows(draw: Callable[[int], Tensor], n: int) -> Tensor:
    """Return random numbers for the `n` rows of this process.

    Parameters
    ----------
    draw : callable
        Draws random numbers for so many rows: a Tensor of shape (rows, ...).
    n : int

    Returns
    -------
    Tensor of shape (n, ...)

    Examples
    --------
    >>> with batch_share(1, 2):
    ...     own_rows(torch.arange, 3).tolist()
    [3, 4, 5]
    """
    rank, of = _share.get()
    if of == 1:
        return draw(n)
    whole = draw(of * n)  # (n_batches * of * rows, ...)
    parts = whole.view(_n_batches.get(), of, -1, *whole.shape[1:])
    return parts[:, rank].flatten(0, 1)


def own_normal(like: Tensor) -> Tensor:
    """Return standard normal numbers of the shape, dtype and layout of the rows of this process."""
    _, of = _share.get()
    # The order in which numbers are drawn depends on the layout, which `cat` keeps.
    return own_rows(
        lambda n: torch.randn_like(like if of == 1 else torch.cat([like] * of)), len(like)
    )


def whole_mean(x: Tensor) -> Tensor:
    """Return the mean of `x` over all processes; it can be differentiated."""
    _, of = _share.get()
    return x if of == 1 else _Sum.apply(x) / of


def whole_var_mean(x: Tensor, dim: list[int]) -> tuple[Tensor, Tensor]:
    """Return the biased variance and the mean over axes of the whole batch."""
    var, mean = torch.var_mean(x, dim, correction=0)
    if _share.get()[1] == 1:
        return var, mean
    square, whole = whole_mean(torch.stack([var + mean.square(), mean])).unbind()
    return (square - whole.square()).clamp(min=0), whole


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total: Tensor = _Sum.apply(gradients[0])
        return total

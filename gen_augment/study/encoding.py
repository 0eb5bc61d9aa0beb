"""Inputs of a network: all rows at once, or those of a batch if all would take too much memory."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import Tensor

from gen_augment.containers import take

__all__ = ["EncodedOnDemand", "encoded", "encoded_in_parts"]

#: Numbers of an encoded data set at most, 2 GiB in 32 bits; and of a part of one.
MOST_NUMBERS, PART_NUMBERS = 2**29, 2**26

Encode = Callable[[Any], Tensor]


class EncodedOnDemand:
    """Rows that are encoded when a batch asks for them; photographs are a quarter of the size.

    Parameters
    ----------
    X : rows as the user has them
    encode : callable
    device : str
        Where encoded rows are returned.
    """

    def __init__(self, X: Any, encode: Encode, device: str) -> None:
        self.X, self.encode, self.device = X, encode, device

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Return encoded rows: float32 Tensor of shape (len(index), ...)."""
        return self.encode(take(self.X, index.cpu().numpy())).float().to(self.device)


def encoded(X: Any, encode: Encode, device: str) -> Tensor | EncodedOnDemand:
    """Return encoded rows on a device, or what encodes them on demand."""
    if len(X) * _numbers_of_a_row(X, encode) > MOST_NUMBERS:
        return EncodedOnDemand(X, encode, device)
    return encode(X).float().to(device)


def encoded_in_parts(X: Any, encode: Encode) -> Iterator[Tensor]:
    """Yield the encoded rows part by part, in order."""
    size = max(1, PART_NUMBERS // _numbers_of_a_row(X, encode))
    if size >= len(X):
        yield encode(X).float()
        return
    for start in range(0, len(X), size):
        yield encode(take(X, np.arange(start, min(start + size, len(X))))).float()


def _numbers_of_a_row(X: Any, encode: Encode) -> int:
    return max(1, encode(take(X, np.arange(1)))[0].numel())

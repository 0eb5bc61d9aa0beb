"""Encoded rows as a few states for each attribute, and back.

Attributes are the encoded numbers and one-hot blocks of a row. A number with few possible values
has a state for each; others have bins of equal width between their bounds, within which new values
are uniform. Bins depend on the encoding alone.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

__all__ = ["States"]

#: Encoded values whose decoded rows show which values are possible; far beyond any bound.
GRID = np.concatenate([[-1e3], np.linspace(-6, 6, 4001), [1e3]])


@dataclass(frozen=True)
class States:
    """The states of all attributes.

    Attributes
    ----------
    lows, highs : tuple of ndarray of shape (n_states,)
        Ends of the bins of each number; equal for a single value.
    blocks : tuple of int
        Widths of the one-hot blocks.
    """

    lows: tuple[np.ndarray, ...]
    highs: tuple[np.ndarray, ...]
    blocks: tuple[int, ...]

    @classmethod
    def of(cls, codec: Any, n_bins: int) -> Self:
        """Choose the states for rows that `codec` encodes as vectors."""
        n_numbers = codec.shape[0] - sum(codec.blocks)
        rows = np.zeros((len(GRID), codec.shape[0]), np.float32)
        rows[:, :n_numbers] = GRID[:, None]
        possible = codec.encode(codec.decode(torch.from_numpy(rows)))[:, :n_numbers].numpy()
        lows, highs = [], []
        for column in possible.T.astype(np.float64):
            values = np.unique(column.round(5))
            if len(values) > n_bins:
                edges = np.linspace(values[0], values[-1], n_bins + 1)
                lows.append(edges[:-1])
                highs.append(edges[1:])
            else:
                lows.append(values)
                highs.append(values)
        return cls(tuple(lows), tuple(highs), tuple(codec.blocks))

    @property
    def sizes(self) -> list[int]:
        """Number of states of each attribute."""
        return [*map(len, self.lows), *self.blocks]

    def encode(self, rows: Tensor) -> np.ndarray:
        """Return the states of encoded rows: int64 of shape (n, n_attributes)."""
        states = []
        for number, (low, high) in enumerate(zip(self.lows, self.highs, strict=True)):
            middles = (low + high) / 2
            bounds = (middles[1:] + middles[:-1]) / 2
            states.append(np.searchsorted(bounds, rows[:, number].double().numpy(), side="right"))
        blocks = torch.split(rows[:, len(self.lows) :], list(self.blocks), dim=1)
        states += [block.argmax(dim=1).numpy() for block in blocks if block.shape[1]]
        return np.stack(states, axis=1).astype(np.int64)

    def decode(self, states: np.ndarray, u: np.ndarray) -> Tensor:
        """Return encoded rows of states (n, n_attributes), by uniform numbers of this shape."""
        columns = []
        for number, (low, high) in enumerate(zip(self.lows, self.highs, strict=True)):
            here = states[:, number]
            columns.append((low[here] + u[:, number] * (high[here] - low[here]))[:, None])
        for block, width in enumerate(self.blocks, len(self.lows)):
            columns.append(np.eye(width)[states[:, block]])
        return torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32))

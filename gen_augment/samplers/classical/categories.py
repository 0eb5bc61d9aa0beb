"""Categories of rows that a density made: only those that the class of a row has in training.

A density of encoded rows is continuous in their one-hot blocks. The nearest category may be one
that no training row of the class has, all the more where several blocks are digits of one
category.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities import BlockGroup, Codec
from gen_augment.modalities.blocks import choose_category

__all__ = ["SeenCategories"]


@dataclass(frozen=True)
class SeenCategories:
    """The categories of each class.

    Attributes
    ----------
    groups : list of BlockGroup
        Columns with blocks: categories, and marks of missing numbers.
    seen : Tensor of shape (n_classes, n_categories), bool
        Which categories of all columns, one column after the other, each class has.
    """

    groups: list[BlockGroup]
    seen: Tensor

    @classmethod
    def learn(cls, codec: Codec, points: Tensor, counts: np.ndarray) -> Self:
        """Read the categories of encoded rows, which are sorted by class."""
        groups = codec.block_groups()
        seen = torch.zeros(len(counts), sum(map(_size, groups)), dtype=torch.bool)
        y = torch.repeat_interleave(torch.arange(len(counts)), torch.from_numpy(counts))
        start = 0
        for group in groups:
            seen[y, start + _codes(group, points)] = True
            start += _size(group)
        return cls(groups, seen)

    @classmethod
    def restore(cls, codec: Codec, seen: Tensor, n_classes: int) -> Self:
        """Take back `seen`, or raise `InputError` if it does not fit."""
        groups = codec.block_groups()
        sizes = list(map(_size, groups))
        if seen.shape != (n_classes, sum(sizes)) or seen.dtype != torch.bool:
            raise InputError(f"the categories of classes have shape {tuple(seen.shape)}.")
        if not all(part.any(dim=1).all() for part in torch.split(seen, sizes, dim=1)):
            raise InputError("a class has no category.")
        return cls(groups, seen)

    def choose(
        self, rows: Tensor, codes: np.ndarray, known: Mapping[int, int] | None = None
    ) -> Tensor:
        """Return encoded rows whose blocks are those of the likeliest category of their class.

        `known` leaves out the category "missing", see `Gaps`. A class that has no other gets any.
        """
        rows, start = rows.clone(), 0
        for group in self.groups:
            size = _size(group)
            n_known = (known or {}).get(group.starts[0], size)
            for code in np.unique(codes).tolist():
                seen = torch.nonzero(self.seen[code, start : start + n_known])[:, 0]
                here = torch.from_numpy(np.flatnonzero(codes == code))
                choose_category(rows, here, group, seen if len(seen) else torch.arange(n_known))
            start += size
        return rows


def _size(group: BlockGroup) -> int:
    """Number of codes of a column; some of several digits stand for no category."""
    return int(np.prod(group.widths))


def _codes(group: BlockGroup, points: Tensor) -> Tensor:
    """Return the category of each encoded row."""
    pairs = zip(group.starts, group.widths, strict=True)
    digits = [points[:, start : start + width].argmax(dim=1).numpy() for start, width in pairs]
    return torch.from_numpy(np.ravel_multi_index(digits, group.widths))

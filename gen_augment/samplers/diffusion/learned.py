"""What is learned beside LoRA: one vector for each class, added to a frozen network.

References
----------
Gal et al., "An Image is Worth One Word: Personalizing Text-to-Image Generation using Textual
Inversion", 2022 (arXiv:2208.01618).
"""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["LearnedRows", "LearnedShift"]


class LearnedRows(nn.Module):
    """An embedding with further rows, which alone are trained.

    Parameters
    ----------
    base : nn.Embedding
        The frozen rows.
    first : int
        The number of the first learned row.
    vectors : nn.Parameter of shape (n_classes, dim)
        The learned rows, in 32 bits.
    """

    def __init__(self, base: nn.Module, first: int, vectors: nn.Parameter) -> None:
        super().__init__()
        self.base, self.first = base, first
        # Behind the frozen rows, since the first parameter is what libraries ask for the precision.
        self.learned = nn.ParameterList([vectors])

    @property
    def vectors(self) -> nn.Parameter:
        """The learned rows."""
        return self.learned[0]  # type: ignore[no-any-return]

    @property
    def weight(self) -> Any:
        """The frozen rows."""
        return self.base.weight

    def forward(self, ids: Tensor) -> Tensor:
        row = ids - self.first
        is_learned = (row >= 0) & (row < len(self.vectors))
        known: Tensor = self.base(ids.masked_fill(is_learned, 0))
        learned = self.vectors[row.clamp(0, len(self.vectors) - 1)].to(known.dtype)
        return torch.where(is_learned[..., None], learned, known)


class LearnedShift(nn.Module):
    """A time embedding that a learned vector of the class is added to.

    Parameters
    ----------
    base : nn.Module
        The frozen time embedding, which returns (B, dim).
    vectors : nn.Parameter of shape (n_classes, dim)

    Attributes
    ----------
    codes : Tensor of shape (B,), int64, or None
        Class of each row of the next call; -1 and None add nothing.
    """

    def __init__(self, base: nn.Module, vectors: nn.Parameter) -> None:
        super().__init__()
        self.base = base
        self.learned = nn.ParameterList([vectors])
        self.codes: Tensor | None = None

    def forward(self, *args: Any) -> Tensor:
        known: Tensor = self.base(*args)
        if self.codes is None:
            return known
        shift = self.learned[0][self.codes.clamp(min=0)] * (self.codes >= 0)[:, None]
        moved: Tensor = known + shift.to(known.dtype)
        return moved

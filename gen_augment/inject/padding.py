"""Rows of unequal lengths in a batch: padded with zeros, beside a Tensor of their lengths."""

from collections.abc import Hashable, Mapping, MutableMapping
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from gen_augment.containers import pad_rows
from gen_augment.errors import InputError
from gen_augment.inject.row_source import check_same_form

__all__ = ["Padded", "holds_lengths", "stack_or_pad", "write_padded"]


class Padded(NamedTuple):
    """Rows (n, ..., longest) with zeros after their ends, and their lengths (n,)."""

    values: Tensor
    lengths: Tensor

    @classmethod
    def whole(cls, rows: Tensor) -> Self:
        """Return rows of one length with their lengths."""
        return cls(rows, torch.full((len(rows),), rows.shape[-1], device=rows.device))

    def to(self, device: torch.device) -> Self:
        """Return the same rows on a device."""
        return type(self)(self.values.to(device), self.lengths.to(device))


def holds_lengths(inputs: Mapping[Any, Any]) -> bool:
    """Return whether the second one of two inputs holds a whole number for each row."""
    if len(inputs) != 2 or not all(isinstance(part, Tensor) for part in inputs.values()):
        return False
    x, lengths = inputs.values()
    whole = not lengths.is_floating_point() and lengths.dtype != torch.bool
    return bool(x.ndim > 1 and lengths.ndim == 1 and whole)


def stack_or_pad(rows: list[Any], *, pads: bool) -> Tensor | Padded:
    """Return the rows of a transform as one Tensor, padded if their lengths differ or `pads`."""
    if wrong := [row for row in rows if not isinstance(row, Tensor)]:
        raise InputError(
            f"transform returns a {type(wrong[0]).__name__}: return a Tensor, or a dict of them."
        )
    if pads or len({row.shape for row in rows}) > 1:
        return Padded(*pad_rows(rows))
    return torch.stack(rows)


def write_padded(
    inputs: MutableMapping[Hashable, Tensor], window: slice, rows: Padded, part: slice
) -> None:
    """Write a part of the rows into a batch, which gets longer if one of them needs it.

    Parameters
    ----------
    inputs : dict of Tensor
        Values (batch, ..., longest) and, if there is a second one, lengths (batch,).
    """
    name, *others = inputs
    x, values, lengths = inputs[name], rows.values[part], rows.lengths[part]
    if others and not holds_lengths(inputs):
        raise InputError(
            f"inputs in a batch are {[name, *others]!r}, and synthetic rows have unequal lengths: "
            "give values and lengths, as collate_series does, or pass a transform."
        )
    if (x.dtype, x.shape[1:-1]) != (values.dtype, values.shape[1:-1]):
        check_same_form(x[0], values[0])
    if (missing := int(lengths.max()) - x.shape[-1]) > 0:
        x = inputs[name] = pad(x, (0, missing))
    n = min(x.shape[-1], values.shape[-1])
    x[window] = 0
    x[window][..., :n] = values[..., :n]
    if others:
        inputs[others[0]][window] = lengths

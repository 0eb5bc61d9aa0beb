"""Likelihood, sampling and choice of the one-hot blocks at the end of flat rows.

Samples are a function of the logits and the noise. Blocks have shape (B, width), where
`width` is the sum of the widths in `blocks`.

References
----------
Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017
(arXiv:1611.01144).

Maddison, Mnih and Teh, "The Concrete Distribution", 2017 (arXiv:1611.00712).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "BlockGroup",
    "block_log_prob",
    "block_softmax",
    "bounded_numbers",
    "choose_category",
    "draw_blocks",
    "relaxed_blocks",
]

#: Temperature of the relaxation, as in Xu et al., "Modeling Tabular Data using
#: Conditional GAN", 2019.
TEMPERATURE = 0.2
#: Scores of categories that are held at a time.
MAX_SCORES = 2**22


def block_log_prob(x: Tensor, logits: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Return the log-probability of one-hot blocks, in nats: (B,).

    Blocks without a 1 contribute 0.
    """
    parts = torch.split(logits, list(blocks), dim=1)
    log_p = torch.cat([part.log_softmax(dim=1) for part in parts], dim=1)
    return (x * log_p).sum(dim=1)


def block_softmax(logits: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Return the probabilities of each block: (B, width).

    Examples
    --------
    >>> block_softmax(torch.zeros(1, 3), (1, 2)).tolist()
    [[1.0, 0.5, 0.5]]
    """
    parts = torch.split(logits, list(blocks), dim=1)
    return torch.cat([part.softmax(dim=1) for part in parts], dim=1)


def draw_blocks(
    logits: Tensor, z: Tensor, blocks: tuple[int, ...], strength: float = 1.0
) -> Tensor:
    """Draw one-hot blocks from `logits` with standard normal noise `z`.

    At strength 0 the result is the mode.

    Examples
    --------
    >>> draw_blocks(torch.tensor([[0.0, 2.0, 1.0]]), torch.zeros(1, 3), (3,)).tolist()
    [[0.0, 1.0, 0.0]]
    """
    return _one_hot_argmax(logits + strength * _gumbel(z), blocks)


def relaxed_blocks(logits: Tensor, z: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Draw one-hot blocks as `draw_blocks` does, with the gradient of a softmax.

    The values are exactly 0 and 1, so a discriminator cannot recognise generated rows
    by them.
    """
    noisy = (logits + _gumbel(z)) / TEMPERATURE
    soft = block_softmax(noisy, blocks)
    return _one_hot_argmax(noisy, blocks) + (soft - soft.detach())


def bounded_numbers(out: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Apply tanh to the numbers of a decoder's output; keep logits unchanged."""
    if not blocks:
        return out.tanh()
    n_places = sum(blocks)
    return torch.cat([out[:, :-n_places].tanh(), out[:, -n_places:]], dim=1)


def _one_hot_argmax(scores: Tensor, blocks: tuple[int, ...]) -> Tensor:
    parts = torch.split(scores, list(blocks), dim=1)
    hot = [F.one_hot(part.argmax(dim=1), part.shape[1]) for part in parts]
    return torch.cat(hot, dim=1).to(scores.dtype)


def _gumbel(z: Tensor) -> Tensor:
    """Map standard normal to standard Gumbel noise; the CPU needs float32 for it."""
    noise: Tensor = -(-torch.special.log_ndtr(z.float())).log()
    return noise


class BlockGroup(NamedTuple):
    """One-hot blocks that encode one value: the digits of a category, or a mark.

    `starts` and `widths` describe the blocks. `numbers` are the encoded numbers whose missing
    values the block marks; its second place is 1 if they are missing.
    """

    starts: tuple[int, ...]
    widths: tuple[int, ...]
    numbers: slice | None


def choose_category(rows: Tensor, here: Tensor, group: BlockGroup, known: Tensor) -> None:
    """Set the blocks of some rows to the known category with the largest sum of digits.

    Parameters
    ----------
    rows : Tensor of shape (n, width)
        Encoded rows, which are changed.
    here : Tensor of int64
        Positions of the rows to change.
    group : BlockGroup
    known : Tensor of int64
        Categories by number, at least one.
    """
    digits = np.unravel_index(known.numpy(), group.widths)
    places = [
        start + torch.from_numpy(digit) for start, digit in zip(group.starts, digits, strict=True)
    ]
    for part in torch.split(here, max(1, MAX_SCORES // len(known))):
        some = rows[part]
        best = torch.as_tensor(sum(some[:, place] for place in places)).argmax(dim=1)
        for start, width, place in zip(group.starts, group.widths, places, strict=True):
            some[:, start : start + width] = 0
            some[torch.arange(len(part)), place[best]] = 1
        rows[part] = some

"""One-hot blocks at the end of a table's rows: their likelihood, and draws from their logits by given noise.

References
----------
Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017 (arXiv:1611.01144).
Maddison, Mnih and Teh, "The Concrete Distribution", 2017 (arXiv:1611.00712).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["block_log_p", "block_nll", "draw_blocks", "relaxed_blocks"]

#: Of the relaxation that gradients go through, as in Xu et al., "Modeling Tabular Data using Conditional GAN", 2019.
TEMPERATURE = 0.2


def block_nll(x: Tensor, logits: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Cross-entropy of one-hot blocks ``(B, width)``: mean over the batch, in nats per row; empty ones cost nothing."""
    return -(x * block_log_p(logits, blocks)).sum() / len(x)


def block_log_p(logits: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Logarithm of the probability of each place ``(B, width)``, in nats."""
    return torch.cat(
        [part.log_softmax(dim=1) for part in torch.split(logits, list(blocks), dim=1)], dim=1
    )


def draw_blocks(
    logits: Tensor, z: Tensor, blocks: tuple[int, ...], strength: float = 1.0
) -> Tensor:
    """One-hot blocks drawn from `logits` by standard normal noise `z` of their shape; at strength 0 the likeliest."""
    return _hottest(logits + strength * _gumbel(z), blocks)


def relaxed_blocks(logits: Tensor, z: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """The same draws, with the gradient of a softmax: a discriminator sees no difference from real blocks."""
    noisy = (logits + _gumbel(z)) / TEMPERATURE
    soft = torch.cat(
        [part.softmax(dim=1) for part in torch.split(noisy, list(blocks), dim=1)], dim=1
    )
    return _hottest(noisy, blocks) + (soft - soft.detach())


def _hottest(scores: Tensor, blocks: tuple[int, ...]) -> Tensor:
    hot = [
        F.one_hot(part.argmax(dim=1), part.shape[1])
        for part in torch.split(scores, list(blocks), dim=1)
    ]
    return torch.cat(hot, dim=1).to(scores.dtype)


def _gumbel(z: Tensor) -> Tensor:
    """Standard Gumbel noise of standard normal numbers, in 32 bits: in fewer there is none on a CPU."""
    noise: Tensor = -(-torch.special.log_ndtr(z.float())).log()
    return noise

"""One-hot blocks: likelihood and samples."""

import torch
from torch.nn import functional as F

from gen_augment.modalities.blocks import TEMPERATURE, block_log_prob, draw_blocks, relaxed_blocks


def test_blocks_are_drawn_with_the_given_probabilities() -> None:
    """The likelihood and the draws of blocks, against torch's own."""
    generator = torch.Generator().manual_seed(0)
    logits, blocks = torch.randn(7, 5, generator=generator), (2, 3)
    kinds = torch.stack([torch.arange(7) % 2, torch.arange(7) % 3], dim=1)
    x = torch.cat([F.one_hot(kinds[:, 0], 2), F.one_hot(kinds[:, 1], 3)], dim=1).float()
    expected = F.cross_entropy(logits[:, :2], kinds[:, 0]) + F.cross_entropy(
        logits[:, 2:], kinds[:, 1]
    )
    torch.testing.assert_close(-block_log_prob(x, logits, blocks).mean(), expected)

    many = logits[:1].expand(40_000, -1)
    drawn = draw_blocks(many, torch.randn(many.shape, generator=generator), blocks).mean(dim=0)
    chances = torch.cat([logits[0, :2].softmax(0), logits[0, 2:].softmax(0)])
    torch.testing.assert_close(drawn, chances, atol=0.01, rtol=0)
    assert torch.equal(draw_blocks(logits, torch.randn(7, 5), blocks, 0.0).split((2, 3), 1)[1].argmax(1),
                       logits[:, 2:].argmax(1))  # fmt: skip
    assert draw_blocks(logits, torch.full((7, 5), 8.0), blocks).sum() == 14


def test_relaxed_draws_are_hard_forwards_and_soft_backwards() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    hard = relaxed_blocks(logits, z, (4,))
    torch.testing.assert_close(hard, draw_blocks(logits, z, (4,)))
    weights = torch.arange(4.0)
    (gradient,) = torch.autograd.grad((hard * weights).sum(), logits)
    gumbel = -(-torch.special.log_ndtr(z)).log()
    soft = ((logits + gumbel) / TEMPERATURE).softmax(dim=1)
    (expected,) = torch.autograd.grad((soft * weights).sum(), logits)
    torch.testing.assert_close(gradient, expected)

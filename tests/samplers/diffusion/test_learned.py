"""Learned rows of an embedding, and learned shifts of a time embedding."""

import torch
from torch import nn

from gen_augment.samplers.diffusion.learned import LearnedRows, LearnedShift


def test_learned_rows_follow_the_frozen_ones() -> None:
    base = nn.Embedding(5, 3).requires_grad_(False)
    vectors = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    rows = LearnedRows(base, 5, vectors)
    expected = torch.cat([base.weight, vectors])
    ids = torch.tensor([[0, 6, 4], [5, 5, 1]])
    assert torch.equal(rows(ids), expected[ids])
    assert rows.weight is base.weight
    rows(ids).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad[:, 0].tolist() == [2, 1]
    assert base.weight.grad is None


def test_learned_rows_may_begin_below_the_size_of_the_table() -> None:
    """T5 has more rows than tokens."""
    base = nn.Embedding(9, 3).requires_grad_(False)
    rows = LearnedRows(base, 5, nn.Parameter(torch.ones(2, 3)))
    made = rows(torch.tensor([5, 6, 7]))
    assert torch.equal(made[:2], torch.ones(2, 3))
    assert torch.equal(made[2], base.weight[7])


def test_a_shift_is_added_to_rows_with_a_class() -> None:
    vectors = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    shift = LearnedShift(nn.Identity(), vectors)
    x = torch.zeros(3, 2)
    assert torch.equal(shift(x), x)
    shift.codes = torch.tensor([1, -1, 0])
    assert shift(x).tolist() == [[3, 4], [0, 0], [1, 2]]

"""Batches by step number."""

import pytest
import torch

from gen_augment.training import Batches
from gen_augment.training.balance import row_weights


def test_batches_are_shuffled_epochs_addressed_by_step() -> None:
    x = torch.arange(10)
    batches = Batches(x, x, batch_size=4, seed=3)
    stream = torch.cat([batches.at(t)[0] for t in range(10)])
    for epoch in range(4):
        assert sorted(stream[10 * epoch : 10 * epoch + 10].tolist()) == list(range(10))
    assert not torch.equal(stream[:10], stream[10:20])
    again = Batches(x, x, batch_size=4, seed=3)
    for t in (7, 2, 9, 0):
        assert torch.equal(again.at(t)[0], stream[4 * t : 4 * t + 4])
    assert not torch.equal(Batches(x, x, batch_size=40, seed=4).at(0)[0], stream)
    assert len(Batches(x, x, batch_size=25, seed=0).at(1)[1]) == 25


def balanced(y: torch.Tensor, balance: float, batch_size: int = 8, seed: int = 0) -> Batches:
    return Batches(
        torch.arange(len(y)), y, batch_size=batch_size, seed=seed, weights=row_weights(y, balance)
    )


def test_batches_depend_on_the_step_only_and_epochs_differ() -> None:
    y = torch.tensor([0] * 90 + [1] * 10)
    batches, again = balanced(y, 1.0, 100), balanced(y, 1.0, 100)
    first, second = batches.at(0)[0], batches.at(1)[0]
    assert torch.equal(again.at(1)[0], second)
    assert torch.equal(again.at(0)[0], first)
    assert not torch.equal(first.sort().values, second.sort().values)  # which rows are used
    assert torch.bincount(y[first]).tolist() == pytest.approx([50, 50], abs=1)
    assert (first < 90).diff().count_nonzero() > 20  # in random order

"""How often training uses each row, against exact counts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.training import Batches
from gen_augment.training.balance import LabelDraw, resolve_balance, row_weights


def balanced(y: torch.Tensor, balance: float, batch_size: int = 8, seed: int = 0) -> Batches:
    return Batches(
        torch.arange(len(y)), y, batch_size=batch_size, seed=seed, weights=row_weights(y, balance)
    )


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=5),
    st.floats(0, 1),
    st.integers(1, 20),
    st.integers(0, 2**32),
)
def test_every_epoch_samples_each_row_as_often_as_its_class_requires(
    counts: list[int], balance: float, batch_size: int, seed: int
) -> None:
    """Rows differ by less than 1 from their expected count, and classes by at most 1."""
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    n, batches = len(y), balanced(y, balance, batch_size, seed)
    steps = -(-2 * n // batch_size)
    rows = torch.cat([batches.at(step)[0] for step in range(steps)])[: 2 * n]
    wanted = np.asarray(counts, dtype=float) ** (1 - balance)
    expected = n * (wanted / wanted.sum() / counts)[y.numpy()]
    for epoch in rows.split(n):
        met = torch.bincount(epoch, minlength=n).numpy()
        assert (np.abs(met - expected) < 1 + 1e-6).all()
    x, labels = batches.at(0)
    assert torch.equal(labels, y[x])


@pytest.mark.parametrize("balance", [None, 0.0, 0.5, 1.0])
def test_draws_are_as_frequent_as_batches(balance: float | None) -> None:
    counts = np.array([900, 90, 10])
    y = torch.from_numpy(np.repeat([0, 1, 2], counts))
    plain = Batches(torch.arange(len(y)), y, batch_size=40_000, seed=0)
    draw = LabelDraw(plain if balance is None else balanced(y, balance, batch_size=40_000))
    balance = balance or 0.0
    torch.manual_seed(0)
    labels = draw(40_000)
    share = counts ** (1 - balance) / (counts ** (1 - balance)).sum()
    found = torch.bincount(labels, minlength=3).numpy() / len(labels)
    np.testing.assert_array_less(np.abs(found - share), 5 * np.sqrt(share / len(labels)))


def test_a_class_without_rows_of_its_own_does_no_harm() -> None:
    y = torch.tensor([0, 0, 0, 2])  # as in `partial_fit` with rows of other classes
    draw = LabelDraw(balanced(y, 1.0, batch_size=2000))
    labels = draw(2000)
    assert set(labels.tolist()) == {0, 2}
    assert abs(float((labels == 2).float().mean()) - 1 / 2) < 0.06


def test_auto_balances_classes_of_different_size() -> None:
    def found(*counts: int) -> float:
        return resolve_balance("auto", torch.tensor(counts), 0.5)

    assert (found(5, 14), found(5, 15), found(7)) == (0.0, 0.5, 0.0)
    assert found(15, 0, 14) == 0.0  # a class without rows does not count
    assert resolve_balance(0.3, torch.tensor([4, 1]), 0.5) == 0.3

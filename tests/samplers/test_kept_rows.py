"""Selection of stored training rows by noise."""

import numpy as np
import pytest
import torch
from scipy import stats

from gen_augment.samplers.kept_rows import KeptRows, choose_rows, split_noise, uniform_from


def test_normal_numbers_become_uniform_ones() -> None:
    u = uniform_from(torch.randn(20_000, generator=torch.Generator().manual_seed(0)))
    assert stats.kstest(u.numpy(), "uniform").pvalue > 0.01
    assert u.dtype == torch.float64


@pytest.mark.parametrize("counts", [[1, 2, 3], [7, 0, 50], [512, 4, 100]])
def test_rows_of_a_class_are_picked_equally_often(counts: list[int]) -> None:
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    rows = KeptRows(700)
    rows.label[: len(labels)] = labels
    u = uniform_from(torch.randn(50_000, generator=torch.Generator().manual_seed(0)))
    for label, count in enumerate(counts):
        y = torch.full((len(u),), label)
        assert rows.count(y).unique().tolist() == [count]
        if count:
            first = sum(counts[:label])
            seen = np.bincount(rows.pick(y, u).numpy() - first, minlength=count)
            assert len(seen) == count
            assert count == 1 or stats.chisquare(seen).pvalue > 1e-3


@pytest.mark.parametrize("u", [0.0, 1.0])
def test_the_ends_of_the_range_pick_the_first_and_the_last(u: float) -> None:
    rows = KeptRows(5)
    rows.label[:] = torch.tensor([0, 0, 2, 2, 2])
    assert rows.pick(torch.tensor([0, 2]), torch.tensor([u, u]).double()).tolist() == (
        [0, 2] if u == 0 else [1, 4]
    )
    assert (
        rows.pick(torch.tensor([9]), torch.tensor([u]).double()).item() < 5
    )  # a class without rows stays in bounds


@pytest.mark.parametrize(
    "limit, kept", [(100, [40, 7, 2]), (20, [11, 7, 2]), (6, [2, 2, 2]), (3, [1, 1, 1])]
)
def test_rare_classes_keep_their_rows(limit: int, kept: list[int]) -> None:
    y = torch.tensor([0] * 40 + [1] * 7 + [2] * 2)[torch.randperm(49, generator=torch.Generator())]
    chosen = choose_rows(y, limit, seed=0)
    assert y[chosen].tolist() == sorted(y[chosen].tolist())
    assert torch.bincount(y[chosen]).tolist() == kept
    assert len(chosen.unique()) == len(chosen)
    assert torch.equal(chosen, choose_rows(y, limit, seed=0))
    if len(chosen) < 49:
        assert not torch.equal(chosen, choose_rows(y, limit, seed=1))


def test_noise_is_split_by_width() -> None:
    z = torch.arange(12.0).reshape(2, 6)
    a, b, c = split_noise(z, 3, 0, 2)
    assert torch.equal(a, z[:, :3])
    assert b.shape == (2, 0)
    assert torch.equal(c, z[:, 3:5])

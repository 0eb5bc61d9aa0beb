"""Batches from a disk: whole epochs in random order, with balanced classes if so wanted."""

import numpy as np
import pytest
import torch

from gen_augment.training.stored_batches import StoredBatches


class Numbers:
    """Rows that are their own places."""

    content = 7

    def __init__(self, *counts: int) -> None:
        self.class_counts = np.array(counts)

    def at(self, index: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(index[:, None].astype(np.float32))


def stream(batches: StoredBatches, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = zip(*(batches.at(t) for t in range(n)), strict=True)
    return torch.cat(x)[:, 0].long(), torch.cat(y)


def test_an_epoch_has_each_row_once_and_batches_depend_on_the_step_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gen_augment.training.stored_batches.READ_BYTES", 16 * 4 * 3)
    batches = StoredBatches(Numbers(30, 0, 10), batch_size=16, seed=3)
    x, y = stream(batches, 10)
    for epoch in range(4):
        assert sorted(x[40 * epoch : 40 * epoch + 40].tolist()) == list(range(40))
    assert not torch.equal(x[:40], x[40:80])
    assert torch.equal(y, torch.where(x < 30, 0, 2))
    again = StoredBatches(Numbers(30, 0, 10), batch_size=16, seed=3)
    for t in (7, 2, 9, 0):
        assert torch.equal(again.at(t)[0][:, 0].long(), x[16 * t : 16 * t + 16])
    other = StoredBatches(Numbers(30, 0, 10), batch_size=16, seed=4)
    assert not torch.equal(stream(other, 1)[0], x[:16])
    assert len(batches) == 40


@pytest.mark.parametrize("balance, share", [(0.0, 0.1), (0.5, 0.25), (1.0, 0.5)])
def test_classes_are_balanced_within_a_row_an_epoch(balance: float, share: float) -> None:
    batches = StoredBatches(Numbers(900, 100), batch_size=1000, seed=0, balance=balance)
    x, y = batches.at(0)
    assert int((y == 1).sum()) == pytest.approx(1000 * share, abs=1)
    times = torch.bincount(x[:, 0].long(), minlength=1000)
    expected = torch.where(torch.arange(1000) < 900, 1000 * (1 - share) / 900, 10 * share)
    assert (times - expected).abs().max() < 1
    further = torch.bincount(stream(batches, 20)[0], minlength=1000) / 20
    assert (further - expected).abs().max() < 0.35  # other rows in each epoch


def test_the_sample_has_rows_of_all_classes_and_their_frequencies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gen_augment.training.stored_batches.SAMPLE_ROWS", 200)
    batches = StoredBatches(Numbers(100_000, 0, 5), batch_size=8, seed=0, balance=0.5)
    assert torch.bincount(batches.y).tolist() == [199, 0, 5]
    assert (batches.x[:, 0] >= 100_000).tolist() == (batches.y == 2).tolist()
    share = batches.weights[batches.y == 2].sum() / batches.weights.sum()
    assert float(share) == pytest.approx(5**0.5 / (5**0.5 + 100_000**0.5))

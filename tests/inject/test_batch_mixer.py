"""Mixed batches under any settings: totals, labels, unchanged rows, no row twice, repeatable from the seed."""

import pickle
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from gen_augment import (
    SampleBank,
    augment_loader,
)
from gen_augment.inject.batch_mixer import MixSettings
from gen_augment.inject.batch_plan import Position
from gen_augment.rng import derive_seed
from tests.inject.conftest import COUNTS
from tests.inject.toys import SEEDS, Numbered, is_real, names, real_data

Batches = list[list[Tensor]]


@dataclass(frozen=True)
class Setting:
    """A loader and its settings."""

    y: list[int]
    batch_size: int
    drop_last: bool
    from_bank: bool
    own_collate: bool
    asked: dict[str, Any]

    def loader(self) -> DataLoader[Any]:
        collate = (
            (lambda rows: torch.utils.data.default_collate(rows)) if self.own_collate else None
        )
        return DataLoader(
            real_data(self.y), self.batch_size, drop_last=self.drop_last, collate_fn=collate
        )

    def make(self, sampler: Numbered, bank: SampleBank, **more: Any) -> Any:
        return augment_loader(
            self.loader(), bank if self.from_bank else sampler, **self.asked, **more
        )


@st.composite
def all_settings(draw: st.DrawFn) -> Setting:
    mode = draw(st.sampled_from(["replace", "append"]))
    ratio = draw(
        st.floats(0, 1 if mode == "replace" else 3) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
    )
    asked = {
        "ratio": ratio,
        "mode": mode,
        "labels": draw(st.sampled_from(["prior", "balanced", "same"])),
        "seed": draw(st.sampled_from([0, 1, 99])),
        "sample_weight": draw(st.sampled_from([0.0, 0.25, 2])),
    }
    y = draw(st.lists(st.integers(0, 2), min_size=1, max_size=60))
    return Setting(
        y,
        draw(st.integers(1, 61)),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
        asked,
    )


def synthetic(batches: Batches) -> tuple[Tensor, Tensor]:
    """Rows and labels of the synthetic rows of an epoch."""
    x = torch.cat([torch.empty(0, 3, dtype=torch.float64), *(batch[0] for batch in batches)])
    y = torch.cat([torch.empty(0, dtype=torch.int64), *(batch[1] for batch in batches)])
    return x[~is_real(x)], y[~is_real(x)]


@settings(max_examples=150)
@given(setting=all_settings())
def test_totals_are_exact_and_real_rows_stay_in_place(
    numbered: Numbered, numbered_bank: SampleBank, setting: Setting
) -> None:
    plain = list(setting.loader())
    batches = list(setting.make(numbered, numbered_bank, return_mask=True))
    assert len(batches) == len(plain)
    seen = made = 0
    for (x, y, mask, weight), (real_x, real_y) in zip(batches, plain, strict=True):
        n, added = len(real_x), len(x) - len(real_x)
        seen, made = seen + n, made + int(mask.sum())
        assert made == round(setting.asked["ratio"] * seen)
        assert added == (0 if setting.asked["mode"] == "replace" else int(mask.sum()))
        assert torch.equal(mask, ~is_real(x))
        assert torch.equal(weight, torch.where(mask, setting.asked["sample_weight"], 1.0))
        assert torch.equal(x[:n][~mask[:n]], real_x[~mask[:n]])
        assert torch.equal(y[:n][~mask[:n]], real_y[~mask[:n]])
        assert not mask[:n].any() or setting.asked["mode"] == "replace"
        assert torch.equal(x[:, 2].long(), y)
        if setting.asked["labels"] == "same":
            assert torch.equal(y[:n], real_y)
            assert set(y.tolist()) == set(real_y.tolist())


@settings(max_examples=150)
@given(setting=all_settings())
def test_no_row_occurs_twice_and_each_has_its_address(
    numbered: Numbered, numbered_bank: SampleBank, setting: Setting
) -> None:
    loader = setting.make(numbered, numbered_bank)
    for epoch in range(3):
        x, y = synthetic(list(loader))
        if not setting.from_bank:
            seed = derive_seed(setting.asked["seed"], "epoch", epoch)
            order = torch.argsort(x[:, 1])  # within a batch, rows may wrap around to its start
            assert torch.equal(x[order], numbered.generate(np.arange(len(x)), y[order], seed=seed))
            continue
        times = Counter(names(x))
        assert set(times) <= {
            (5.0, float(i), float(label))
            for i, label in enumerate(np.repeat([0, 1, 2], [40, 7, 23]))
        }
        for label, n_rows in COUNTS.items():
            of_label = [n for (_, _, code), n in times.items() if code == label]
            rounds, left = divmod(sum(of_label), n_rows)  # each row occurs once before any repeats
            assert Counter(of_label) == +Counter(
                {rounds + 1: left, **({rounds: n_rows - left} if rounds else {})}
            )


@given(setting=all_settings())
def test_a_run_repeats_from_its_seed_and_epochs_differ(
    numbered: Numbered, numbered_bank: SampleBank, setting: Setting
) -> None:
    def run(loader: Any, epochs: Any = range(3)) -> list[Tensor]:
        out = []
        for epoch in epochs:
            assert loader.epoch == epoch
            out.append(synthetic(list(loader))[0])
        return out

    first = run(setting.make(numbered, numbered_bank))
    torch.manual_seed(7)  # has no effect
    again = setting.make(numbered, numbered_bank)
    for a, b in zip(first, run(again), strict=True):
        assert torch.equal(a, b)
    again.set_epoch(1)
    assert torch.equal(run(again, [1])[0], first[1])
    if len(first[0]) and not setting.from_bank:
        assert not torch.equal(first[0], first[1])
        assert not torch.equal(first[1], first[2])
        other = Setting(
            **{**setting.__dict__, "asked": setting.asked | {"seed": setting.asked["seed"] + 1}}
        )
        assert not torch.equal(run(other.make(numbered, numbered_bank))[0], first[0])


def test_rows_that_are_planned_in_parts_are_the_same(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    # More than the 256 rows of a sampler's batch, and the 4,096 positions of a bank's look-up.
    loader = DataLoader(real_data([0] * 3000), 700)
    for source in (numbered, numbered_bank):
        x, y = synthetic(
            list(augment_loader(loader, source, ratio=2, mode="append", labels="prior"))
        )
        assert len(x) == 6000
        assert torch.equal(x[:, 2].long(), y)
        if source is numbered:
            assert torch.equal(x[:, 1], torch.arange(6000).double())
            continue
        for label in range(3):
            times = Counter(names(x[y == label])).values()
            assert len(times) == COUNTS[label]
            assert max(times) - min(times) <= 1


def test_epochs_of_a_bank_have_other_rows(numbered_bank: SampleBank) -> None:
    loader = augment_loader(
        DataLoader(real_data([0] * 20), 5), numbered_bank, ratio=0.5, labels="same"
    )
    epochs = [frozenset(names(synthetic(list(loader))[0])) for _ in range(40)]
    assert {len(rows) for rows in epochs} == {10}
    assert len(set(epochs)) > 30
    assert len(frozenset.union(*epochs)) == 40


@pytest.mark.parametrize(
    "labels, expected", [("prior", [0.5, 0.1, 0.4]), ("balanced", [1 / 3, 1 / 3, 1 / 3])]
)
def test_labels_are_drawn_with_the_shares_asked_for(
    numbered: Numbered, labels: Any, expected: list[float]
) -> None:
    loader = augment_loader(
        DataLoader(real_data([2] * 8000), 500), numbered, ratio=0.5, labels=labels
    )
    _, y = synthetic(list(loader))
    shares = np.bincount(y.numpy(), minlength=3) / 4000
    assert np.all(np.abs(shares - expected) < 5 * np.sqrt(np.array(expected) / 4000))


def test_every_row_is_as_likely_to_be_replaced_and_those_replaced_are_neighbours(
    numbered: Numbered,
) -> None:
    loader = augment_loader(
        DataLoader(real_data([0] * 14), 10), numbered, ratio=0.3, return_mask=True
    )
    times = np.zeros(14)
    for _ in range(1500):
        for start, (_, _, mask) in zip((0, 10), loader, strict=True):
            times[start : start + len(mask)] += mask.numpy()
            ends = int((mask != mask.roll(1)).sum())  # in a ring
            assert ends == (2 if mask.any() else 0)
    # round(0.3 * 10) of the first ten, and round(0.3 * 14) - 3 of the other four.
    for part, chance in ((times[:10], 3 / 10), (times[10:], 1 / 4)):
        assert np.all(np.abs(part - 1500 * chance) < 5 * np.sqrt(1500 * chance * (1 - chance)))


class Ranks:
    """A simulated process group. `now` is the current process."""

    def __init__(self, world: int) -> None:
        self.world, self.now = world, 0

    def __call__(self) -> tuple[int, int]:
        return self.now, self.world


@pytest.mark.parametrize("labels", ["prior", "same", "balanced"])
def test_processes_that_train_together_share_no_row(
    numbered: Numbered, tmp_path: Path, labels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = SampleBank.build(numbered, {0: 20, 1: 20, 2: 20}, tmp_path / "bank")
    ranks = Ranks(3)
    monkeypatch.setattr("gen_augment.inject.loader._process", ranks)
    data = real_data([0, 2] * 30)
    for source in (numbered, bank):
        loaders = []
        for rank in range(3):
            sampler: Any = DistributedSampler(data, 3, rank, seed=1)
            loaders.append(
                augment_loader(
                    DataLoader(data, 5, sampler=sampler), source, ratio=0.2, labels=labels
                )
            )
        for epoch in range(4):
            rows, real = [], []
            for ranks.now, loader in enumerate(loaders):
                loader.sampler.set_epoch(epoch)
                batches = list(loader)
                rows.append(set(names(synthetic(batches)[0])))
                real.append(torch.cat([x[is_real(x)] for x, _ in batches]))
                assert len(rows[-1]) == 4
            assert len(set.union(*rows)) == 12
            assert len({row for part in real for row in names(part)}) == 48


def test_a_pickled_loader_continues_with_its_next_epoch(numbered_bank: SampleBank) -> None:
    loader = augment_loader(DataLoader(real_data([0, 1, 2] * 5), 4), numbered_bank, ratio=0.5)
    list(loader)
    copied = pickle.loads(pickle.dumps(loader))
    for a, b in zip(loader, copied, strict=True):
        assert torch.equal(a[0], b[0])
    assert loader.epoch == copied.epoch == 2


def test_workers_make_no_difference(numbered: Numbered) -> None:
    data = real_data([0, 1, 2] * 8)
    plain = [
        list(augment_loader(DataLoader(data, 5), numbered, ratio=0.5, seed=epoch))
        for epoch in range(1)
    ]
    loader = DataLoader(
        data, 5, num_workers=2, multiprocessing_context="fork", persistent_workers=True
    )
    augmented = augment_loader(loader, numbered, ratio=0.5)
    epochs = [list(augmented) for _ in range(3)]
    for (x, y), (x_, y_) in zip(plain[0], epochs[0], strict=True):
        assert torch.equal(x, x_)
        assert torch.equal(y, y_)
    assert len({tuple(names(synthetic(epoch)[0])) for epoch in epochs}) == 3
    assert {tuple(names(torch.cat([x for x, _ in loader]))) for _ in range(2)} == {
        tuple(names(data.tensors[0]))
    }


def test_two_passes_at_once_are_two_epochs(numbered: Numbered) -> None:
    augmented = augment_loader(DataLoader(real_data([0, 1, 2] * 8), 5), numbered, ratio=0.5)
    both = [(names(a[0]), names(b[0])) for a, b in zip(augmented, augmented, strict=True)]
    alone = augment_loader(DataLoader(real_data([0, 1, 2] * 8), 5), numbered, ratio=0.5)
    assert [a for a, _ in both] == [names(x) for x, _ in alone]
    assert [b for _, b in both] == [names(x) for x, _ in alone]


def test_large_seeds_are_distinguished() -> None:
    assert (
        len(
            {derive_seed(seed, "epoch", epoch) % SEEDS for seed in range(50) for epoch in range(50)}
        )
        == 2500
    )


@given(
    n_rows=st.integers(1, 50),
    start=st.integers(0, 99),
    ratio=st.floats(0, 1) | st.sampled_from([0.0, 1.0]),
)
def test_rows_replaced_are_neighbours_in_a_ring(
    numbered: Numbered, n_rows: int, start: int, ratio: float
) -> None:
    settings = MixSettings(numbered, ratio, "replace", "same")
    first, n, turn = settings.rows_of(Position(0, start, n_rows))
    owners = settings.owners(n, turn, n_rows)
    assert (first, len(owners)) == (
        round(ratio * start),
        round(ratio * (start + n_rows)) - round(ratio * start),
    )
    assert len(set(owners.tolist())) == len(owners)
    assert owners.tolist() == [(owners[0] + i) % n_rows for i in range(len(owners))]

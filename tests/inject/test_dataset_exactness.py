"""`AugmentedDataset` under any plan: exact labels, each real row once, and no row twice."""

import copy
import pickle
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy
from torch import Tensor
from torch.utils.data import DataLoader

from gen_augment import AugmentedDataset, SampleBank
from tests.inject.conftest import COUNTS
from tests.inject.toys import SEEDS, Numbered, is_real, names, real_data, real_rows

WORDS = ["auto", "minority", "not minority", "not majority", "all"]


@dataclass(frozen=True)
class Plan:
    """A user's settings and real rows."""

    y: list[int]
    mode: Any
    fresh: bool
    from_bank: bool
    materialize: bool | None
    seed: int | None
    asked: dict[str, Any]

    def make(self, sampler: Numbered, bank: SampleBank) -> AugmentedDataset:
        return AugmentedDataset(
            real_data(self.y),
            bank if self.from_bank else sampler,
            mode=self.mode,
            fresh=self.fresh,
            materialize=self.materialize,
            seed=self.seed,
            return_provenance=True,
            **self.asked,
        )

    def check_counts(self, made: Counter[int], prior: np.ndarray) -> None:
        """Compare the number of synthetic rows of each label with the request."""
        if "counts" in self.asked:
            assert made == Counter(self.asked["counts"])
        elif "sampling_strategy" in self.asked:
            assert made == Counter(
                check_sampling_strategy(self.asked["sampling_strategy"], self.y, "over-sampling")
            )
        elif not self.asked:
            assert made == COUNTS
        else:
            total = round(self.asked["ratio"] * len(self.y))
            assert made.total() == total
            shares = (
                np.bincount(self.y, minlength=3) / len(self.y) if self.mode == "replace" else prior
            )
            assert all(abs(made[label] - total * share) < 1 for label, share in enumerate(shares))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw any valid plan."""
    y = draw(st.lists(st.integers(0, 2), min_size=1, max_size=30))
    mode, from_bank, fresh = (
        draw(st.sampled_from(["append", "replace"])),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    kinds = ["ratio", "counts"]
    kinds += ["sampling_strategy", "totals"] if mode == "append" and len(set(y)) > 1 else []
    kinds += ["nothing"] if mode == "append" and from_bank else []
    kind, there = draw(st.sampled_from(kinds)), Counter(y)
    limit = {label: there[label] if mode == "replace" else 20 for label in range(3)}
    limit = {label: min(n, COUNTS[label]) if from_bank else n for label, n in limit.items()}
    asked: dict[str, Any] = {}
    if kind == "ratio":
        ratio = draw(st.floats(0, 1 if mode == "replace" else 2))
        assume(not from_bank or round(ratio * len(y)) <= 70)
        assume(not from_bank or mode == "append" or ratio * there[1] <= COUNTS[1] - 1)
        asked = {"ratio": ratio}
    elif kind == "counts":
        asked = {
            "counts": {
                label: draw(st.integers(0, n)) for label, n in limit.items() if draw(st.booleans())
            }
        }
    elif kind == "sampling_strategy":
        word = draw(st.sampled_from(WORDS))
        wanted = check_sampling_strategy(word, y, "over-sampling")
        assume(not from_bank or all(n <= COUNTS[label] for label, n in wanted.items()))
        asked = {"sampling_strategy": word}
    elif kind == "totals":
        totals = {label: n + draw(st.integers(0, limit[label])) for label, n in there.items()}
        asked = {"sampling_strategy": totals}
    materialize = draw(st.sampled_from([None, False, *([] if fresh or from_bank else [True])]))
    return Plan(y, mode, fresh, from_bank, materialize, draw(st.sampled_from([None, 0, 7])), asked)


def read(data: AugmentedDataset, batch_size: int = 8) -> tuple[Tensor, Tensor, list[Any]]:
    """Rows, labels and provenance through a DataLoader."""
    xs, ys, origins = [], [], []
    for x, y, origin in DataLoader(data, batch_size=batch_size):
        assert x.dtype == torch.float64
        assert y.dtype == torch.int64
        assert origin.is_synthetic.dtype == torch.bool
        xs.append(x)
        ys.append(y)
        rows = zip(
            origin.is_synthetic.tolist(),
            origin.generator,
            origin.seed.tolist(),
            origin.row.tolist(),
            strict=True,
        )
        origins += rows
    return torch.cat(xs), torch.cat(ys), origins


@settings(max_examples=200)
@given(plan=plans(), batch_size=st.integers(1, 90))
def test_counts_are_exact_and_real_rows_are_kept(
    numbered: Numbered, numbered_bank: SampleBank, plan: Plan, batch_size: int
) -> None:
    data = plan.make(numbered, numbered_bank)
    x, y, _ = read(data, batch_size)
    assert (
        len(x)
        == len(data)
        == len(plan.y) + (len(data.synthetic_labels) if plan.mode == "append" else 0)
    )
    assert torch.equal(x[:, 2].long(), y)
    synthetic = ~is_real(x)
    assert synthetic.tolist() == [data.is_synthetic(i) for i in range(len(data))]
    made = Counter(y[synthetic].tolist())
    prior = numbered_bank.class_prior_ if plan.from_bank else numbered.class_prior_
    plan.check_counts(made, prior)
    assert made == Counter(data.synthetic_labels.tolist())
    assert max(Counter(names(x[synthetic])).values(), default=1) == 1
    n, untouched = len(plan.y), ~synthetic[: len(plan.y)]
    assert torch.equal(x[:n][untouched], real_rows(plan.y)[untouched])
    assert y[:n].tolist() == plan.y  # a row is replaced by a row of its label
    assert plan.mode == "replace" or (untouched.all() and synthetic[n:].all())


@given(plan=plans())
def test_every_row_is_the_one_that_its_provenance_names(
    numbered: Numbered, numbered_bank: SampleBank, plan: Plan
) -> None:
    data = plan.make(numbered, numbered_bank)
    data.set_epoch(3)
    x, y, origins = read(data)
    real = real_rows(plan.y)
    for row, label, (is_synthetic, generator, seed, number) in zip(
        x, y.tolist(), origins, strict=True
    ):
        if is_synthetic:
            assert generator == numbered.fingerprint()
            assert torch.equal(row, numbered.generate([number], [label], seed=seed)[0])
        else:
            assert (generator, seed) == ("", -1)
            assert torch.equal(row, real[number])
    if not plan.fresh and not plan.from_bank:
        assert {seed % SEEDS for there, _, seed, _ in origins if there} <= {
            5 if plan.seed is None else plan.seed
        }


@given(plan=plans(), places=st.lists(st.integers(-1000, 1000), max_size=20))
def test_rows_by_list_are_rows_one_by_one(
    numbered: Numbered, numbered_bank: SampleBank, plan: Plan, places: list[int]
) -> None:
    data = plan.make(numbered, numbered_bank)
    where = [
        place % (2 * len(data)) - len(data) for place in places
    ]  # negative indices count from the end
    rows = data.__getitems__(where)
    everything = [data[i] for i in range(len(data))]
    assert len(rows) == len(where)
    for row, place in zip(rows, where, strict=True):
        for other in (data[place], everything[place]):
            assert torch.equal(row[0], other[0])
            assert row[1:] == other[1:]
    for place in (len(data), -len(data) - 1):
        for read_at in (data.__getitem__, data.is_synthetic, lambda i: data.__getitems__([0, i])):
            with pytest.raises(IndexError, match=f"row {place} of a dataset of {len(data)} rows"):
                read_at(place)


@given(plan=plans())
def test_a_run_repeats_from_its_seed_and_fresh_epochs_differ(
    numbered: Numbered, numbered_bank: SampleBank, plan: Plan
) -> None:
    data = plan.make(numbered, numbered_bank)
    epochs = []
    for epoch in range(3):
        data.set_epoch(epoch)
        assert data.epoch == epoch
        epochs.append(read(data))
    for other in (
        plan.make(numbered, numbered_bank),
        copy.deepcopy(data),
        pickle.loads(pickle.dumps(data)),
    ):
        for epoch in (2, 0, 1):
            other.set_epoch(epoch)
            x, y, origins = read(other, batch_size=5)
            assert torch.equal(x, epochs[epoch][0])
            assert torch.equal(y, epochs[epoch][1])
            assert origins == epochs[epoch][2]
    changed = not torch.equal(epochs[0][0], epochs[1][0])
    if not plan.fresh:
        assert not changed
    elif not plan.from_bank:
        assert changed == (len(data.synthetic_labels) > 0)


def test_fresh_epochs_of_a_bank_have_other_rows_and_places(numbered_bank: SampleBank) -> None:
    data = AugmentedDataset(
        real_data([0, 1, 2] * 10),
        numbered_bank,
        counts={0: 5, 1: 2, 2: 5},
        mode="replace",
        fresh=True,
    )
    seen, places = set(), set()
    for epoch in range(100):
        data.set_epoch(epoch)
        x, _ = next(iter(DataLoader(data, batch_size=30)))
        seen |= set(names(x[~is_real(x)]))
        places |= set(torch.nonzero(~is_real(x)).flatten().tolist())
    assert len(seen) == 70
    assert places == set(range(30))


def test_a_transform_may_write_to_its_input(numbered: Numbered) -> None:
    data = AugmentedDataset(
        real_data([0, 1, 2]), numbered, ratio=2, transform=lambda x: x.clone().add_(1)
    )
    spoiling = AugmentedDataset(
        [(row.clone(), 0) for row in real_rows([0, 0, 0])],  # type: ignore[arg-type]
        numbered,
        ratio=2,
        transform=lambda x: x.add_(1),
    )
    first = [spoiling[i][0].clone() for i in range(3, 9)]
    assert torch.equal(torch.stack(first), torch.stack([spoiling[i][0] for i in range(3, 9)]))
    assert torch.equal(torch.stack(first), torch.stack([data[i][0] for i in range(3, 9)]))

"""Marks of indices, which carry the position of a batch through a rebuilt DataLoader."""

import copy
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, SequentialSampler

from gen_augment import RebuildError
from gen_augment.inject.batch_plan import (
    EpochCounter,
    Part,
    PlannedDataset,
    PlannedRows,
    Position,
    planned_batches,
    shard_of,
)
from tests.inject.toys import collate_as_list


def test_a_chosen_epoch_holds_for_one_pass() -> None:
    counter = EpochCounter()
    counter.announce(5)
    assert counter.take() == 5
    counter.choose(2)
    counter.announce(9)
    assert (counter.take(), counter.take(), counter.current) == (2, 3, 3)
    counter.announce(9)
    assert counter.take() == 9


@given(n=st.integers(0, 30), size=st.integers(1, 7), drop_last=st.booleans())
def test_every_index_is_marked_with_its_place(n: int, size: int, drop_last: bool) -> None:
    plain = BatchSampler(SequentialSampler(range(n)), size, drop_last)
    planned = planned_batches(plain, EpochCounter())
    assert len(planned) == len(plain)
    for epoch in range(2):
        seen = 0
        for batch, marks in zip(plain, planned, strict=True):
            position = Position(epoch, seen, len(batch))
            assert marks == [(index, offset, position) for offset, index in enumerate(batch)]
            seen += len(batch)


@given(data=st.data(), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_parts_are_grouped_by_the_planned_batch(data: st.DataObject, sizes: list[int]) -> None:
    positions = [Position(0, 10 * i, size) for i, size in enumerate(sizes)]
    marks = [("row", offset, p) for p in positions for offset in range(p.size)]
    mixed = data.draw(st.permutations(marks))
    parts = PlannedRows([], mixed).parts()
    assert sorted(part.position.start for part in parts) == [p.start for p in positions]
    for part in parts:
        places = [i for i, mark in enumerate(mixed) if mark[2] == part.position]
        assert part.places.tolist() == places
        assert part.offsets.tolist() == [mixed[place][1] for place in places]
    whole = Part.whole(positions[0])
    assert whole.offsets.tolist() == whole.places.tolist() == list(range(sizes[0]))


def test_a_dataset_returns_rows_with_their_marks_or_plain_rows() -> None:
    epochs = EpochCounter()
    data = PlannedDataset(list("abcd"), epochs)
    mark = Position(0, 0, 2)
    rows = data.__getitems__([(2, 0, mark), (0, 1, mark)])
    assert (rows.rows, len(rows.marks)) == (["c", "a"], 2)
    assert (data.__getitems__([3, 1]), data.__getitems__([]), data[1]) == (["d", "b"], [], "b")
    assert data.index("c") == 2  # other attributes come from the dataset
    data.set_epoch(4)
    assert epochs.take() == 4


def test_the_original_and_its_sampler_are_left_as_they_are() -> None:
    data = range(6)
    sampler: Any = DistributedSampler(data, 2, 1, shuffle=False)
    plain = BatchSampler(sampler, 2, False)
    epochs = EpochCounter()
    planned = planned_batches(plain, epochs)
    planned.sampler.set_epoch(7)
    assert (sampler.epoch, epochs.next, plain.sampler is sampler) == (7, 7, True)
    assert shard_of(planned.batches) == (1, 2)
    assert next(mark[2] for batch in planned for mark in batch) == Position(7, 0, 2, 1, 2)
    assert shard_of(BatchSampler(SequentialSampler(data), 2, False)) is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_planned_batches_can_be_copied(copied: Any) -> None:
    planned = planned_batches(BatchSampler(SequentialSampler(range(5)), 2, False), EpochCounter())
    planned.set_epoch(3)
    assert list(copied(planned)) == list(planned)


def test_a_loader_of_marked_indices_yields_planned_rows() -> None:
    epochs = EpochCounter()
    plan = planned_batches(BatchSampler(SequentialSampler(range(5)), 2, False), epochs)
    data = PlannedDataset(torch.arange(5), epochs)
    loader: Any = DataLoader(data, batch_sampler=plan, collate_fn=collate_as_list)  # type: ignore[arg-type]
    assert [rows.parts()[0].position.start for rows in loader] == [0, 2, 4]


def test_a_custom_batch_sampler_cannot_be_rebuilt_from_a_sampler() -> None:
    planned = planned_batches([[0, 1], [2]], EpochCounter())
    assert [[mark[0] for mark in batch] for batch in planned] == [[0, 1], [2]]
    with pytest.raises(RebuildError, match="pass use_distributed_sampler=False"):
        type(planned)(SequentialSampler(range(3)), 2, False)

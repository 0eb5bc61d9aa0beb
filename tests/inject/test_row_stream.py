"""Synthetic rows of an epoch: the same row for any batch size and process."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gen_augment import InputError, SampleBank
from gen_augment.data.counts import within_classes
from gen_augment.inject.row_stream import PlacesAhead, RowStream, Span
from gen_augment.rng import categorical, derive_seed
from tests.inject.toys import Numbered


def test_no_more_rows_are_generated_in_advance_than_are_expected(
    numbered_bank: SampleBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    located: list[int] = []
    locate = SampleBank.locate

    def counted(bank: SampleBank, index: Any, y: Any, **kwargs: Any) -> Any:
        located.append(len(index))
        return locate(bank, index, y, **kwargs)

    monkeypatch.setattr(SampleBank, "locate", counted)
    streams = [RowStream(numbered_bank, 3, shares=np.full(3, 1 / 3), expected=n) for n in (None, 9)]
    for first, n in ((0, 4), (4, 5)):
        read = []
        for stream in streams:
            rows = {0: torch.zeros(n, 3, dtype=torch.float64)}
            codes = stream.write_drawn(rows, Span(0, 0, n), first)
            read.append((rows[0], codes))
        assert torch.equal(read[0][0], read[1][0])
        np.testing.assert_array_equal(read[0][1], read[1][1])
    assert located == [4096, 9]


@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=12), seed=st.integers(0, 9))
def test_rows_with_given_labels_are_those_that_the_bank_finds(
    numbered_bank: SampleBank, sizes: list[int], seed: int
) -> None:
    rng, stream = np.random.default_rng(seed), RowStream(numbered_bank, 3, shares=np.full(3, 1 / 3))
    n_before = np.zeros(3, np.int64)
    for size in sizes:
        codes = rng.choice(3, size, p=rng.dirichlet(np.ones(3)))
        index = numbered_bank.next_addresses(codes, n_before)
        n_before += np.bincount(codes, minlength=3)
        if rng.random() < 0.2:  # batches of a rebuilt loader may come in another order
            index = index[::-1].copy()
        rows = torch.zeros(size, 3, dtype=torch.float64)
        stream.write_given({0: rows}, [Span(0, 0, size)], index, codes)
        places = numbered_bank.locate(index, numbered_bank.classes_[codes], seed=3)
        assert torch.equal(rows, numbered_bank.rows(places))


def test_places_of_many_classes_are_found_in_few_searches() -> None:
    rng, n_before, searched = np.random.default_rng(0), np.zeros(500, np.int64), []

    def locate(index: np.ndarray, codes: np.ndarray) -> np.ndarray:
        searched.append(len(index))
        return index * 1000 + codes

    ahead = PlacesAhead(locate, 500, expected=None)
    for _ in range(200):
        codes = rng.integers(500, size=32)
        index = within_classes(codes, n_before)
        n_before += np.bincount(codes, minlength=500)
        np.testing.assert_array_equal(ahead.find(index, codes), index * 1000 + codes)
    assert len(searched) <= 5


@given(
    n=st.integers(1, 700),
    start=st.integers(0, 600),
    cut=st.integers(0, 700),
    from_bank=st.booleans(),
)
def test_rows_are_the_same_for_any_batch_size_and_start(
    numbered: Numbered, numbered_bank: SampleBank, n: int, start: int, cut: int, from_bank: bool
) -> None:
    source = numbered_bank if from_bank else numbered
    shares = np.array([0.2, 0.3, 0.5])

    def read(*sizes: int) -> Tensor:
        stream, rows, place = RowStream(source, 3, shares=shares), torch.zeros(n, 3).double(), 0
        for size in sizes:
            codes = stream.write_drawn({0: rows}, Span(place, place, size), start)
            assert rows[place : place + size, 2].tolist() == codes.tolist()
            place += size
        return rows

    cut = min(cut, n - 1)
    expected = categorical(np.arange(start, start + n), shares, derive_seed(3, "label"))
    whole = read(n)
    assert whole[:, 2].tolist() == expected.tolist()
    if not from_bank:
        assert whole[:, 1].tolist() == list(range(start, start + n))
    assert torch.equal(whole, read(cut, n - cut) if cut else read(n))


def test_two_processes_share_out_the_rows_of_one(numbered: Numbered) -> None:
    shares = np.full(3, 1 / 3)
    out = []
    for rank, world, n in ((0, 1, 600), (0, 2, 300), (1, 2, 300)):
        rows = torch.zeros(n, 3).double()
        stream = RowStream(numbered, 3, shares=shares, rank=rank, world=world)
        stream.write_drawn({0: rows}, Span(0, 0, n), 0)
        out.append(rows)
    assert torch.equal(out[0][0::2], out[1])
    assert torch.equal(out[0][1::2], out[2])


def test_given_rows_go_to_their_spans_in_order(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    spans = [Span(3, 0, 2), Span(0, 2, 1)]
    for source in (numbered, numbered_bank):
        rows = torch.full((5, 3), -1.0).double()
        RowStream(source, 3, shares=np.full(3, 1 / 3)).write_given(
            {0: rows}, spans, np.array([0, 1, 2]), np.array([2, 0, 1])
        )
        assert rows[:, 2].tolist() == [1, -1, -1, 2, 0]


@pytest.mark.parametrize(
    "inputs, transform, message",
    [
        ({0: torch.zeros(2, 4).double()}, None, r"real rows are Tensor \(4,\) torch.float64"),
        ({0: torch.zeros(2, 3)}, None, "real rows are Tensor .* torch.float32"),
        ({"a": torch.zeros(2, 3), "b": torch.zeros(2, 3)}, None, "returns a dict with those keys"),
        ({"a": torch.zeros(2, 3)}, lambda x: {"b": x}, r"\['a'\], and synthetic rows have \['b'\]"),
        ({"a": torch.zeros(2, 3)}, lambda x: {"a": x}, "real rows of 'a' are"),
    ],
)
def test_rows_of_another_form_are_refused(
    numbered: Numbered, inputs: Any, transform: Any, message: str
) -> None:
    stream = RowStream(numbered, 3, shares=np.full(3, 1 / 3), transform=transform)
    with pytest.raises(InputError, match=message):
        stream.write_drawn(inputs, Span(0, 0, 2), 0)

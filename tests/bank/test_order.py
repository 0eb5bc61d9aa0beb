"""`locate`: each row of a label occurs once per round, for any order and batches of calls."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_augment import InputError, SampleBank
from tests.bank.toys import Tell

SEEDS = st.none() | st.integers(0, 2**64)
COUNTS = st.lists(st.integers(0, 40), min_size=2, max_size=5).filter(any)


def bank_of(counts: list[int], folder: str) -> SampleBank:
    sampler = Tell(labels=range(len(counts)), prior=np.full(len(counts), 1 / len(counts)))
    return SampleBank.build(sampler, dict(enumerate(counts)), Path(folder) / "bank")


def one_round(counts: list[int], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Index and label of every row, in round `number` of its label."""
    index = [number * n + np.arange(n) for n in counts]
    return np.concatenate(index), np.repeat(np.arange(len(counts)), counts)


@settings(max_examples=25)
@given(COUNTS, SEEDS, st.integers(0, 2**50), st.randoms(use_true_random=False))
def test_each_row_occurs_once_per_round_in_any_batch(
    counts: list[int], seed: int | None, number: int, random: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bank = bank_of(counts, folder)
        index, y = one_round(counts, number)
        places = bank.locate(index, y, seed=seed)
        assert sorted(places.tolist()) == list(range(len(bank)))
        np.testing.assert_array_equal(bank.labels(places), y)
        np.testing.assert_array_equal(bank.rows(places)[:, 1], y)  # as stored in the rows

        order = np.array(random.sample(range(len(index)), len(index)))
        cut = random.randrange(len(index) + 1)
        parts = [
            bank.locate(index[part], y[part].tolist(), seed=seed)
            for part in (order[:cut], order[cut:])
        ]
        np.testing.assert_array_equal(np.concatenate(parts), places[order])
        np.testing.assert_array_equal(
            SampleBank(bank.path).generate(index, y, seed=seed), bank.rows(places)
        )
        for label in bank.classes_:
            np.testing.assert_array_equal(
                bank.locate(index[y == label], label, seed=seed), places[y == label]
            )


@settings(max_examples=25)
@given(COUNTS, st.integers(0, 2**50))
def test_without_a_seed_rows_follow_the_file(counts: list[int], number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bank = bank_of(counts, folder)
        index, y = one_round(counts, number)
        np.testing.assert_array_equal(bank.locate(index, y), np.arange(len(bank)))


@settings(max_examples=25)
@given(COUNTS, SEEDS, st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=30))
def test_any_row_number_has_a_row_of_its_label(
    counts: list[int], seed: int | None, index: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bank = bank_of(counts, folder)
        label = bank.classes_[0]
        places = bank.locate(index, label, seed=seed)
        assert (bank.labels(places) == label).all()
        singly = [bank.locate([i], [label], seed=seed)[0] for i in index]
        assert places.tolist() == singly


@pytest.fixture
def bank(tmp_path: Path) -> SampleBank:
    return SampleBank.build(Tell(), {"a": 50, "c": 30}, tmp_path / "bank")


def test_seeds_and_rounds_have_different_orders(bank: SampleBank) -> None:
    once = np.arange(50)
    orders = [tuple(bank.locate(once, "a", seed=seed)) for seed in range(20)]
    orders += [tuple(bank.locate(number * 50 + once, "a", seed=0)) for number in range(1, 20)]
    assert len(set(orders)) == 39
    assert tuple(once) not in orders
    # The first position of an order is uniform over the 50 rows.
    first = [int(bank.locate([0], "a", seed=seed)[0]) for seed in range(3000)]
    assert np.abs(np.bincount(first, minlength=50) - 60).max() < 5 * np.sqrt(60)


def test_labels_without_rows_are_an_error(bank: SampleBank) -> None:
    for seed in (None, 0):
        with pytest.raises(
            InputError, match=r"has no rows of label 'b'; it has \{'a': 50, 'c': 30\}"
        ):
            bank.locate([0, 1, 2], ["a", "b", "c"], seed=seed)
        with pytest.raises(InputError, match="label 'd' was not seen in fit"):
            bank.locate([0], "d", seed=seed)
        with pytest.raises(InputError, match="label 3 was not seen in fit"):
            bank.locate([0], [3], seed=seed)


@pytest.mark.parametrize("index", [3, [[0]], [0.5], [-1], ["0"], [True], None])
def test_bad_row_numbers_are_an_error(index: Any, bank: SampleBank) -> None:
    for seed in (None, 0):
        with pytest.raises(InputError, match="index"):
            bank.locate(index, "a", seed=seed)


def test_labels_of_another_length_and_bad_seeds_are_an_error(bank: SampleBank) -> None:
    with pytest.raises(InputError, match="3 rows and y has 2 labels"):
        bank.locate([0, 1, 2], ["a", "c"])
    for index in ([], [0]):
        with pytest.raises(InputError, match="random_state='x'"):
            bank.locate(index, "a", seed="x")  # type: ignore[arg-type]


def test_an_empty_index_returns_no_rows(bank: SampleBank) -> None:
    for seed in (None, 0):
        assert bank.locate([], "a", seed=seed).tolist() == []
        assert bank.generate([], [], seed=seed).shape == (0, 3)

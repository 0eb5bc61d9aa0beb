"""Exact division of rows over classes, and checks of counts."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.data.counts import allocate, check_counts

SHARES = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(st.integers(0, 10**9), SHARES)
def test_every_class_gets_its_share_within_one_row(n: int, shares: list[int]) -> None:
    counts = allocate(n, np.array(shares, dtype=float))
    assert counts.dtype.kind == "i"
    assert counts.sum() == n
    for count, share in zip(counts.tolist(), shares, strict=True):
        exact = Fraction(n * share, sum(shares))
        assert abs(count - exact) < 1 + Fraction(1, 10**6)


@given(st.integers(0, 1000), SHARES)
def test_the_largest_remainders_are_rounded_up(n: int, shares: list[int]) -> None:
    counts = allocate(n, np.array(shares, dtype=float))
    remainders = [Fraction(n * share, sum(shares)) % 1 for share in shares]
    exact = [Fraction(n * share, sum(shares)) for share in shares]
    up = [r for r, e, c in zip(remainders, exact, counts.tolist(), strict=True) if c > e]
    down = [r for r, e, c in zip(remainders, exact, counts.tolist(), strict=True) if c < e]
    assert not up or not down or min(up) >= max(down) - Fraction(1, 10**9)  # shares are floats


@given(st.integers(0, 10**6), SHARES)
def test_scale_and_empty_classes_have_no_effect(n: int, shares: list[int]) -> None:
    counts = allocate(n, np.array(shares, dtype=float))
    assert (counts[np.array(shares) == 0] == 0).all()
    np.testing.assert_array_equal(allocate(n, np.array(shares) * 4.0), counts)
    np.testing.assert_array_equal(allocate(n, np.array([*shares, 0.0])), [*counts, 0])


def test_ties_go_to_the_first() -> None:
    assert allocate(2, np.ones(4)).tolist() == [1, 1, 0, 0]
    assert allocate(7, np.full(3, 1 / 3)).tolist() == [3, 2, 2]


def test_the_largest_bank_is_allocated_exactly() -> None:
    shares = np.array([0.7, 0.1, 0.1, 0.1])
    counts = allocate(2**40, shares)
    assert counts.sum() == 2**40
    assert np.abs(counts - 2**40 * shares).max() < 1


def test_counts_are_returned_as_ints() -> None:
    counts = check_counts("counts", {"a": 3, 1: np.int8(4), None: 0, "b": np.uint64(5)})
    assert counts == [3, 4, 0, 5]
    assert {type(count) for count in counts} == {int}
    assert check_counts("counts", {}) == []


@pytest.mark.parametrize(
    "count", [-1, 1.0, True, np.True_, "3", None, np.float64(2), [1], float("nan")]
)
def test_bad_counts_are_named(count: Any) -> None:
    with pytest.raises(InputError) as caught:
        check_counts("strategy", {"a": 1, "b": count})
    assert f"strategy={{'b': {count!r}}}" in str(caught.value)

"""Checks of user input return valid values and name invalid ones."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.validation import (
    check_choice,
    check_class_counts,
    check_finite,
    check_index,
    check_positive_int,
    check_range,
    check_same_length,
)


@pytest.mark.parametrize("value", [1, 10**12, np.int8(3), np.uint64(4)])
def test_positive_int_comes_back_as_int(value: Any) -> None:
    assert check_positive_int("n", value) == int(value)
    assert type(check_positive_int("n", value)) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, True, np.True_, "3", None, math.nan, [1]])
def test_positive_int_refuses_and_names(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        check_positive_int("max_steps", value)
    assert f"max_steps={value!r}" in str(caught.value)


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5), st.booleans(), st.booleans())
def test_range_is_the_interval(
    value: int, low: int, high: int, open_low: bool, open_high: bool
) -> None:
    inside = (low < value if open_low else low <= value) and (
        value < high if open_high else value <= high
    )
    if inside:
        assert (
            check_range("lr", value / 2, low / 2, high / 2, open_low=open_low, open_high=open_high)
            == value / 2
        )
    else:
        with pytest.raises(InputError, match="lr="):
            check_range("lr", value / 2, low / 2, high / 2, open_low=open_low, open_high=open_high)


@pytest.mark.parametrize("value", [math.nan, True, np.True_, "1", None, 1j, np.complex64(1), [1.0]])
def test_range_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(InputError, match="lr="):
        check_range("lr", value, 0)


def test_a_whole_number_beyond_floats_is_refused() -> None:
    for value in (10**400, -(10**5000)):
        with pytest.raises(InputError, match=r"epsilon is a whole number of \d+ bits"):
            check_range("epsilon", value, 0)


def test_choice() -> None:
    check_choice("mode", "a", ("a", "b"))
    with pytest.raises(InputError, match=r"mode='c' is not one of 'a', 'b'"):
        check_choice("mode", "c", ("a", "b"))


def test_same_length() -> None:
    check_same_length(3, 3)
    with pytest.raises(InputError, match="3 rows and y has 4 labels"):
        check_same_length(3, 4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "bad, name", [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_finite_names_the_first_bad_row_and_how_many(dtype: Any, bad: float, name: str) -> None:
    values = np.zeros((6, 2, 2), dtype)
    check_finite(values)
    values[[2, 5], 1, 0] = bad
    with pytest.raises(
        InputError, match=rf"pixels contains {name} \(first in row 2; 2 of 6 rows\)"
    ):
        check_finite(values, "pixels")


def test_whole_numbers_are_finite() -> None:
    check_finite(np.full((2, 2), np.iinfo(np.int64).max))


def test_class_counts_names_the_short_classes() -> None:
    classes = np.array(["a", "b", "c"])
    check_class_counts(classes, np.array([2, 2, 9]), 2, "VAE")
    with pytest.raises(InputError, match=r"VAE needs at least 2 rows.*\{'a': 1, 'c': 0\}"):
        check_class_counts(classes, np.array([1, 5, 0]), 2, "VAE")


def test_one_class_is_too_few() -> None:
    with pytest.raises(InputError, match="only one class, 'a'"):
        check_class_counts(np.array(["a"]), np.array([50]), 2, "VAE")


@given(st.lists(st.integers(0, 2**63 - 1), max_size=10))
def test_index_comes_back_as_int64(index: list[int]) -> None:
    for given_as in (index, tuple(index), np.array(index, dtype=np.uint64)):
        found = check_index(given_as)
        assert found.dtype == np.int64
        assert found.tolist() == index


@pytest.mark.parametrize(
    "index",
    [
        3,
        [[1]],
        [1.0],
        [True],
        ["1"],
        [-1],
        np.array([2**63], np.uint64),
        [[1], [1, 2]],
        None,
        [None],
    ],
)
def test_index_refuses_what_addresses_no_row(index: Any) -> None:
    with pytest.raises(InputError, match="index"):
        check_index(index)

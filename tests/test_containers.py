"""Rows of any container: selected by number, stacked and joined."""

from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from PIL import Image

from gen_augment.containers import concatenate, single_rows, stack_rows, take

GREY = [Image.fromarray(np.full((9, 8), 10 * i, np.uint8)) for i in range(4)]


CONTAINERS: dict[str, Any] = {
    "ndarray": np.arange(12).reshape(6, 2),
    "tensor": torch.arange(6),
    "frame": pd.DataFrame({"a": range(6)}, index=list("uvwxyz")),
    "series": pd.Series(range(6), index=[5, 4, 3, 2, 1, 0], name="k"),
    "category": pd.Series(pd.Categorical(list("abcabc"))),
    "list": [Image.new("L", (8, 8), i) for i in range(6)],
    "tuple": tuple(range(6)),
}


@pytest.mark.parametrize("library", [pd, polars], ids=["pandas", "polars"])
def test_single_rows_of_a_table_are_its_lines(library: Any) -> None:
    rows = single_rows(library.DataFrame({"a": [1, 2], "b": ["x", "y"]}))  # as many as columns
    assert [dict(row) for row in rows] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert list(single_rows(library.Series([3, 4]))) == [3, 4]


def test_masked_values_of_stacked_rows_are_missing() -> None:
    rows = stack_rows([np.ma.masked_array([1, 2], [False, True]), np.array([3, 4])])
    np.testing.assert_array_equal(rows, [[1, np.nan], [3, 4]])


@pytest.mark.parametrize("X", CONTAINERS.values(), ids=CONTAINERS)
def test_take_gives_rows_by_number_in_their_container(X: Any) -> None:
    taken = take(X, np.array([4, 0, 4]))
    positions = X.iloc if isinstance(X, (pd.DataFrame, pd.Series)) else X
    expected = [positions[i] for i in (4, 0, 4)]
    if isinstance(X, (pd.DataFrame, pd.Series)):
        assert taken.index.tolist() == [0, 1, 2]
        assert type(taken) is type(X)
        assert taken.to_numpy().tolist() == np.array([np.asarray(row) for row in expected]).tolist()
    else:
        assert type(taken) is (list if isinstance(X, tuple) else type(X))
        assert all(np.array_equal(a, b) for a, b in zip(taken, expected, strict=True))
    if isinstance(X, pd.Series):
        assert taken.dtype == X.dtype
        assert taken.name == X.name


def test_stack_rows_leaves_all_else_alone() -> None:
    frame = pd.DataFrame({"a": [1]})
    for X in (frame, GREY, "text", None):
        assert stack_rows(X) is X


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy, pd.DataFrame, list])
def test_concatenate_keeps_the_container(make: Any) -> None:
    X = np.arange(10.0).reshape(5, 2)
    joined = concatenate([make(X[:3]), make(X[3:])])
    assert type(joined) is type(make(X))
    np.testing.assert_array_equal(np.asarray(joined), X)
    if isinstance(joined, pd.DataFrame):
        assert joined.index.tolist() == list(range(5))


def test_concatenate_keeps_the_byte_order() -> None:
    X = np.arange(6, dtype=">u2").reshape(3, 2)
    joined = concatenate([X[:1], X[1:]])
    assert joined.dtype.str == ">u2"
    np.testing.assert_array_equal(joined, X)

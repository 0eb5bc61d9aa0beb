"""Digests of rows: equal exactly for equal rows."""

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tests.study.toys import row_digests

VALUES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(1, 4)),
    elements=st.sampled_from([-1.5, 0.0, 1.0, 2.0]),
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_digests_are_equal_exactly_for_equal_rows(X: np.ndarray) -> None:
    digests = row_digests(X)
    assert len(digests) == len(X)
    np.testing.assert_array_equal(digests[:, None] == digests, (X[:, None] == X).all(axis=2))


@settings(max_examples=30, deadline=None)
@given(VALUES)
def test_digests_do_not_depend_on_the_container(X: np.ndarray) -> None:
    expected = row_digests(X)
    frame = pd.DataFrame(X.astype(np.float64))
    for same in (
        X.astype(np.float64),
        torch.from_numpy(X),
        frame,
        list(X),
        np.asfortranarray(X),
        np.where(X == 0, -0.0, X),
    ):
        np.testing.assert_array_equal(row_digests(same), expected)


def test_digests_of_signed_zeros_dtypes_and_images() -> None:
    digests = row_digests(np.array([[0.0, 1.0], [-0.0, 1.0]]))
    assert digests[0] == digests[1]
    assert row_digests(torch.tensor([[-0.0, 1.0]], dtype=torch.bfloat16))[0] == digests[0]
    assert row_digests(pd.DataFrame({"a": [False], "b": pd.array([1], "Int64")}))[0] == digests[0]
    pixels = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    assert (
        row_digests([Image.fromarray(pixels[0])])
        == row_digests(pixels)
        == row_digests(pixels.astype(np.float32))
    )
    assert row_digests(np.empty((0, 3))).shape == (0,)


def test_digests_of_mixed_frames() -> None:
    X = pd.DataFrame(
        {"n": [1, 1, 1, 1], "x": [0.5, 0.5, np.nan, np.nan], "c": ["a", "b", None, None]}
    )
    X["day"] = pd.to_datetime(["2020-01-01"] * 4)
    digests = row_digests(X)
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]
    other = X.astype({"n": float, "c": "category", "x": "Float64", "day": "datetime64[ns]"})
    np.testing.assert_array_equal(row_digests(other), digests)

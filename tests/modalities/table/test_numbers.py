"""Tables of finite numbers as float64, and back in their container and dtypes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment.modalities.table.numbers import find_steps, like_numbers, plain_numbers

VALUES = np.array([[1.0, 0.1], [2.0, 0.2], [4.0, 0.45]])


@pytest.mark.parametrize(
    "X",
    [
        VALUES,
        VALUES.astype(np.float32),
        np.rint(VALUES).astype(">i2"),
        torch.from_numpy(VALUES).half(),
        torch.from_numpy(VALUES).bfloat16(),
        pd.DataFrame({"a": [1, 2, 4], 3: [0.1, 0.2, 0.45]}),
        pd.DataFrame({"a": pd.array([1, 2, 4], dtype="Int16"), "b": VALUES[:, 1]}),
        np.ma.MaskedArray(VALUES),
    ],
    ids=lambda X: type(X).__name__,
)
def test_numbers_come_back_in_their_form(X: Any) -> None:
    values = plain_numbers(X)
    assert values is not None
    assert values.dtype == np.float64
    back = like_numbers(X, values.copy(), find_steps(X, values, set()))
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(back, X)
    elif isinstance(X, torch.Tensor):
        assert torch.equal(back, X)
    else:
        assert back.dtype == X.dtype
        np.testing.assert_array_equal(back, X)


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, 2.0]],
        np.array([[1.0, np.nan]]),
        np.array([[1.0, np.inf]]),
        np.array([[1e200]]),
        np.array([[2**62]]),
        np.array([[True]]),
        np.zeros((2, 0)),
        np.zeros(3),
        torch.ones(2, 2, dtype=torch.bool),
        torch.eye(2).to_sparse(),
        np.ma.MaskedArray([[1.0, 2.0]], mask=[[True, False]]),
        pd.DataFrame({"a": ["x"]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int8")}),
    ],
)
def test_other_tables_are_left_to_the_codec(X: Any) -> None:
    assert plain_numbers(X) is None


def test_numbers_are_moved_to_the_step_of_their_column() -> None:
    X = np.rint(np.random.default_rng(0).normal(size=(50, 2)) * 100) / 10
    steps = find_steps(X, X, {1})
    assert steps[0] is not None
    assert steps[1] is None  # declared to be continuous
    back = like_numbers(X, np.array([[1.234, 1.234]]), steps)
    np.testing.assert_allclose(back, [[1.2, 1.234]])
    whole = find_steps(X.astype(int), X, {0})
    assert whole[0] is not None  # whole numbers stay whole

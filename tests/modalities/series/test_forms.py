"""Forms of series: what is read, how rows are padded, and what is refused."""

from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import torch

from gen_augment.errors import InputError
from gen_augment.modalities import Series
from gen_augment.modalities.series.forms import as_objects, is_ragged, read_series

SHORT, LONG = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0, 6.0]])
FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})


def test_short_series_are_padded_with_their_last_values() -> None:
    form, values, lengths = read_series([SHORT, LONG])
    assert values.tolist() == [[[1, 2, 2, 2]], [[3, 4, 5, 6]]]
    assert lengths.tolist() == [2, 4]
    back = form.build(torch.from_numpy(values), lengths)
    assert [row.tolist() for row in back] == [SHORT.tolist(), LONG.tolist()]


@pytest.mark.parametrize(
    "rows, container, item, has_channels",
    [
        (np.zeros((2, 3)), "ndarray", "ndarray", False),
        (torch.zeros(2, 1, 3), "tensor", "tensor", True),
        ([torch.zeros(3)], "list", "tensor", False),
        (as_objects([SHORT, LONG]), "objects", "ndarray", True),
        ([FRAME, FRAME], "list", "frame", True),
        (pd.DataFrame({"a": [pd.Series([1.0])]}), "nested", "series", True),
        (FRAME, "wide", "ndarray", False),
        (polars.DataFrame(FRAME), "wide", "ndarray", False),
        ([pd.Series([1.0]), pd.Series([1.0, 2.0])], "list", "series", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_forms_are_recognised(rows: Any, container: str, item: str, has_channels: bool) -> None:
    form, values, lengths = read_series(rows)
    assert (form.container, form.item, form.has_channels) == (container, item, has_channels)
    assert (len(values), values.ndim) == (len(rows), 3)
    assert lengths.max() == values.shape[2]
    back = form.build(torch.from_numpy(values), lengths)
    assert type(back) is type(rows)
    assert type(back[0]) is type(rows[0]) if container == "list" else back.shape == rows.shape
    assert read_series(back)[0] == form


def test_channels_of_a_frame_keep_their_dtypes() -> None:
    form, values, lengths = read_series([FRAME])
    (back,) = form.build(torch.from_numpy(values), lengths)
    pd.testing.assert_frame_equal(back, FRAME)


@pytest.mark.parametrize("form", ["nested", "frames"])
def test_truth_values_of_generated_channels_are_rounded(form: str) -> None:
    frame = pd.DataFrame({"a": [0.5, 2.5, 1.0], "on": [True, False, False]})
    X = [frame] if form == "frames" else pd.DataFrame([{"a": frame["a"], "on": frame["on"]}])
    form_of_X, values, lengths = read_series(X)
    near = values + np.array([[0.0], [0.01]])
    back: Any = form_of_X.build(torch.from_numpy(near), lengths)
    back = pd.DataFrame(dict(back.loc[0])) if form == "nested" else back[0]
    pd.testing.assert_frame_equal(back, frame)


MASKED = np.ma.masked_array([3, 4, 5], [False, True, False])


@pytest.mark.parametrize(
    "X", [[MASKED], as_objects([MASKED, SHORT[0]]), pd.DataFrame({"a": as_objects([MASKED])})]
)  # fmt: skip
def test_masked_steps_are_missing(X: Any) -> None:
    _, values, _ = read_series(X)
    np.testing.assert_array_equal(values[0, 0], [3, np.nan, 5])
    with pytest.raises(
        InputError, match=r"series 0 of X has no value \(NaN\) at step 1 of channel 0"
    ):
        Series().fit(X)


@pytest.mark.parametrize("other", [[True, False], [1, 0]], ids=["bool", "int"])
def test_columns_of_a_wide_frame_get_one_dtype(other: list[Any]) -> None:
    form, values, lengths = read_series(pd.DataFrame({"a": [0.5, 2.5], "b": other}))
    assert values.dtype == np.float64
    back = form.build(torch.from_numpy(values), lengths)
    pd.testing.assert_frame_equal(back, pd.DataFrame({"a": [0.5, 2.5], "b": [1.0, 0.0]}))


def test_only_lists_of_unequal_lengths_are_ragged() -> None:
    assert is_ragged([SHORT, LONG])
    assert is_ragged(as_objects([SHORT[0], LONG[0]]))
    assert not is_ragged([SHORT, SHORT])
    assert not is_ragged([SHORT, LONG[0]])
    assert not is_ragged(np.zeros((2, 3)))


@pytest.mark.parametrize(
    "rows, message",
    [
        (5, "X is a int: give series"),
        (np.zeros(3), r"X has 1 dimensions, shape \(3,\): give series"),
        (np.array([["a"]]), "X is a ndarray of dtype <U1: give real numbers"),
        ([SHORT, np.array([["a", "b"]])], "series 1 of X is a ndarray of dtype <U1"),
        ([SHORT, np.zeros((2, 2))], r"shapes such as \[\(1, 2\), \(2, 2\)\]: give all"),
        ([FRAME, FRAME[["a"]]], "series 1 of X has the columns .* give all of them the same"),
        (
            pd.DataFrame({"a": [1], "b": ["x"]}),
            "column 'b' of X is str, not numbers of NumPy: give",
        ),
        (FRAME.astype("Int64"), "column 'a' of X is Int64"),
        ([FRAME, FRAME.astype("Int64")], "column 'a' of series 1 of X is Int64, .*: convert it"),
        (
            pd.DataFrame({"a": as_objects([SHORT[0]]), "b": as_objects([np.zeros(2, "M8[D]")])}),
            r"series 0 of X is a ndarray of dtype datetime64\[D\]",
        ),
        (pd.DataFrame({"a": np.ones(2, np.longdouble)}), "of dtype float128: give real numbers"),
        (pd.DataFrame({0.5: [1.0]}), "column 0.5 of X is no text: rename"),
        (torch.zeros(2, 2).to_sparse(), "sparse.*: give dense real numbers"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else type(value).__name__,
)
def test_other_rows_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_series(rows)

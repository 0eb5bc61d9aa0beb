"""Long tables to series and back."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment.errors import InputError
from gen_augment.modalities import Series
from gen_augment.modalities.series import collate_series, from_long, to_long

LONG = pd.DataFrame(
    {
        "id": ["b", "a", "b", "b", "a"],
        "time": [2, 0, 0, 1, 1],
        "x": [3.0, 10.0, 1.0, 2.0, 20.0],
        "k": [3, 1, 1, 2, 2],
        "label": ["u", "v", "u", "u", "v"],
    }
)


def test_lines_are_sorted_by_time_and_split_by_series() -> None:
    X, y = from_long(LONG, target="label")
    assert y == ["u", "v"]
    assert [row["x"].tolist() for row in X] == [[1.0, 2.0, 3.0], [10.0, 20.0]]
    back = to_long(X, y)
    assert back["id"].tolist() == [0, 0, 0, 1, 1]
    assert back["time"].tolist() == [0, 1, 2, 0, 1]
    again, labels = from_long(back, target="label")
    assert labels == y
    for a, b in zip(again, X, strict=True):
        pd.testing.assert_frame_equal(a, b)


def test_series_of_a_long_table_can_be_encoded() -> None:
    X, _ = from_long(LONG, target="label")
    codec, rows = Series().fit(X)
    out = codec.decode(rows)
    assert [len(row) for row in out] == [3, 2]
    pd.testing.assert_frame_equal(out[0], X[0])


@pytest.mark.parametrize(
    "frame, message",
    [
        (LONG.drop(columns="id"), "no column 'id'"),
        (LONG.assign(time=0), "two lines of time=0"),
        (LONG.assign(label=range(5)), "a series has one label"),
        (LONG.assign(id=["b", None, "b", "b", "a"]), "line 1 of the table has no 'id'"),
        (LONG.assign(time=[2, 0, None, 1, 1]), "line 2 of the table has no 'time'"),
        (LONG.assign(label=["u", "v", "u", "u", None]), "line 4 of the table has no 'label'"),
        (LONG[["id", "time", "label"]], "5 lines and the channels"),
        (LONG.iloc[:0], "0 lines"),
        ([LONG], "the table is a list"),
    ],
    ids=["no id", "times", "labels", "id", "time", "label", "channels", "empty", "list"],
)
def test_tables_that_are_not_series_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_long(frame, target="label")


@pytest.mark.parametrize(
    "X, y, message",
    [
        ([np.ones(3)], [0], "no list of DataFrames"),
        ([], [], "no list of DataFrames"),
        ([LONG[["x"]]], [0, 1], "1 series and y has 2 labels"),
        ([LONG[["x", "id"]]], [0], "a channel is named 'id' too"),
        ([LONG[["x"]], LONG[["x", "k"]]], [0, 1], r"X\[1\] has the columns \['x', 'k'\]"),
    ],
)
def test_what_is_no_long_table_is_named(X: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_long(X, y)


@pytest.mark.parametrize("other", [torch.ones(2, 4), torch.ones(4).double(), torch.tensor(1.0)])
def test_a_batch_of_several_forms_is_refused(other: torch.Tensor) -> None:
    """Longer rows must not be cast to the dtype of the first one."""
    with pytest.raises(InputError, match="cannot be padded"):
        collate_series([(torch.ones(3), 0), (other, 1)])

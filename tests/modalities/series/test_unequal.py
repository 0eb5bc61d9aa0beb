"""Long tables to series and back."""

import pandas as pd
import pytest

from gen_augment.errors import InputError
from gen_augment.modalities import Series
from gen_augment.modalities.series import from_long, to_long

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
    ],
    ids=["no id", "times", "labels", "missing"],
)
def test_tables_that_are_not_series_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_long(frame, target="label")

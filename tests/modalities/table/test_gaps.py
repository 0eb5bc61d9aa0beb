"""Missing cells in encoded rows, and tables that keep their known cells."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment.modalities import Table
from gen_augment.modalities.table.gaps import fill_cells, find_gaps

TRAIN = pd.DataFrame(
    {
        "a": [0.5, 1.5, np.nan, 2.5],
        "kind": pd.Series(["u", "v", None, "u"], dtype=object),
        "whole": [1, 2, 3, 5],
        "group": pd.Categorical(["x", "y", "x", "y"]),
        "day": pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-03-01"]),
    }
)


def test_gaps_are_where_the_encoding_of_a_cell_is() -> None:
    """Reference: the positions that change if all cells of a column change."""
    codec, _ = Table().fit(TRAIN)
    numbers = sum(part.n_numbers for part in codec.parts)
    for number, name in enumerate(TRAIN):
        X = TRAIN.copy()
        X["whole"] = X["whole"].astype(float)
        X.loc[1, name] = None
        found = find_gaps(codec, X)
        part = codec.parts[number]
        before, place = codec.parts[:number], numbers
        start = sum(other.n_numbers for other in before)
        place += sum(sum(other.blocks) for other in before)
        mine = {*range(start, start + part.n_numbers)}
        if name in ("kind", "group"):
            mine |= {*range(place, place + sum(part.blocks))}
        else:
            mark = found.x[1, place : place + sum(part.blocks)]
            assert mark.tolist() == [1, 0][: len(mark)]  # "present"
        assert {*torch.nonzero(found.missing[1])[:, 0].tolist()} == mine
        assert not found.missing[0].any()


def test_the_category_after_the_known_ones_is_missing() -> None:
    codec, encoded = Table().fit(TRAIN)
    ((start, n_known),) = find_gaps(codec, TRAIN).known.items()
    assert n_known == TRAIN["kind"].nunique()
    assert encoded[:, start + n_known].tolist() == TRAIN["kind"].isna().tolist()


def test_known_cells_stay_and_missing_ones_come_from_the_rows() -> None:
    codec, encoded = Table().fit(TRAIN)
    X = TRAIN.astype({"whole": float})
    X.loc[0, ["whole", "a"]] = np.nan
    X.loc[1, "group"] = np.nan
    found = fill_cells(codec, X, encoded[[3, 3, 3, 3]])
    expected = TRAIN.copy()
    expected.loc[0, ["a", "whole"]] = 2.5, 5
    expected.loc[1, "group"] = "y"
    expected.loc[2, ["a", "kind", "day"]] = TRAIN.loc[3, ["a", "kind", "day"]].tolist()
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "value", "filled"),
    [("whole", 2.5, 5), ("group", "z", "y"), ("a", 0.1, np.float32(2.5))],
)
def test_a_known_cell_that_the_type_of_the_column_does_not_hold_stays(
    name: str, value: Any, filled: Any
) -> None:
    codec, encoded = Table().fit(TRAIN.astype({"a": np.float32}))
    X = TRAIN.iloc[:2].astype({name: object})
    X[name] = [value, None]
    X = X.astype({name: "category" if name == "group" else float})
    assert fill_cells(codec, X, encoded[[3, 3]])[name].tolist() == [value, filled]


@pytest.mark.parametrize("form", [np.asarray, torch.from_numpy])
def test_arrays_and_tensors_keep_their_type(form: Any) -> None:
    train = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], dtype=np.float32)
    codec, encoded = Table().fit(form(train))
    gaps = form(np.array([[np.nan, 9.0], [8.0, np.nan]], dtype=np.float32))
    found = fill_cells(codec, gaps, encoded[:2])
    assert (type(found), found.dtype) == (type(gaps), gaps.dtype)
    np.testing.assert_allclose(np.asarray(found), [[1, 9], [8, 4]], rtol=1e-6)
    assert np.isnan(np.asarray(gaps)).sum() == 2  # the user's rows are not changed

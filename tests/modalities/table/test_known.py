"""Encodings that are learned from public knowledge."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment.errors import InputError
from gen_augment.modalities import Table
from gen_augment.modalities.table.known import KnownTable
from gen_augment.privacy.release import Ledger

BOUNDS: dict[str, Any] = {
    "age": (0, 99),
    "pay": (0.0, 1e5, None),
    "city": ["x", "y", None],
    "day": ("2001-01-01", "2003-01-01"),
}


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [30, 41, 52],
            "pay": [1000.5, np.nan, 2e4],
            "city": ["x", None, "y"],
            "day": pd.to_datetime(["2001-05-05", "2002-02-02", "2002-12-30"]),
            "member": [True, False, True],
        }
    )


def test_rows_come_back() -> None:
    known = KnownTable(Table(), table(), BOUNDS)
    assert (known.n_histograms, known.n_sets, known.violations()) == (0, 0, {})
    codec, low, high = known.codec(None)
    encoded = codec.encode(table())
    assert (encoded >= low).all()
    assert (encoded <= high).all()
    pd.testing.assert_frame_equal(codec.decode(encoded), table(), check_exact=False, atol=0.2)


def test_any_whole_number_within_the_bounds_comes_back() -> None:
    for high in (99, 5000):
        known = KnownTable(Table(), table(), BOUNDS | {"age": (0, high)})
        codec = known.codec(None)[0]
        ages = pd.concat([table()] * 100, ignore_index=True).assign(
            age=np.arange(300) * high // 299
        )
        assert (codec.decode(codec.encode(ages))["age"] == ages["age"]).all()


def test_arrays_and_tensors_keep_their_form() -> None:
    X = np.random.default_rng(0).random((20, 2)).astype(np.float32)
    for rows in (X, torch.from_numpy(X)):
        codec = KnownTable(Table(), rows, {0: (0, 1), 1: (0, 1)}).codec(None)[0]
        again = codec.decode(codec.encode(rows))
        assert type(again) is type(rows)
        np.testing.assert_allclose(np.asarray(again), X, atol=1e-4)


def test_declared_categories() -> None:
    frame = pd.DataFrame({"zip": [1, 2, 3]})
    known = KnownTable(Table(types={"zip": "category"}), frame, {"zip": [1, 2, 3, 4]})
    codec = known.codec(None)[0]
    assert sorted(codec.parts[0].values) == [1, 2, 3, 4]
    assert codec.modality.types == {"zip": "category"}


DAYS = pd.date_range("2001-01-01", periods=40)
OF_DAYS = "2001-01-01", "2003-01-01", None


@pytest.mark.parametrize(
    ("values", "dtype", "bound"),
    [
        (range(40), "int64", (0, 99, None)),  # these cannot be missing
        (range(40), "int64", ("0", "99")),
        (range(40), "uint8", (-5, 300)),
        (range(40), "Sparse[int64]", (0, 99, None)),
        ([*range(39), None], "Int64", (0, 99, None)),
        ([True, False] * 20, "bool", [True, False, None]),
        ([*"ab" * 19, "a", None], "object", ["a", "a", "b", None]),
        (DAYS, "datetime64[ns]", (datetime.date(2001, 1, 1), np.datetime64("2003-01-01"))),
        ([*DAYS[:39], None], "datetime64[s]", OF_DAYS),
        ([*DAYS.date[:39], None], "object", OF_DAYS),
        (DAYS.date, "date32[day][pyarrow]", OF_DAYS),
        (DAYS.tz_localize("UTC"), "timestamp[us, tz=UTC][pyarrow]", OF_DAYS),
        (DAYS.tz_localize("Europe/Oslo"), "datetime64[us, Europe/Oslo]", OF_DAYS),
    ],
)
def test_public_bounds_in_every_form(values: Any, dtype: Any, bound: Any) -> None:
    frame = pd.DataFrame({"x": pd.Series(list(values), dtype=dtype)})
    known = KnownTable(Table(), frame, {"x": bound})
    assert known.violations() == {}
    codec, low, high = known.codec(None)
    encoded = codec.encode(frame)
    assert ((encoded >= low) & (encoded <= high)).all()
    pd.testing.assert_frame_equal(codec.decode(encoded), frame)


@pytest.mark.parametrize(
    ("values", "dtype", "bound", "message"),
    [
        (range(40), "int64", (-(2**63), 2**63 - 1), "not a finite range of int64, less than 2"),
        (range(40), "uint8", (-9, -1), "not a finite range of uint8"),
        (range(40), "float64", (-1e308, 1e308), "not a finite range of float64"),
        (range(40), "float32", (0, 1e300), "not a finite range of float32"),
        (DAYS, "datetime64[us]", (2001, 2003), "not a range of datetime64"),
        (DAYS, "datetime64[us]", DAYS[[0, 9]].tz_localize("UTC"), "time zone only if the column"),
        (DAYS, "datetime64[ns]", ("1000-01-01", "2003-01-01"), "not a range of datetime64"),
        (DAYS, "datetime64[us]", "paid", "dates in column 'x' cannot be paid for"),
        (
            ["1", "2"],
            "string",
            [1, 2],
            "no value of the column, of string, is one of these categories",
        ),
    ],
)
def test_bounds_that_a_column_cannot_have(
    values: Any, dtype: Any, bound: Any, message: str
) -> None:
    frame = pd.DataFrame({"x": pd.Series(list(values), dtype=dtype)})
    with pytest.raises(InputError, match=message):
        KnownTable(Table(), frame, {"x": bound})


@pytest.mark.parametrize("dtype", ["uint8", "Int64", "float32"])
def test_a_range_that_is_bought_fits_the_dtype(dtype: Any) -> None:
    frame = pd.DataFrame({"x": np.arange(9000) % 256}).astype(dtype)
    codec = KnownTable(Table(), frame, "paid").codec(Ledger(2, 0, 50, 1e-5))[0]
    assert codec.decode(codec.encode(frame))["x"].max() >= 250


def test_a_range_that_the_noise_hides() -> None:
    known = KnownTable(Table(), pd.DataFrame({"x": np.linspace(100, 200, 50)}), "paid")
    with pytest.raises(InputError, match="the noise hides the range of column 'x'"):
        known.codec(Ledger(2, 0, 0.01, 1e-6))

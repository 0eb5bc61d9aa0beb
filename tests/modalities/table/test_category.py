"""Columns of categories: blocks, digits and dtypes."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError, KDESampler
from gen_augment.modalities.table.category import MAX_BLOCK, CategoryColumn
from gen_augment.modalities.table.codec import TableCodec
from gen_augment.modalities.table.conditions import read_conditions
from tests.modalities.table.toys import round_trip


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 4096, 4097, 10_000, 300_000])
def test_many_categories_are_few_digits(n: int) -> None:
    values = [f"v{i}" for i in range(n)]
    column, numbers = CategoryColumn.fit(pd.Series(values), "v")
    assert max(column.blocks) <= MAX_BLOCK
    assert sum(column.blocks) <= 4 * MAX_BLOCK
    places = np.stack(column.encode(numbers)[1], axis=1)
    assert (places < column.blocks).all()
    assert column.write(column.decode(np.empty((n, 0)), places)).tolist() == values


def test_the_first_digit_separates_frequent_categories_from_rare_ones() -> None:
    values = pd.Series([f"v{i}" for i in range(1000) for _ in range(1 + (i < 30) * 50)])
    column, numbers = CategoryColumn.fit(values, "v")
    first = column.encode(numbers)[1][0]
    assert (first[values.isin([f"v{i}" for i in range(30)])] == 0).all()


@pytest.mark.parametrize(
    "values",
    [
        pd.cut(pd.Series(np.arange(12.0)), 3),
        pd.Series(pd.Categorical(pd.to_datetime(["2020", "2021"] * 6, utc=True), ordered=True)),
        pd.Series(pd.Categorical(pd.PeriodIndex(["2020Q1", None] * 6, freq="Q"))),
    ],
    ids=["bins", "dates", "periods"],
)
def test_categories_that_are_no_plain_values_come_back(values: Any) -> None:
    X = pd.DataFrame({"c": values})
    back, wild = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    assert wild["c"].dtype == values.dtype
    assert set(wild["c"].dropna()) <= set(values.dropna())


def test_other_bins_are_unknown() -> None:
    codec, _ = TableCodec.fit(pd.DataFrame({"c": pd.cut(pd.Series([1.0, 2, 3]), [0, 1, 2, 3])}))
    other = pd.DataFrame({"c": pd.cut(pd.Series([1.0, 3]), [0, 2, 3])})
    assert codec.encode(other).tolist() == [[0, 0, 0], [0, 0, 1]]


def test_conditions_name_bins_and_times() -> None:
    hours = [datetime.time(i % 24) for i in range(48)]
    bins = pd.cut(pd.Series(np.arange(48)), 4)
    X = pd.DataFrame({"bin": bins, "hour": pd.Series(hours, dtype=object)})
    sampler = KDESampler(random_state=0).fit(X, np.arange(48) % 2)
    late = (datetime.time(20), datetime.time(23))
    made, _ = sampler.sample(5, where={"bin": bins[20], "hour": late})
    assert set(made["bin"]) == {bins[20]}
    assert late[0] <= min(made["hour"]) <= max(made["hour"]) <= late[1]
    read = read_conditions(sampler.codec_, [f"bin={bins[20]}", "hour=20:00..23:00"])
    assert read == {"bin": [bins[20]], "hour": [("20:00", "23:00")]}
    assert set(sampler.sample(5, where=read)[0]["bin"]) == {bins[20]}
    with pytest.raises(InputError, match=r"'bin'.=5 was not seen in fit; known: .Interval"):
        sampler.sample(1, where={"bin": 5})
    with pytest.raises(InputError, match=r"'hour'.=5 is not a value of time"):
        sampler.sample(1, where={"hour": 5})

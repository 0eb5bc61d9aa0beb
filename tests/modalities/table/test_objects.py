"""Columns of objects become numbers or dates, and the same objects again."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from gen_augment.errors import InputError
from gen_augment.modalities.table import Table
from gen_augment.modalities.table.objects import OBJECTS, object_type
from tests.modalities.table.toys import round_trip

N = 40
START = datetime.datetime(2020, 1, 1, 3)
STAMPS = [START + datetime.timedelta(hours=5 * i) for i in range(N)]
HOURS = [i % 24 for i in range(N)]

VALUES: dict[str, list[Any]] = {
    "datetime": STAMPS,
    "datetime of a zone": [s.replace(tzinfo=ZoneInfo("Europe/Oslo")) for s in STAMPS],
    "timestamp": [pd.Timestamp(s) for s in STAMPS],
    "timestamp of nanoseconds": [pd.Timestamp(s) + pd.Timedelta(i) for i, s in enumerate(STAMPS)],
    "timestamp far away": [pd.Timestamp(datetime.datetime(1 + i, 1, 1)) for i in range(N)],
    "timestamp of a zone": [pd.Timestamp(s, tz="America/Lima") for s in STAMPS],
    "timedelta": [datetime.timedelta(minutes=15 * i) for i in range(N)],
    "duration": [pd.Timedelta(minutes=15 * i) for i in range(N)],
    "time": [datetime.time(hour, 30) for hour in HOURS],
    "period": [pd.Period(str(2000 + i), "Y") for i in range(N)],
}


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("name", VALUES)
def test_objects_come_back(name: str, missing: int) -> None:
    values = [None] * missing + VALUES[name][missing:]
    column = pd.Series(values, dtype=object)
    assert object_type(column) == name.partition(" ")[0]
    back = round_trip(pd.DataFrame({"c": column}))[0]["c"]
    assert back.dtype == object
    assert back.tolist() == values
    assert {type(value) for value in back} == {type(value) for value in values}


@pytest.mark.parametrize("name", VALUES)
def test_new_objects_lie_between_known_ones(name: str) -> None:
    column = pd.Series(VALUES[name], dtype=object)
    codec, rows = Table().fit(pd.DataFrame({"c": column}))
    made = codec.decode(rows + 0.01)["c"]
    assert min(column) <= min(made)
    assert max(made) <= max(column)


@pytest.mark.parametrize(
    "values",
    [
        [datetime.time(1, tzinfo=datetime.UTC), datetime.time(2, tzinfo=datetime.UTC)],
        [START, START.replace(tzinfo=datetime.UTC)],
        [pd.Period("2020", "Y"), pd.Period("2020-01", "M")],
        [datetime.timedelta(1), pd.Timedelta(1)],
        [np.timedelta64(1, "s"), np.timedelta64(2, "s")],
    ],
    ids=str,
)
def test_objects_that_do_not_fit_together_are_refused(values: list[Any]) -> None:
    column = pd.Series(values, dtype=object)
    assert object_type(column) is None
    with pytest.raises(InputError, match=r"column 'c' of X holds .*Convert the column"):
        Table().fit(pd.DataFrame({"c": column}))


def test_spans_that_would_wrap_are_refused() -> None:
    spans = pd.Series([datetime.timedelta.max, datetime.timedelta(1)], dtype=object)
    with pytest.raises(InputError, match="'c' of X has values up to 999999999 days"):
        Table().fit(pd.DataFrame({"c": spans}))


def test_dates_that_no_unit_holds_together_are_refused() -> None:
    dates = pd.Series([pd.Timestamp("0001-01-01"), pd.Timestamp(1)], dtype=object)
    with pytest.raises(InputError, match=r"'c' of X has dates that do not fit together.*round"):
        Table().fit(pd.DataFrame({"c": dates}))


def test_a_value_of_another_type_is_named() -> None:
    times = pd.DataFrame({"c": pd.Series(VALUES["time"], dtype=object)})
    codec, _ = Table().fit(times)
    with pytest.raises(InputError, match="column 'c' of X holds a value that is no time"):
        codec.encode(pd.DataFrame({"c": pd.Series(["noon"], dtype=object)}))


def test_all_names_are_tested() -> None:
    assert {name.partition(" ")[0] for name in VALUES} >= set(OBJECTS[4:]) - {"sparse"}

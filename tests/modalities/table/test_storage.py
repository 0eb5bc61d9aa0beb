"""Columns of Arrow and of objects keep the user's dtype."""

import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.modalities.table.toys import round_trip

N = 40


DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(days=7 * i) for i in range(N)]


STAMPS = [datetime.datetime(2020, 1, 1, 3) + datetime.timedelta(hours=5 * i) for i in range(N)]


MONEY = [Decimal(i * i) / 4 for i in range(N)]


ARROW: dict[str, tuple[list[Any], pa.DataType]] = {
    "timestamp": (STAMPS, pa.timestamp("us")),
    "timestamp with a zone": (
        [stamp.replace(tzinfo=datetime.UTC) for stamp in STAMPS],
        pa.timestamp("ns", "Europe/Oslo"),
    ),
    "date32": (DAYS, pa.date32()),
    "date64": (DAYS, pa.date64()),
    "duration": ([datetime.timedelta(minutes=15 * i) for i in range(N)], pa.duration("ms")),
    "time32": ([datetime.time(i % 24, 30) for i in range(N)], pa.time32("s")),
    "time64": ([datetime.time(0, i, 0, 7) for i in range(N)], pa.time64("us")),
    "decimal": (MONEY, pa.decimal128(12, 2)),
    "hundreds": ([100 * value.to_integral_value() for value in MONEY], pa.decimal128(9, -2)),
    "wide decimal": (MONEY, pa.decimal256(50, 4)),
    "bool": ([i % 3 == 0 for i in range(N)], pa.bool_()),
    "string": ([f"s{i % 5}" for i in range(N)], pa.string()),
    "dictionary": ([f"s{i % 5}" for i in range(N)], pa.dictionary(pa.int8(), pa.string())),
    "large string": ([f"s{i % 5}" for i in range(N)], pa.large_string()),
    "int16": ([i - 9 for i in range(N)], pa.int16()),
    "double": ([i / 4 for i in range(N)], pa.float64()),
}


OBJECTS: dict[str, list[Any]] = {
    "dates": DAYS,
    "decimals": MONEY,
    "ints": [i * i for i in range(N)],
    "floats": [i * i / 8 for i in range(N)],
    "ints and floats": [i * i / 2 if i % 2 else i for i in range(N)],
    "ints and decimals": [Decimal(i * i) / 2 if i % 2 else i for i in range(N)],
    "fractions": [Fraction(i * i, 8) for i in range(N)],
    "numpy ints": list(np.arange(N) ** 2),
}


@pytest.mark.parametrize("missing", [0, 1, N])
@pytest.mark.parametrize("name", ARROW)
def test_columns_of_arrow_come_back(name: str, missing: int) -> None:
    values, dtype = ARROW[name]
    series = pd.Series([None] * missing + values[missing:], dtype=pd.ArrowDtype(dtype))
    X = pd.DataFrame({"x": series})
    back, wild = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    assert wild.dtypes.tolist() == X.dtypes.tolist()
    known = wild["x"].dropna()
    if len(known):
        assert (
            known.astype(object).isin(series.tolist()).all()
            or series.min() <= known.min() <= known.max() <= series.max()
        )


@pytest.mark.filterwarnings("ignore:columns .* hold numbers in dtype object")
@pytest.mark.parametrize("gone", [None, np.nan, pd.NA])
@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_come_back(name: str, missing: int, gone: Any) -> None:
    values = OBJECTS[name]
    X = pd.DataFrame({"x": pd.Series([gone] * missing + values[missing:], dtype=object)})
    back, wild = round_trip(X)
    assert back["x"].dtype == wild["x"].dtype == object
    assert back["x"].tolist()[missing:] == values[missing:]
    assert all(value is gone or value != value for value in back["x"].tolist()[:missing])
    kinds = {type(value) for value in back["x"].dropna()}
    wanted = {"dates": datetime.date, "decimals": Decimal, "ints": int, "floats": float}
    assert kinds == {wanted[name]} if name in wanted else len(kinds) == 1
    assert len(set(wild["x"].dropna()) - set(values)) > 0  # not copies of real values


@pytest.mark.parametrize("dtype", ["float64", "int8", "bool"])
def test_sparse_columns_come_back(dtype: str) -> None:
    values = np.arange(N) % 3 * (np.arange(N) % 2)
    X = pd.DataFrame({"x": pd.arrays.SparseArray(values.astype(dtype))})
    back, wild = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    assert wild["x"].dtype == X["x"].dtype


@pytest.mark.parametrize("missing", [0, 1, N])
def test_periods_come_back(missing: int) -> None:
    periods = pd.Series(pd.period_range("1990", periods=N, freq="Q"))
    periods[:missing] = pd.NaT
    X = pd.DataFrame({"x": periods})
    back, wild = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    assert wild["x"].dtype == X["x"].dtype
    assert not missing < N or periods.min() <= wild["x"].min() <= wild["x"].max() <= periods.max()


def test_times_of_nanoseconds_come_back() -> None:
    dtype = pa.time64("ns")
    X = pd.DataFrame({"x": pd.array(pa.array(range(N), type=dtype), dtype=pd.ArrowDtype(dtype))})
    back, _ = round_trip(X)
    assert back["x"].astype("int64[pyarrow]").tolist() == list(range(N))

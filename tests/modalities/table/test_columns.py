"""Columns keep what they hold: narrow ranges, objects, Arrow's dtypes, extreme values."""

import datetime
import json
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json, find_modality

RNG = np.random.default_rng(0)
N = 40


def round_trip(X: pd.DataFrame, types: Any = None) -> tuple[Any, Any]:
    """Decoded rows, through an archive, and wild ones."""
    codec, rows = TableCodec.fit(X, types)
    record = json.loads(json.dumps(codec_to_json(codec), allow_nan=False))
    again: Any = codec_from_json(record)
    assert codec_to_json(again) == record
    assert torch.equal(again.encode(X), rows)
    back = again.decode(rows)
    pd.testing.assert_frame_equal(again.unpack(again.pack(back)), back)
    generator = torch.Generator().manual_seed(0)
    return back, again.decode(torch.randn(60, *codec.shape, generator=generator) * 2)


@pytest.mark.parametrize(
    "values",
    [
        1e7 + 1e-4 * RNG.normal(size=400),
        1.7e9 + RNG.random(400),
        -1.7e9 + 1e-3 * RNG.random(400),
        1.0 + 1e-13 * RNG.random(400),
        1e300 * (1 + 1e-12 * RNG.random(400)),
        1e-290 * (1 + 1e-12 * RNG.random(400)),
        1e-290 * RNG.normal(size=400),
        10.0 ** RNG.uniform(-300, 300, 400),
    ],
    ids=["frequency", "epoch", "before the epoch", "one", "large", "small", "tiny", "all sizes"],
)
def test_the_error_is_below_a_millionth_of_the_range(values: np.ndarray) -> None:
    back, _ = round_trip(pd.DataFrame({"x": values}))
    roundings = 2 * np.finfo(float).eps * np.abs(values).max()
    assert np.abs(back["x"] - values).max() <= 1e-6 * np.ptp(values) + roundings
    middle = np.abs(values - np.median(values)) > 1e-3 * np.ptp(values)
    assert back["x"][middle].nunique() > 0.9 * len(np.unique(values[middle]))


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(20) % 2, 1.0, np.nextafter(1, 2)),
        pd.array([Decimal("1.00000000000000000001"), Decimal(1)] * 10, dtype=object),
    ],
    ids=["floats", "decimals"],
)
def test_a_column_that_is_lost_is_named(values: Any) -> None:
    X = pd.DataFrame({"frequency": values, "other": np.arange(20)})
    with pytest.warns(UserWarning, match=r"column 'frequency' of X is taken as constant.*Subtract"):
        codec, rows = TableCodec.fit(X, {"frequency": "number"})
    assert codec.decode(rows)["frequency"].nunique() == 1


def test_constant_columns_are_not_lost() -> None:
    TableCodec.fit(pd.DataFrame({"a": [1.5] * 20, "b": np.arange(20) * 0 + 0.1}))


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
    "decimal": (MONEY, pa.decimal128(12, 2)),
    "wide decimal": (MONEY, pa.decimal256(50, 4)),
    "bool": ([i % 3 == 0 for i in range(N)], pa.bool_()),
    "string": ([f"s{i % 5}" for i in range(N)], pa.string()),
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
            known.isin(series).all() or series.min() <= known.min() <= known.max() <= series.max()
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


@pytest.mark.parametrize("name", ["decimals", "ints", "floats"])
def test_numbers_in_an_object_column_are_named(name: str) -> None:
    X = pd.DataFrame({"amount": pd.Series(OBJECTS[name], dtype=object), "kind": ["a", "b"] * 20})
    with pytest.warns(UserWarning, match=r"columns \['amount'\] of X hold numbers in dtype object"):
        codec, _ = TableCodec.fit(X)
    assert codec.blocks == (2,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableCodec.fit(X, {"amount": "number"})
        if name != "decimals":
            assert len(TableCodec.fit(X, {"amount": "category"})[0].blocks) == 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_masked_values_are_missing(dtype: Any) -> None:
    plain = (np.arange(24) % 7).reshape(12, 2).astype(dtype)
    X = np.ma.masked_array(plain, mask=np.arange(24).reshape(12, 2) % 5 == 0)
    codec, rows = find_modality(X).fit(X)
    back = codec.decode(rows)
    np.testing.assert_array_equal(np.isnan(back), X.mask)
    np.testing.assert_allclose(back[~X.mask], plain[~X.mask], rtol=1e-6)
    again = codec.unpack(codec.pack(X))
    np.testing.assert_array_equal(np.isnan(again), X.mask)
    unmasked, _ = find_modality(np.ma.masked_array(plain)).fit(np.ma.masked_array(plain))
    assert unmasked.decode(unmasked.encode(plain)).dtype == dtype


EXTREME: dict[str, Any] = {
    "datetime64[s]": st.integers(-(2**63) + 1, 2**63 - 1),
    "datetime64[ms]": st.integers(-(2**63) + 1, 2**63 - 1),
    "datetime64[us]": st.integers(-(2**63) + 1, 2**63 - 1),
    "datetime64[ns]": st.integers(-(2**63) + 1, 2**63 - 1),
    "timedelta64[s]": st.integers(-(2**63) + 1, 2**63 - 1),
    "timedelta64[ns]": st.integers(-(2**63) + 1, 2**63 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "float64": st.floats(allow_infinity=False),
    "float32": st.floats(allow_infinity=False, width=32),
    "float16": st.floats(allow_infinity=False, width=16),
    "object": st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.none(),
    "dates": st.dates() | st.none(),
    "str": st.text() | st.none(),
    "boolean": st.booleans() | st.none(),
}
EDGES: dict[str, list[Any]] = {
    "datetime64[ns]": [-(2**63) + 1, 2**63 - 1],
    "datetime64[s]": [-(2**63) + 1, 2**63 - 1],
    "int64": [2**63 - 1, 2**63 - 2],
    "uint64": [2**64 - 1, 2**64 - 2],
    "float64": [5e-324, 0.0, -0.0],
    "dates": [datetime.date.min, datetime.date.max],
}


@st.composite
def extreme_columns(draw: st.DrawFn) -> pd.DataFrame:
    name = draw(st.sampled_from(sorted(EXTREME)))
    value = EXTREME[name]
    if name in EDGES:
        value |= st.sampled_from(EDGES[name])
    values = draw(st.lists(value, min_size=1))
    if name.startswith(("datetime", "timedelta")):
        unit = name[name.index("[") :]
        kind = "M8" if name.startswith("datetime") else "m8"
        return pd.DataFrame({"x": np.array(values, np.int64).view(kind + unit)})
    dtype = "object" if name == "dates" else name
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


@pytest.mark.filterwarnings("ignore:column")
@given(extreme_columns())
def test_what_fit_accepts_comes_back_from_an_archive(X: pd.DataFrame) -> None:
    try:
        codec, rows = TableCodec.fit(X)
    except InputError:
        return
    again: Any = codec_from_json(json.loads(json.dumps(codec_to_json(codec), allow_nan=False)))
    pd.testing.assert_frame_equal(again.decode(rows), codec.decode(rows))
    wild = torch.randn(20, *codec.shape, generator=torch.Generator().manual_seed(0)) * 4
    decoded = codec.decode(wild)
    pd.testing.assert_frame_equal(again.decode(wild), decoded)
    if X["x"].dtype.kind in "mMiuf" and X["x"].notna().any():
        known = decoded["x"].dropna()
        assert not len(known) or X["x"].min() <= known.min() <= known.max() <= X["x"].max()


def test_the_first_and_last_timestamps_come_back() -> None:
    X = pd.DataFrame({"x": [pd.Timestamp.min, pd.Timestamp(0), pd.Timestamp.max]})
    back, wild = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    assert X["x"].min() <= wild["x"].min() <= wild["x"].max() <= X["x"].max()

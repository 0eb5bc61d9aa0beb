"""Columns keep their values: narrow ranges, objects, Arrow's dtypes, extreme values."""

import datetime
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json
from tests.modalities.table.toys import round_trip

RNG = np.random.default_rng(0)


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


@pytest.mark.parametrize("missing", [0, 1])
def test_durations_far_from_zero_keep_every_tick(missing: int) -> None:
    ticks = pd.Series(pd.to_timedelta(10**17 + np.arange(40) ** 2, unit="ns"))
    ticks[:missing] = pd.NaT
    X = pd.DataFrame({"age": ticks})
    pd.testing.assert_frame_equal(round_trip(X)[0], X)


def test_constant_columns_are_not_lost() -> None:
    TableCodec.fit(pd.DataFrame({"a": [1.5] * 20, "b": np.arange(20) * 0 + 0.1}))


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
    "timedelta64[ns]": [10**17, 10**17 + 7],
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

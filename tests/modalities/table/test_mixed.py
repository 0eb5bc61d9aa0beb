"""Tables of mixed columns survive JSON, files and encoding."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import ArchiveError
from gen_augment.containers import concatenate, take
from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json

pytestmark = pytest.mark.filterwarnings("ignore:columns .* hold numbers in dtype object")

N = 24
TEXT = st.text(max_size=5)
DTYPES = {
    "float64": st.floats(-1e9, 1e9),
    "Float32": st.floats(-1e3, 1e3, width=32),
    "Int64": st.integers(-(2**19), 2**19),
    "int64[pyarrow]": st.integers(0, 2**19),
    "boolean": st.booleans(),
    "str": TEXT,
    "string": TEXT,
    "object": TEXT | st.integers(2, 9) | st.sampled_from([2.5, -0.25]),
    "category": TEXT,
    "datetime64[s]": st.integers(-(2**33), 2**33),
    "datetime64[us, Europe/Oslo]": st.integers(-(2**53), 2**53),
    "datetime64[ns]": st.integers(-(2**62), 2**62),
    "timedelta64[s]": st.integers(0, 2**19),
}


@st.composite
def columns(draw: st.DrawFn) -> "pd.Series[Any]":
    """A column of one dtype, perhaps constant, with no, some or only missing values."""
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    pool = draw(st.lists(DTYPES[dtype], min_size=1, max_size=N))
    absent = draw(st.sampled_from([0.0, 0.3, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = [None if rng.random() < absent else pool[i] for i in rng.integers(0, len(pool), N)]
    if dtype.startswith(("datetime", "timedelta")):
        unit = dtype.partition("[")[2].partition(",")[0].rstrip("]")
        ticks = np.array([np.iinfo(np.int64).min if v is None else v for v in values])
        times = ticks.view(
            f"{dtype[0].upper() if dtype[0] == 'm' else 'M' if dtype[0] == 'd' else 'm'}8[{unit}]"
        )
        series = pd.Series(times)
        return (
            series.dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo") if "Oslo" in dtype else series
        )
    if dtype == "category":
        labels = pd.CategoricalDtype(sorted({*pool, "never used"}), ordered=draw(st.booleans()))
        return pd.Series(values, dtype=labels)
    return pd.Series(np.array(values, dtype=object) if dtype == "object" else values, dtype=dtype)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(TEXT | st.integers(-5, 99), min_size=1, max_size=4, unique=True))
    return pd.DataFrame({i: draw(columns()) for i in range(len(names))}).set_axis(names, axis=1)


def through_json(codec: TableCodec) -> TableCodec:
    record = json.loads(json.dumps(codec_to_json(codec), allow_nan=False))
    again = codec_from_json(record)
    assert codec_to_json(again) == record
    assert isinstance(again, TableCodec)
    return again


@given(frames())
def test_frames_come_back(X: pd.DataFrame) -> None:
    codec, rows = TableCodec.fit(X)
    assert rows.shape == (N, *codec.shape)
    assert rows.isfinite().all()
    again = through_json(codec)
    assert torch.equal(again.encode(X), rows)
    back = again.decode(rows)
    for i, dtype in enumerate(X.dtypes):
        was, now = X.iloc[:, i], back.iloc[:, i]
        if dtype.kind == "f":
            known = was.dropna().to_numpy(dtype=np.float64)
            slack = 1e-6 * np.ptp(known) + 2e-15 * np.abs(known).max() if len(known) else 0
            slack += 2**-23 * np.abs(known).max() if len(known) and "32" in str(dtype) else 0
            pd.testing.assert_series_equal(now, was, rtol=0, atol=slack)
        elif dtype == "datetime64[ns]":  # exact to the nanosecond
            pd.testing.assert_series_equal(now, was)
        else:
            pd.testing.assert_series_equal(now, was)
    pd.testing.assert_frame_equal(again.unpack(again.pack(back)), back)
    assert again.pack(back).dtype == codec.pack(take(back, np.arange(1))).dtype


@given(frames(), st.integers(0, 99))
def test_any_encoded_row_is_a_row_of_known_values(X: pd.DataFrame, seed: int) -> None:
    codec, rows = TableCodec.fit(X)
    wild = torch.randn(40, *rows.shape[1:], generator=torch.Generator().manual_seed(seed)) * 3
    decoded = codec.decode(wild)
    assert decoded.dtypes.tolist() == X.dtypes.tolist()
    for i in range(X.shape[1]):
        was, now = X.iloc[:, i], decoded.iloc[:, i]
        assert now.isna().sum() == 0 or was.isna().any()
        if codec.parts[i].kind != "category":
            seen = was.dropna()
            assert ((now.dropna() >= seen.min()) & (now.dropna() <= seen.max())).all()
        else:
            assert set(now.dropna()) <= set(was.dropna())
    joined = concatenate([take(X, np.arange(3)), decoded])
    assert joined.dtypes.tolist() == X.dtypes.tolist()
    pd.testing.assert_frame_equal(take(joined, np.arange(3)), X.iloc[:3])


def test_blocks_end_a_row_and_hold_one_each() -> None:
    X = pd.DataFrame({"c": list("abca"), "x": [1.0, np.nan, 3, 4], "b": [True, False, True, True]})
    codec, rows = TableCodec.fit(X)
    assert codec.blocks == (3, 2, 2)
    assert rows.shape == (4, 1 + 7)
    assert rows[:, 1:].tolist() == [
        [1, 0, 0, 1, 0, 1, 0],
        [0, 1, 0, 0, 1, 0, 1],
        [0, 0, 1, 1, 0, 1, 0],
        [1, 0, 0, 1, 0, 1, 0],
    ]  # the most frequent category first


def test_what_was_not_fitted_is_encoded_as_zeros() -> None:
    X = pd.DataFrame({"c": ["a", "b", "b"], "x": [1.0, 2.0, 3.0]})
    codec, _ = TableCodec.fit(X)
    rows = codec.encode(pd.DataFrame({"c": ["z", None, "a"], "x": [np.nan, 2.0, 9.0]}))
    assert rows[:, 1:].tolist() == [[0, 0], [0, 0], [0, 1]]
    assert rows[0, 0] == 0
    assert rows[2, 0] > rows[1, 0] + 1


@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy])
def test_missing_values_of_arrays_come_back(container: Any) -> None:
    X = np.arange(12.0).reshape(6, 2)
    X[2, 1] = np.nan
    codec, rows = TableCodec.fit(container(X))
    assert codec.blocks == (2,)
    np.testing.assert_allclose(np.asarray(codec.decode(rows)), X, atol=1e-5)


def test_strings_of_arrow_come_back() -> None:
    X = pd.DataFrame(
        {"s": pd.array(["a", None, "b"], dtype=pd.ArrowDtype(pa.string())), "t": ["x", "y", "x"]}
    )
    codec, rows = TableCodec.fit(X)
    pd.testing.assert_frame_equal(through_json(codec).decode(rows), X)


RECORDS = TableCodec.fit(
    pd.DataFrame(
        {
            "number": pd.array([1, None, 5], dtype="Int64"),
            "date": pd.to_datetime(["2020-01-01 03:00", None, "2021-01-01 00:00"]),
            "category": pd.Categorical(["a", None, "b"]),
        }
    )
)[0].to_json()
DAMAGE: list[tuple[str, dict[str, Any]]] = [
    ("number", {"dtype": "str"}),
    ("number", {"dtype": "int64"}),
    ("number", {"dtype": 3}),
    ("number", {"dtype": "float128x"}),
    ("number", {"scale": {"x": [1.0], "z": [0.0], "step": 1.0}}),
    ("number", {"scale": None}),
    ("number", {"marked": 1}),
    ("number", {"unit": 0}),
    ("number", {"unit": 2.0}),
    ("date", {"dtype": "float64"}),
    ("date", {"dtype": "datetime64[ns, Nowhere]"}),
    ("date", {"parts": RECORDS["parts"][1]["parts"][:1]}),
    ("date", {"parts": [{"x": [0.0, 1e300], "z": [0.0, 1.0], "step": 1.0}] * 4}),
    ("date", {"low": 5, "high": 4}),
    ("date", {"low": -(2**70)}),
    ("date", {"low": "1970"}),
    ("category", {"values": ["a", "a"]}),
    ("category", {"values": ["a", "z"]}),
    ("category", {"values": "ab"}),
    ("category", {"values": ["a", None]}),
    ("category", {"values": [], "has_missing": False}),
    ("category", {"has_missing": "yes"}),
    ("category", {"sentinel": "nothing"}),
    ("category", {"dtype": {"categories": ["a", "a"], "of": "str", "ordered": False}}),
    ("category", {"dtype": {"string": "disk", "na": "NA"}}),
    ("category", {"dtype": {}}),
    ("category", {"dtype": "int64"}),
]


@pytest.mark.parametrize("kind, change", DAMAGE, ids=str)
def test_damaged_columns_are_archive_errors(kind: str, change: dict[str, Any]) -> None:
    parts = [part | change if part["kind"] == kind else part for part in RECORDS["parts"]]
    with pytest.raises(ArchiveError):
        codec_from_json({**RECORDS, "parts": parts})


@pytest.mark.parametrize(
    "kind, key", [(part["kind"], key) for part in RECORDS["parts"] for key in part]
)
def test_incomplete_columns_are_archive_errors(kind: str, key: str) -> None:
    parts = [
        {k: v for k, v in part.items() if (part["kind"], k) != (kind, key)}
        for part in RECORDS["parts"]
    ]
    with pytest.raises(ArchiveError):
        codec_from_json({**RECORDS, "parts": parts})

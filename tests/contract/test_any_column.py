"""Whatever `fit` accepts comes back from an archive: columns of any dtype, and extreme values."""

import datetime
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gen_augment import InputError, load_sampler
from tests.conftest import small_sampler

N = 12
SAMPLERS = ("smote", "kde", "mixture", "bootstrap", "vae")
UNITS = ("s", "ms", "us", "ns")
STRINGS = ["", " ", "a", "NA", "nan", "1", "x\0y", "\N{SNOWMAN}" * 9]
DAYS = [datetime.date.min, datetime.date(1970, 1, 1), datetime.date.max]
STAMPS = [datetime.datetime.min, datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.datetime.max]
TIMES = [datetime.time.min, datetime.time(8, 30), datetime.time.max]
SPANS = [datetime.timedelta(0), datetime.timedelta(-1, 1), datetime.timedelta(10**6, 0, 7)]
MONEY = [Decimal("-0.01"), Decimal("1.50"), Decimal("99999999.99")]
TICKS = [-(2**63) + 1, -(2**40), 0, 86_400 * 10**9, 2**63 - 1]


def whole(dtype: str) -> list[int]:
    bounds = np.iinfo(dtype.lower())
    return [int(v) for v in (bounds.min, bounds.min + 1, 0, 1, bounds.max - 1, bounds.max)]


def floats(dtype: str) -> list[float]:
    info = np.finfo(dtype.lower())
    largest, least = float(info.max), float(info.smallest_subnormal)
    return [-largest, -0.0, least, 3 * least, 0.1, 1.0, 1.0 + float(info.eps), 2.5, largest]


def of_pandas(dtype: Any) -> Callable[[list[Any]], Any]:
    return lambda values: pd.Series(pd.array(values, dtype=dtype))


def of_ticks(dtype: str) -> Callable[[list[Any]], Any]:
    gap = -(2**63)  # NaT

    def make(values: list[Any]) -> Any:
        return pd.Series(np.array([gap if v is None else v for v in values]).view(dtype))

    return make


def of_arrow(dtype: pa.DataType) -> Callable[[list[Any]], Any]:
    return lambda values: pd.Series(
        pd.array(pa.array(values, type=dtype), dtype=pd.ArrowDtype(dtype))
    )


def of_objects(values: list[Any]) -> Any:
    return pd.Series(values, dtype=object)


def of_categories(values: list[Any]) -> Any:
    return pd.Series(pd.Categorical(values))


def of_polars(dtype: Any) -> Callable[[list[Any]], Any]:
    return lambda values: pl.Series(values, dtype=dtype)


#: How a column is made of values, which of them it may hold, and whether None is one.
COLUMNS: dict[str, tuple[Callable[[list[Any]], Any], list[Any], bool]] = {
    **{
        name: (of_pandas(name), whole(name), name[0] in "IU")
        for size in (8, 16, 32, 64)
        for name in (f"int{size}", f"uint{size}", f"Int{size}", f"UInt{size}")
    },
    **{f">i{k}": (of_pandas(f">i{k}"), whole(f"int{8 * k}"), False) for k in (2, 4, 8)},
    **{f: (of_pandas(f), floats(f), True) for f in ("float16", "float32", "float64", "Float64")},
    "bool": (of_pandas("bool"), [False, True], False),
    "boolean": (of_pandas("boolean"), [False, True], True),
    **{f"M8[{u}]": (of_ticks(f"M8[{u}]"), TICKS, True) for u in UNITS},
    **{f"m8[{u}]": (of_ticks(f"m8[{u}]"), [v // 2**12 for v in TICKS], True) for u in UNITS},
    "zoned": (of_pandas(pd.DatetimeTZDtype("us", "Europe/Oslo")), STAMPS[1:2] + DAYS[1:2], True),
    "period": (of_pandas("period[M]"), [pd.Period("1677-10", "M"), pd.Period("2024-02")], True),
    **{
        f"string {kind}": (of_pandas(pd.StringDtype(kind)), STRINGS, True)
        for kind in ("python", "pyarrow")
    },
    "str": (of_pandas("str"), STRINGS, True),
    "objects: text": (of_objects, STRINGS, True),
    "objects: flags": (of_objects, [True, False], True),
    "objects: text and numbers": (of_objects, ["", "1", 1, 2.5, -(2**63)], True),
    "objects: numbers": (of_objects, [*whole("int64"), 2**64, 10**30], True),
    "objects: floats": (of_objects, floats("float64"), True),
    "objects: money": (of_objects, MONEY, True),
    "objects: days": (of_objects, DAYS, True),
    "objects: datetimes": (of_objects, STAMPS, True),
    "objects: zoned": (
        of_objects, [s.replace(tzinfo=ZoneInfo("Asia/Tokyo")) for s in STAMPS[1:2]], True
    ),
    "objects: Timestamps": (of_objects, [pd.Timestamp.min, pd.Timestamp.max, *map(pd.Timestamp, STAMPS)], True),
    "objects: times": (of_objects, TIMES, True),
    "objects: spans": (of_objects, [*SPANS, datetime.timedelta.max], True),
    "objects: Timedeltas": (of_objects, [pd.Timedelta.min, *map(pd.Timedelta, SPANS)], True),
    "objects: periods": (of_objects, [pd.Period("2024Q1"), pd.Period("1700Q4")], True),
    "category: text": (of_categories, STRINGS, True),
    "category: mixed": (of_categories, ["", "1", 1, 2.5], True),
    "category: numbers": (of_categories, [*whole("int64")], True),
    "category: floats": (of_categories, [1e308, 5e-324, 0.1], True),
    "category: bins": (of_categories, list(pd.interval_range(0.0, 3.0)), True),
    "category: dates": (of_categories, [pd.Timestamp.min, pd.Timestamp(0), pd.Timestamp.max], True),
    "category: zoned": (of_categories, [pd.Timestamp(0, tz="UTC"), pd.Timestamp(1, tz="UTC")], True),
    "category: periods": (of_categories, [pd.Period("2024-02"), pd.Period("1700-01")], True),
    "category: spans": (of_categories, [*map(pd.Timedelta, SPANS)], True),
    **{
        f"arrow: {kind}": (of_arrow(kind), values, True)
        for kind, values in [
            (pa.int64(), whole("int64")), (pa.uint64(), whole("uint64")),
            (pa.float64(), floats("float64")), (pa.bool_(), [False, True]),
            (pa.string(), STRINGS), (pa.large_string(), STRINGS), (pa.string_view(), STRINGS),
            (pa.date32(), DAYS), (pa.date64(), DAYS), (pa.null(), [None]),
            (pa.time32("s"), TIMES[:2]), (pa.time64("us"), TIMES),
            (pa.timestamp("s"), TICKS), (pa.timestamp("us", "Europe/Oslo"), STAMPS[1:2]),
            (pa.duration("ms"), SPANS[:2]), (pa.decimal128(12, 2), MONEY),
            (pa.decimal128(10, -2), [Decimal(1200), Decimal(-300)]),
        ]
    },
    **{
        f"polars: {kind}": (of_polars(kind), values, True)
        for kind, values in [
            (pl.Int64, whole("int64")), (pl.UInt64, whole("uint64")), (pl.Float32, floats("float32")),
            (pl.Boolean, [False, True]), (pl.String, STRINGS), (pl.Null, [None]),
            (pl.Categorical, STRINGS), (pl.Enum(STRINGS), STRINGS), (pl.Date, DAYS[1:]),
            (pl.Time, TIMES), (pl.Datetime("us"), STAMPS), (pl.Duration("ms"), SPANS[:2]),
            (pl.Datetime("ns", "Europe/Oslo"), STAMPS[1:2]), (pl.Decimal(12, 2), MONEY),
        ]
    },
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str, list[Any]]:
    """Name a sampler, and values of a column; with a few different ones there are ties."""
    name = draw(st.sampled_from(sorted(COLUMNS)))
    _, values, has_missing = COLUMNS[name]
    places = draw(st.lists(st.integers(-1 if has_missing else 0, len(values) - 1), max_size=N))
    places = (places or [draw(st.integers(-1 if has_missing else 0, 0))]) * N
    sampler = draw(st.sampled_from(SAMPLERS))
    return sampler, name, [None if i < 0 else values[i] for i in places[:N]]


def table(name: str, values: list[Any]) -> Any:
    column, other = COLUMNS[name][0](values), np.arange(N) / 8
    frame: Any = pl.DataFrame if name.startswith("polars") else pd.DataFrame
    return frame({"c": column, "x": other})


def known_and_missing(X: Any) -> tuple[list[Any], bool]:
    """The values of the column, in a form that can be compared, and whether one is missing."""
    column = X["c"]
    if isinstance(X, pl.DataFrame):
        known = column.drop_nulls()
        values = (known.to_physical() if known.dtype.is_temporal() else known).to_list()
        return values, len(known) < len(column)
    known = column[column.notna().to_numpy(dtype=bool)]
    dtype = known.dtype
    if isinstance(dtype, pd.ArrowDtype) and dtype.kind == "M" and "timestamp" in str(dtype):
        known = known.astype("int64[pyarrow]")  # no datetime is so far away
    return list(known), len(known) < len(column)


def check_values(X: Any, made: Any) -> None:
    """Synthetic values are known categories, or lie within the known bounds."""
    (old, was_missing), (new, is_missing) = known_and_missing(X), known_and_missing(made)
    assert was_missing or not is_missing
    assert old or not new
    try:
        assert not new or (min(old) <= min(new) and max(new) <= max(old))
    except TypeError:  # categories of several types, or bins
        assert all(value in old for value in new)
    if old and isinstance(old[0], str):
        assert set(new) <= set(old)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=40)
@given(tables())
@example(("smote", "M8[ns]", [-(2**63) + 1, 2**63 - 1] * 6))
@example(("kde", "objects: Timestamps", [pd.Timestamp.min, None] * 6))
@example(("mixture", "polars: Null", [None] * N))
@example(("smote", "arrow: string_view", ["a", ""] * 6))
@example(("bootstrap", ">i4", [1, 2, 3] * 4))
def test_rows_come_back_from_an_archive(case: tuple[str, str, list[Any]]) -> None:
    sampler, name, values = case
    X, y = table(name, values), np.arange(N) % 2
    model = small_sampler(sampler, **({"max_steps": 1} if sampler == "vae" else {}))
    try:
        model.fit(X, y)
    except InputError as error:
        assert "'c'" in str(error)  # noqa: PT017 - other errors are failures
        return
    made, _ = model.sample(20, random_state=1)
    schema = "schema" if isinstance(X, pl.DataFrame) else "dtypes"
    assert type(made) is type(X)
    assert list(getattr(made, schema)) == list(getattr(X, schema))
    check_values(X, made)
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder, "a.safetensors"))
        again = load_sampler(path)
    assert again.fingerprint() == model.fingerprint()
    assert again.sample(20, random_state=1)[0].equals(made)

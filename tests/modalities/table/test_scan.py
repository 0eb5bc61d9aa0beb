"""Columns that are learned in parts represent all values, in whatever order these arrive."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gen_augment import InputError
from gen_augment.modalities import Table
from gen_augment.modalities.table import scan as scanning

RNG = np.random.default_rng(0)
N = 600
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 700, N), unit="D")


def late(values: Any, value: Any) -> Any:
    """Return values, the second last of which is `value`."""
    out = pd.Series(values)
    out.iloc[-2] = value
    return out


COLUMNS: dict[str, Any] = {
    "sorted": np.sort(RNG.normal(size=N)),
    "prices": np.round(RNG.exponential(20, N), 2),
    "finer": late(np.round(RNG.exponential(20, N), 1), 3.25),
    "no step": late(np.round(RNG.exponential(20, N), 1), 3.14159265358979),
    "even": 2 * RNG.integers(0, 50, N),
    "odd": late(2 * RNG.integers(0, 50, N), 7),
    "single": np.float32(np.round(RNG.normal(size=N), 1)),
    "gap": late(RNG.normal(size=N), np.nan),
    "late": pd.Series([*[np.nan] * (N - 20), *range(20)]),
    "wide": late(pd.Series(RNG.integers(0, 9, N), dtype="Int64"), pd.NA),
    "huge": 2**60 + RNG.integers(0, 1000, N),
    "constant": np.full(N, 0.1 + 0.2),
    "flag": late(pd.Series([True] * N, dtype="boolean"), False),
    "word": late(RNG.choice(["a", "b"], N), "rare"),
    "none": late(RNG.choice(["a", "b"], N), None),
    "day": DAYS,
    "hour": late(DAYS, pd.Timestamp("2024-05-05 13:00")),
    "minute": late(DAYS + pd.Timedelta(hours=3), pd.Timestamp("2026-05-05 13:30:15.5")),
    "no day": late(DAYS, pd.NaT),
    "time": late(pd.to_timedelta(RNG.integers(0, 50, N), unit="D"), pd.Timedelta(minutes=5)),
    "ordered": pd.Categorical(RNG.choice(["low", "high"], N), ["low", "high"], ordered=True),
}


def essence(part: Any) -> Any:
    """Return what must be that of all values; quantiles and frequencies are those of a sample."""
    record = part.to_json()
    # In a whole Arrow table, one missing value makes all columns of its type nullable.
    record["dtype"] = str(record["dtype"]).lower()
    if part.kind == "category":
        return {**record, "values": sorted(map(str, record["values"]))}
    if part.kind == "date":
        return {**record, "parts": [[p["x"][0], p["x"][-1]] for p in record["parts"]]}
    scale = record["scale"]
    return {**record, "scale": scale and [scale["x"][0], scale["x"][-1]]}


@pytest.mark.parametrize("arrow", [False, True], ids=["pandas", "arrow"])
@pytest.mark.parametrize("first", [50, 4096])
def test_every_value_of_a_column_is_represented(
    monkeypatch: pytest.MonkeyPatch, arrow: bool, first: int
) -> None:
    monkeypatch.setattr(scanning, "FIRST_VALUES", first)
    X: Any = pd.DataFrame(COLUMNS)
    X = pa.Table.from_pandas(X) if arrow else X
    whole = Table().fit(X)[0]
    scan = Table().views.scan(Table())
    for start in range(0, N, 70):
        scan.add(X.slice(start, 70) if arrow else X.iloc[start : start + 70])
    codec = scan.codec(X.slice(100, 300) if arrow else X.iloc[100:400])
    for name, part, same in zip(codec.columns, codec.parts, whole.parts, strict=True):
        assert essence(part) == essence(same), name
    codec.check_known(X)
    assert codec.encode(X).shape[0] == N


def test_a_part_with_other_columns_or_infinity_is_refused() -> None:
    scan = Table().views.scan(Table())
    scan.add(np.zeros((5, 2)))
    with pytest.raises(InputError, match="give all parts the same columns"):
        scan.add(np.zeros((5, 3)))
    with pytest.raises(InputError, match="column 1 of X contains infinity"):
        scan.add(np.array([[0, 0], [0, np.inf]]))


def test_a_column_of_too_many_categories_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_CATEGORIES", 30)
    table = Table(types={"code": "category"})
    scan = table.views.scan(table)
    for start in (0, 10, 20):
        scan.add(pd.DataFrame({"code": range(start, start + 10)}))
    with pytest.raises(InputError, match="column 'code' of X has more than 30 categories"):
        scan.add(pd.DataFrame({"code": range(30, 40)}))

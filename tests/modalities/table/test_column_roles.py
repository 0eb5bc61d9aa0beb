"""Free text is refused, identifiers are named, and categories are neither."""

import uuid
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.modalities import TableCodec
from gen_augment.modalities.table.column_roles import free_text_columns, identifier_columns

N = 60
SURNAMES = [
    "Hansen", "Johansen", "Olsen", "Larsen", "Andersen", "Pedersen", "Nilsen", "Kristiansen",
    "Jensen", "Karlsen", "Johnsen", "Pettersen", "Eriksen", "Berg", "Haugen", "Hagen",
    "Johannessen", "Andreassen", "Jacobsen", "Dahl", "Henriksen", "Lund", "Halvorsen",
    "Jakobsen", "Moen", "Gundersen", "Strand", "Iversen", "Svendsen", "Eide", "Knutsen",
    "Martinsen", "Bakken", "Lie", "Solberg", "Rasmussen", "Kristoffersen", "Nygaard",
    "Mikkelsen", "Bakke",
]  # fmt: skip

TEXT: dict[str, list[str]] = {
    "notes": [f"Customer {i} asked for a later delivery of the order." for i in range(N)],
    "some repeat": [f"The patient reports pain in part {i % 40}, since today." for i in range(N)],
    "Chinese": [f"这位顾客要求推迟送货时间并且希望退款第{i}号订单" for i in range(N)],
    "many words": [" ".join(np.random.default_rng(i).permutation(SURNAMES)[:9]) for i in range(N)],
}
IDENTIFIERS: dict[str, list[str]] = {
    "UUIDs": [str(uuid.UUID(int=i * 2**100 + i)) for i in range(N)],
    "hex": [f"{i * 7919 + 2**60:016x}" for i in range(N)],
    "e-mails": [f"user{i % 45}@example.org" for i in range(N)],
    "urls": [f"https://example.org/item/{i}" for i in range(N)],
    "codes": [f"CUST-{i:05d}" for i in range(N)],
    "digits": [f"{i + 17:08d}" for i in range(N)],
    "telephones": [f"+47 22 33 {i // 10:02d} {i:02d}" for i in range(N)],
}
CATEGORIES: dict[str, list[str]] = {
    "surnames": [SURNAMES[i % 40] for i in range(N)],
    "all surnames": SURNAMES,
    "cities": ["Oslo", "Bergen", "Mo i Rana", "Tromsø", "São Paulo"] * 12,
    "zip codes": [f"{(i % 20) * 137:04d}" for i in range(N)],
    "job titles": [f"Senior Vice President of Department {'ABCD'[i % 4]}" for i in range(N)],
    "decimals as text": [f"{i / 7:.3f}" for i in range(N)],
    "dates as text": [str(day.date()) for day in pd.date_range("2020-01-01", periods=N)],
    "clock times": [f"{i % 24:02d}:{i:02d}" for i in range(N)],
    "few rows": [f"This is sentence number {i} of a text." for i in range(15)],
    "few codes": [f"CUST-{i:05d}" for i in range(15)],
    "codes that repeat": [f"AB-{i % 30:04d}" for i in range(N)],
}
DTYPES = ["str", "object", "category", "string", "string[pyarrow]"]


def frame(values: list[Any], dtype: str = "str") -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype), "n": np.arange(len(values))})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TEXT)
def test_free_text_is_refused(name: str, dtype: str) -> None:
    X = frame(TEXT[name], dtype)
    assert free_text_columns(X) == ["x"]
    with pytest.raises(InputError, match=r"columns \['x'\] of X hold free text.*'x': \"category\""):
        TableCodec.fit(X)
    codec, rows = TableCodec.fit(X, {"x": "category"})
    pd.testing.assert_frame_equal(codec.decode(rows), X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_identifiers_are_named(name: str, dtype: str) -> None:
    X = frame(IDENTIFIERS[name], dtype)
    assert identifier_columns(X) == ["x"]
    assert free_text_columns(X) == []
    with pytest.warns(UserWarning, match=r"columns \['x'\] of X hold identifiers.*Drop them"):
        TableCodec.fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableCodec.fit(X, {"x": "category"})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_are_neither(name: str, dtype: str) -> None:
    X = frame(CATEGORIES[name], dtype)
    assert free_text_columns(X) == identifier_columns(X) == []
    TableCodec.fit(X)


def test_missing_values_do_not_hide_roles() -> None:
    notes, ids = TEXT["notes"], IDENTIFIERS["UUIDs"]
    X = frame([None if i % 2 else notes[i] for i in range(N)])
    assert free_text_columns(X) == ["x"]
    assert identifier_columns(frame([None if i % 2 else ids[i] for i in range(N)])) == ["x"]


def test_numbers_and_dates_have_no_role() -> None:
    X = pd.DataFrame(
        {
            "id": np.arange(N),
            "price": np.arange(N) / 7,
            "day": pd.date_range("2020-01-01", periods=N),
            "flag": np.arange(N) % 2 == 0,
            "empty": [None] * N,
        }
    )
    assert free_text_columns(X) == identifier_columns(X) == []


def test_postal_codes_are_no_identifiers() -> None:
    rng = np.random.default_rng(0)
    codes = [f"{code:05d}" for code in rng.choice(3000, 200)]
    assert 0.95 < len(set(codes)) / len(codes) < 1
    numbers = [f"{code:05d}" for code in rng.permutation(3000)[:200]]
    frame = pd.DataFrame({"zip": codes, "member": numbers})
    assert identifier_columns(frame) == ["member"]

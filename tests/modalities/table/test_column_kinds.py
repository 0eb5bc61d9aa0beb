"""The kind of each column of a table."""

import datetime
import json
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json

N = 40


DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(days=7 * i) for i in range(N)]


MONEY = [Decimal(i * i) / 4 for i in range(N)]


OBJECTS: dict[str, list[Any]] = {
    "dates": DAYS,
    "decimals": MONEY,
    "ints": [i * i for i in range(N)],
    "floats": [i * i / 8 for i in range(N)],
    "ints and floats": [i * i / 2 if i % 2 else i for i in range(N)],
    "ints and decimals": [Decimal(i * i) / 2 if i % 2 else i for i in range(N)],
    "numpy ints": list(np.arange(N) ** 2),
}


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


def through_json(codec: TableCodec) -> TableCodec:
    record = json.loads(json.dumps(codec_to_json(codec), allow_nan=False))
    again = codec_from_json(record)
    assert codec_to_json(again) == record
    assert isinstance(again, TableCodec)
    return again


def test_given_types_are_followed() -> None:
    X = pd.DataFrame(
        {
            "zip": [9000, 150, 9000, 27],
            "flag": [True, False, True, True],
            "x": [1.5, 2.5, np.nan, 1.5],
        }
    )
    codec, rows = TableCodec.fit(X, {"zip": "category", "flag": "number", "x": "category"})
    assert codec.blocks == (3, 3)
    pd.testing.assert_frame_equal(through_json(codec).decode(rows), X)
    with pytest.raises(InputError, match=r"'ziip' that X does not have; it has \['zip'"):
        TableCodec.fit(X, {"ziip": "category"})
    with pytest.raises(InputError, match=r"^types\['zip'\]='ordinal' is not one of"):
        TableCodec.fit(X, {"zip": "ordinal"})
    with pytest.raises(InputError, match=r"columns \{'c': 'str'\} cannot be used as they are"):
        TableCodec.fit(X.assign(c="a"), {"c": "number"})
    array = np.array([[1.0, 7], [2, 7], [2, 9]])
    codec, rows = TableCodec.fit(array, {1: "category"})
    assert codec.blocks == (2,)
    np.testing.assert_allclose(codec.decode(rows), array, rtol=1e-6)

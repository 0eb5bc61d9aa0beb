"""dtypes of columns as JSON values, and small checks of values."""

import inspect
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gen_augment import InputError
from gen_augment.modalities.table.dtypes import (
    check_flag,
    dtype_from_json,
    dtype_to_json,
    has_missing,
    is_number,
    missing_name,
    numpy_dtype,
    plain,
)

#: pandas has these strings from 2.3 on.
STRINGS = (
    [pd.StringDtype("pyarrow", na_value=np.nan)]
    if "na_value" in inspect.signature(pd.StringDtype).parameters
    else []
)


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype("int8"),
        np.dtype(">f4"),
        np.dtype("M8[ms]"),
        np.dtype(object),
        pd.Int64Dtype(),
        pd.BooleanDtype(),
        pd.DatetimeTZDtype("us", "Europe/Vienna"),
        pd.StringDtype("python"),
        *STRINGS,
        pd.CategoricalDtype(["b", "a"], ordered=True),
        pd.CategoricalDtype(pd.Index([1, 3], dtype="int16")),
        pd.cut([1, 2], 2).dtype,
        pd.cut([1, 2], [0, 1, 2], right=False).dtype,
        pd.CategoricalDtype(pd.DatetimeIndex(["1677-10-01", "2020-01-01"], tz="Europe/Oslo")),
        pd.CategoricalDtype([pd.Timestamp(0)]),
        pd.CategoricalDtype(pd.to_timedelta([-5, 7], unit="ns")),
        pd.CategoricalDtype(pd.period_range("2020", periods=2, freq="D")),
        pd.PeriodDtype("Q"),
        pd.ArrowDtype(pa.null()),
        pd.ArrowDtype(pa.time64("ns")),
        pd.ArrowDtype(pa.string()),
        pd.ArrowDtype(pa.large_string()),
        pd.ArrowDtype(pa.decimal128(9, 2)),
        pd.ArrowDtype(pa.timestamp("ms", "UTC")),
        pd.ArrowDtype(pa.int32()),
        pd.ArrowDtype(pa.dictionary(pa.int8(), pa.large_string(), ordered=True)),
        pd.SparseDtype("float64"),
        pd.SparseDtype("float32", 0.0),
        pd.SparseDtype("bool"),
    ],
    ids=str,
)
def test_a_dtype_comes_back_from_json(dtype: Any) -> None:
    found = dtype_from_json(json.loads(json.dumps(dtype_to_json(dtype))))
    assert found == dtype
    assert repr(found) == repr(dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        assert found.categories.dtype == dtype.categories.dtype


@pytest.mark.parametrize(
    "dtype, message",
    [
        (pd.CategoricalDtype([(1, 2)]), "categories such as"),
        (pd.ArrowDtype(pa.list_(pa.int8())), "has dtype list"),
    ],
)
def test_dtypes_that_no_archive_holds_are_named(dtype: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dtype_to_json(dtype)


@pytest.mark.parametrize("record", [{}, {"arrow": "binary"}, {"decimal": 65}])
def test_damaged_records_are_refused(record: Any) -> None:
    with pytest.raises(InputError, match="is not a dtype"):
        dtype_from_json(record)


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.int8(3), 3),
        (np.bool_(True), True),
        ("a", "a"),
        (np.float32(0.5), 0.5),
        (float("nan"), None),
        (np.inf, None),
        (Decimal(1), None),
        (pd.Timestamp(0), None),
    ],
)
def test_categories_are_plain_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


@pytest.mark.parametrize(
    "values, name",
    [
        (["a", None], "None"),
        ([np.nan, "a"], "nan"),
        ([pd.NA, None], "NA"),
        ([pd.NaT], "NaT"),
        ([Decimal("NaN")], "nan"),
        (["a"], "None"),
    ],
)
def test_the_first_missing_value_is_named(values: list[Any], name: str) -> None:
    assert missing_name(pd.Series(values, dtype=object)) == name


def test_numbers_are_recognised() -> None:
    assert all(is_number(dtype) for dtype in (np.dtype(bool), np.dtype("f2"), pd.Int8Dtype()))
    others = (np.dtype(object), np.dtype("M8[s]"), pd.SparseDtype(float), pd.CategoricalDtype([1]))
    assert not any(is_number(dtype) for dtype in others)
    assert numpy_dtype(pd.UInt16Dtype()) == np.uint16
    assert [has_missing(d) for d in (np.dtype("i8"), np.dtype("f4"), pd.Int8Dtype())] == [
        False, True, True,
    ]  # fmt: skip
    assert check_flag(False) is False
    with pytest.raises(InputError, match="1 is not true or false"):
        check_flag(1)

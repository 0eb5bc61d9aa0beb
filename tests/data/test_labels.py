"""Labels survive codes and archives unchanged. Bad labels are refused."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import LabelEncoder

from gen_augment import InputError
from gen_augment.data import LabelCodec


def through_json(codec: LabelCodec) -> LabelCodec:
    return LabelCodec.from_json(json.loads(json.dumps(codec.to_json())))


def assert_same(back: Any, y: Any) -> None:
    assert type(back) is type(y)
    if isinstance(y, pd.Series):
        pd.testing.assert_series_equal(back, y)
    elif isinstance(y, list):
        assert [(type(label), label) for label in back] == [(type(label), label) for label in y]
    else:
        assert back.dtype == y.dtype
        assert back.tolist() == y.tolist()


def categorical(
    values: list[Any], categories: Any, *, ordered: bool = False, name: str | None = None
) -> "pd.Series[Any]":
    return pd.Series(pd.Categorical(values, categories=categories, ordered=ordered), name=name)


LABELS: dict[str, Any] = {
    "ints": np.array([3, 1, 2, 1]),
    "negative ints": np.array([-5, 3, -7]),
    "int8": np.array([-1, 1], np.int8),
    "uint64": np.array([2**64 - 1, 0], np.uint64),
    "big endian": np.array([300, 2], ">i2"),
    "strings": np.array(["b", "aaa", "b"]),
    "object strings": np.array(["b", "aaa"], object),
    "object ints": np.array([2, 1], object),
    "bools": np.array([True, False]),
    "whole floats": np.array([2.0, -1.0]),
    "float16": np.array([2.0, 1.0], np.float16),
    "list of ints": [2, 1, 2],
    "list of strings": ["b", "", "a"],
    "list of bools": [True, False],
    "list of floats": [1.0, 0.0],
    "int64 tensor": torch.tensor([4, -1]),
    "uint8 tensor": torch.tensor([4, 1], dtype=torch.uint8),
    "bool tensor": torch.tensor([True, False]),
    "float tensor": torch.tensor([1.0, 0.0]),
    "bfloat16 tensor": torch.tensor([1.0, 0.0], dtype=torch.bfloat16),
    "Series": pd.Series([2, 1], name="k", dtype="int8"),
    "Series named 0": pd.Series([2, 1], name=0),
    "Series of strings": pd.Series(["b", "a"], name="churn"),
    "Series of object strings": pd.Series(["b", "a"], dtype=object),
    "Series of bools": pd.Series([True, False]),
    "Int64": pd.Series([2, 1], dtype="Int64"),
    "boolean": pd.Series([True, False], dtype="boolean"),
    "string": pd.Series(["b", "a"], dtype="string"),
    "string in Python": pd.Series(["b", "a"], dtype="string[python]"),
    "arrow": pd.Series([2, 1], dtype="int64[pyarrow]"),
    "arrow strings": pd.Series(["b", "a"], dtype=pd.ArrowDtype(pa.string())),
    "arrow dictionary": pd.Series(
        ["b", "a"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    "category of arrow strings": categorical(
        ["b", "a"], pd.Index(["b", "a"], dtype=pd.ArrowDtype(pa.string()))
    ),
    "category": categorical(["b", "a"], ["a", "b"], name="c"),
    "unused category": categorical(["b", "a"], ["z", "b", "a", "unused"]),
    "ordered category": categorical(["low", "high"], ["low", "mid", "high"], ordered=True),
    "category of ints": categorical([3, 1], np.array([9, 3, 1], np.int8)),
    "category of bools": categorical([True, False], [True, False]),
    "sorted category of bools": categorical([True, False], [False, True]),
    "object bools": np.array([True, False], object),
    "Series of object bools": pd.Series([True, False], dtype=object),
    "Series of object ints": pd.Series([2, 1], dtype=object),
    "category of objects": categorical(["b", "a"], pd.Index(["b", "a"], dtype=object)),
    "float8 tensor": torch.tensor([1.0, 0.0]).to(torch.float8_e4m3fn),
    "intervals": pd.cut(pd.Series([5, 1, 9, 1], name="age"), [0, 2, 6, 10]),
    "category of dates": categorical(
        [pd.Timestamp("2020-01-02", tz="UTC")], pd.date_range("2020", periods=3, tz="UTC")[[1, 0]]
    ),
    "category of quarters": categorical(
        [pd.Period("2020Q2")] * 2, pd.period_range("2020Q1", periods=3, freq="Q")
    ),
    "bytes": np.array([b"bb", b"a"]),
    "longdouble": np.array([2.0, 1.0], np.longdouble),
    "StringDType": np.array(["b", "a"], np.dtypes.StringDType()),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_are_restored(y: Any) -> None:
    codec, codes = LabelCodec.fit(y)
    assert_same(codec.decode(codes), y)
    again = through_json(codec)
    np.testing.assert_array_equal(again.encode(y), codes)
    assert_same(again.decode(codes), y)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
    | st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1)
)
def test_codes_are_those_of_scikit_learn(y: list[Any]) -> None:
    codec, codes = LabelCodec.fit(np.array(y))
    encoder = LabelEncoder()
    np.testing.assert_array_equal(codes, encoder.fit_transform(np.array(y)))
    np.testing.assert_array_equal(codec.classes, encoder.classes_)
    np.testing.assert_array_equal(codec.encode(y), codes)


OTHER_CONTAINERS = [
    (pd.Index(["b", "a"], name="k"), pd.Series(["b", "a"], name="k")),
    (pd.Categorical(["b", "a"], ["z", "b", "a"]), categorical(["b", "a"], ["z", "b", "a"])),
    (pd.array([2, 1], dtype="Int16"), pd.Series([2, 1], dtype="Int16")),
    (pd.DataFrame({"k": [True, False]}), pd.Series([True, False], name="k")),
    (pa.chunked_array([["b"], ["a"]]), pd.Series(["b", "a"])),
    (np.ma.array([2, 1]), np.array([2, 1])),
]


@pytest.mark.parametrize("y, expected", OTHER_CONTAINERS, ids=lambda y: type(y).__name__)
def test_labels_of_other_containers_keep_their_dtype(y: Any, expected: Any) -> None:
    codec, codes = LabelCodec.fit(y)
    assert_same(through_json(codec).decode(codes), expected)
    assert codec.encode(y).tolist() == codes.tolist()


def test_labels_of_polars_come_back_as_polars() -> None:
    polars = pytest.importorskip("polars")
    for y in (
        polars.Series("y", ["b", "a"]),
        polars.Series("y", [True, False]),
        polars.Series("y", [2, 1], dtype=polars.Int8),
        polars.Series("y", ["b", "a"], dtype=polars.Categorical),
    ):
        codec, codes = LabelCodec.fit(y)
        back = through_json(codec).decode(codes)
        assert back.dtype == y.dtype
        assert back.name == "y"
        assert back.equals(y)
        assert codec.encode(y).tolist() == codes.tolist()


def test_one_label_has_one_code() -> None:
    codec, _ = LabelCodec.fit(["b", "a", "c"])
    assert codec.encode("b") == 1
    assert codec.encode("b").ndim == 0
    assert codec.encode([]).tolist() == []


def test_a_series_gets_a_new_index() -> None:
    y = pd.Series([2, 1], index=[9, 9], name="k")
    codec, codes = LabelCodec.fit(y)
    pd.testing.assert_series_equal(codec.decode(codes), y.reset_index(drop=True))


@pytest.mark.parametrize("y", [np.array([[1], [2], [1]]), torch.tensor([[1], [2], [1]])])
def test_a_column_is_read_with_a_warning(y: Any) -> None:
    with pytest.warns(DataConversionWarning, match="column-vector"):
        codec, codes = LabelCodec.fit(y)
    assert codec.classes.tolist() == [1, 2]
    assert codes.tolist() == [0, 1, 0]


BAD: dict[str, tuple[Any, str]] = {
    "NaN": ([1.0, 0.0, np.nan], "no label in row 2, but nan"),
    "NaN in an array": (np.array([1.0, 0.0, np.nan]), "y contains NaN .*row 2"),
    "inf": (np.array([1.0, np.inf]), "y contains infinity .*row 1"),
    "None": (["a", None], "no label in row 1, but None"),
    "NaN in a Series": (pd.Series(["a", "b", None]), "no label in row 2"),
    "NA": (pd.Series([1, None], dtype="Int64"), "row 1"),
    "missing category": (pd.Series(pd.Categorical(["a", None])), "no label in row 1"),
    "mixed list": ([1, "a"], r"1 \(row 0\) and 'a' \(row 1\)"),
    "mixed array": (np.array(["a", "b", 1], object), r"'a' \(row 0\) and 1 \(row 2\)"),
    "bools and ints": ([True, False, 2], r"True \(row 0\) and 2 \(row 2\)"),
    "2-D": (np.zeros((4, 2), int), r"\(4, 2\)"),
    "one-hot": (torch.eye(3), r"\(3, 3\)"),
    "one-hot rows": ([np.array([0, 1]), np.array([1, 0])], r"\(2, 2\)"),
    "ragged objects": (np.array([[1], [2, 3]], object), "one class label a row"),
    "ragged": ([[1], [2, 3]], "one class label a row"),
    "0-D": (5, "1d array"),
    "text": ("abc", "1d array"),
    "masked": (
        np.ma.array([1, 0, 1], mask=[False, True, False]),
        "no label in row 1, but a masked",
    ),
    "no y": (None, "1d array"),
    "empty": ([], "empty"),
    "measurements": (np.array([1.0, 2.0, 0.5]), r"row 2 has 0\.5"),
    "dates": (pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"])), "datetime64"),
    "bytes": ([b"a", b"b"], r"bytes, such as .*decode\(\)"),
    "bytes beyond ASCII": (np.array([b"\xff", b"b"]), "ascii"),
    "complex": (np.array([1j, 2]), "[Cc]omplex"),
    "huge ints": ([10**30, 1], "dtype object"),
    "arrow's views": (
        pd.Series(pd.array(["a", "b"], dtype=pd.ArrowDtype(pa.string_view()))),
        "string_view",
    ),
}


@pytest.mark.parametrize("y, message", BAD.values(), ids=BAD)
def test_bad_labels_are_refused(y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LabelCodec.fit(y)


@pytest.mark.parametrize("fitted", [[1, 2, 3], ["a", "b"], [True, False], [1.0, 2.0]], ids=str)
@pytest.mark.parametrize(
    "y", ["zz", 9, -1, 1.5, np.nan, None, [9, 9], ["zz"], np.datetime64("2020"), {}], ids=str
)
def test_unknown_labels_are_named(fitted: list[Any], y: Any) -> None:
    codec, _ = LabelCodec.fit(fitted)
    with pytest.raises(InputError, match="was not seen in fit; known labels: "):
        codec.encode(y)


def test_the_first_unknown_label_is_named() -> None:
    codec, _ = LabelCodec.fit(["a", "b"])
    with pytest.raises(
        InputError, match=r"label 'zz' was not seen in fit; known labels: \['a', 'b'\]"
    ):
        codec.encode(["a", "zz", "yy"])


@pytest.mark.parametrize("y", [[[1]], [[1], [2, 3]], [1, "a"], [1, None]], ids=str)
def test_encode_refuses_what_is_not_a_row_of_labels(y: Any) -> None:
    codec, _ = LabelCodec.fit([1, 2])
    with pytest.raises(InputError, match="label"):
        codec.encode(y)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": [2, 1]},
        {"classes": [1, 1]},
        {"classes": [[1], [2]]},
        {"classes": []},
        {"classes": ["a", "b"]},
        {"classes": [10**30, 2]},
        {"classes": None},
        {"classes_dtype": "nothing"},
        {"classes_dtype": "datetime64[s]"},
        {"classes_dtype": "object"},
        {"container": "dict"},
        {"container": "tensor", "dtype": "nothing"},
        {"container": "series", "dtype": "nothing"},
        {"dtype": None, "container": "tensor"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_damaged_record_is_refused(change: dict[str, Any]) -> None:
    record = LabelCodec.fit(np.array([1, 2]))[0].to_json()
    with pytest.raises((InputError, ValueError, TypeError, AttributeError, OverflowError)):
        LabelCodec.from_json(record | change)


@pytest.mark.parametrize("dtype", ["str", "string", "object", "int64[pyarrow]"])
def test_a_dtype_may_be_recorded_by_its_name(dtype: str) -> None:
    y = pd.Series([1, 2] if "int" in dtype else ["a", "b"], dtype=dtype)
    record = LabelCodec.fit(y)[0].to_json() | {"dtype": dtype}
    assert_same(LabelCodec.from_json(record).decode(np.arange(2)), y)


def test_minus_one_marks_rows_without_a_label() -> None:
    with pytest.warns(UserWarning, match=r"-1 and classes such as \[1, 2, 3\].*unlabeled=None\)"):
        codec, codes = LabelCodec.fit(torch.tensor([3, -1, 1, 1, -1, 2]))
    assert codec.classes.tolist() == [1, 2, 3]
    assert codes.tolist() == [2, -1, 0, 0, -1, 1]
    assert LabelCodec.fit([3, -1, 1], unlabeled=None)[1].tolist() == [2, 0, 1]
    with pytest.warns(UserWarning, match=r"unlabeled=-1 if it is not"):
        assert LabelCodec.fit([1.0, -1.0, 5.0, 7.0])[1].tolist() == [0, -1, 1, 2]
    for classes in ([-1, 1], [-2, -1, 0], [-1], ["-1", "0", "1"]):
        assert LabelCodec.fit(classes)[0].classes.tolist() == classes


def test_the_value_of_no_label_can_be_set() -> None:
    for y in ([1, -1, 0], [1, -1, 1], [-5, -1, 3], [2.0, -1.0, 1.0], np.array([-1, 4], np.int8)):
        codec, codes = LabelCodec.fit(y, unlabeled=-1)
        assert -1 not in codec.classes
        np.testing.assert_array_equal(codes < 0, np.asarray(y) == -1)
        np.testing.assert_array_equal(
            codec.classes[codes[codes >= 0]],
            np.setdiff1d(y, [-1])[
                np.searchsorted(np.setdiff1d(y, [-1]), np.asarray(y)[np.asarray(y) != -1])
            ],
        )
        assert (LabelCodec.fit(y, unlabeled=None)[1] >= 0).all()
    assert LabelCodec.fit(["-1", "a"], unlabeled=-1)[1].tolist() == [0, 1]
    assert LabelCodec.fit(np.array([2**64 - 1, 0], np.uint64), unlabeled=-1)[1].tolist() == [1, 0]
    with pytest.raises(InputError, match="every label in y is -1"):
        LabelCodec.fit([-1, -1], unlabeled=-1)
    with pytest.raises(InputError, match=r"unlabeled=0 is not 'auto', -1 or None"):
        LabelCodec.fit([1, 2], unlabeled=0)


@pytest.mark.parametrize(
    "first, later, classes, codes",
    [
        (np.array([1, 0]), [5, 0, -1], [0, 1, 5], [2, 0, -1]),
        (np.array([1, -1]), [5, -1, 1], [-1, 1, 5], [2, 0, 1]),
        (np.array(["b", "a"]), np.array(["longer", "a"]), ["a", "b", "longer"], [2, 0]),
        (np.array([1, 0], dtype=np.int8), np.array([300, 1]), [0, 1, 300], [2, 1]),
        (pd.Series(["b", "a"], dtype="category"), pd.Series(["c", "b"]), ["a", "b", "c"], [2, 1]),
        (torch.tensor([4, 2]), [3], [2, 3, 4], [1]),
    ],
    ids=["list", "minus one is a class", "strings", "int8", "category", "tensor"],
)
def test_classes_are_added_in_the_container_of_the_first(
    first: Any, later: Any, classes: Any, codes: Any
) -> None:
    known, _ = LabelCodec.fit(first)
    codec, found = known.extend(later)
    assert codec.classes.tolist() == classes
    assert found.tolist() == codes
    labels = codec.decode(np.arange(len(classes)))
    assert type(labels) is type(first)
    assert (labels.tolist() if hasattr(labels, "tolist") else labels) == classes
    assert LabelCodec.from_json(codec.to_json()).decode(np.array([0])) is not None


def small(*values: Any, of: str = "int8") -> "pd.Series[Any]":
    return pd.Series(values, dtype=of)


@pytest.mark.parametrize(
    "first, later, dtype",
    [
        (
            torch.tensor([0, 1], dtype=torch.uint8),
            torch.tensor([300, 0], dtype=torch.int16),
            torch.int16,
        ),
        (torch.tensor([0, 1], dtype=torch.uint8), [300], torch.int64),
        (torch.tensor([0.0, 1.0]).half(), torch.tensor([300_000.0]), torch.float32),
        (small(0, 1), small(300, of="int32"), "int32"),
        (small(0, 1, of="Int8"), small(300, of="Int16"), "Int16"),
        (small(0, 1, of="category"), small(-(2**40), of="int64"), "category"),
        (categorical([0, 1], np.array([0, 1], np.int8)), categorical([300], [300]), "category"),
    ],
)
def test_labels_that_do_not_fit_get_the_later_dtype(first: Any, later: Any, dtype: Any) -> None:
    codec, codes = LabelCodec.fit(first)[0].extend(later)
    assert codec.classes[codes].tolist() == (later if isinstance(later, list) else later.tolist())
    labels = through_json(codec).decode(np.arange(len(codec.classes)))
    assert labels.dtype == dtype
    assert labels.tolist() == codec.classes.tolist()


@pytest.mark.parametrize(
    "first, later",
    [
        (torch.tensor([True, False]), torch.tensor([0, 1, 2])),
        (pd.Series([True, False]), pd.Series([0, 1, 2])),
        (torch.tensor([0, 1], dtype=torch.uint8), torch.tensor([300.0])),
    ],
)
def test_labels_that_no_dtype_holds_are_named(first: Any, later: Any) -> None:
    with pytest.raises(InputError, match="cannot hold both: give labels of a dtype that holds all"):
        LabelCodec.fit(first)[0].extend(later)


def test_labels_of_another_type_are_not_added() -> None:
    with pytest.raises(InputError, match="same type"):
        LabelCodec.fit(["a", "b"])[0].extend([1, 2])
    with pytest.raises(InputError, match="same type"):
        LabelCodec.fit([1, 2])[0].extend(["a"])

"""Tables of numbers keep each column. The error for an unusable column names it."""

import datetime
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import ArchiveError, InputError
from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json, find_modality
from tests.conftest import FORMS, as_form

TABLE_FORMS = [form for form in FORMS if form.startswith("table")]
WILD = [-np.inf, -1e30, -3.0, 0.0, 3.0, 1e30, np.inf]
NUMPY = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
]
NULLABLE = [
    "boolean",
    "Int8",
    "UInt16",
    "Int64",
    "Float32",
    "Float64",
    "bool[pyarrow]",
    "int64[pyarrow]",
]


def round_trip(X: Any) -> Any:
    codec, rows = find_modality(X).fit(X)
    assert rows.dtype == torch.float32
    assert rows.shape == (len(X), *codec.shape)
    record = json.loads(json.dumps(codec_to_json(codec)))
    again = codec_from_json(record)
    assert codec_to_json(again) == record
    assert torch.equal(again.encode(X), rows)
    return again.decode(rows)


def assert_same(back: Any, X: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(back, X, rtol=rtol, atol=atol)
    elif isinstance(X, torch.Tensor):
        torch.testing.assert_close(back, X, rtol=rtol, atol=atol)
    else:
        assert back.dtype == X.dtype
        np.testing.assert_allclose(back, X, rtol=rtol, atol=atol)


@st.composite
def columns(draw: st.DrawFn, n_rows: int, dtypes: list[str]) -> Any:
    """One column of any dtype. Whole numbers have a range that float32 represents exactly."""
    dtype = pd.api.types.pandas_dtype(draw(st.sampled_from(dtypes)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    unit = rng.random(n_rows) * draw(st.sampled_from([0, 1]))
    if dtype.kind == "b":
        return pd.array(unit > 0.5, dtype=dtype)
    if dtype.kind == "f":
        top = 4 if dtype == np.float16 else 15
        centre, span = (
            draw(st.sampled_from([0, -1, 1])) * 10 ** draw(st.floats(-3, top)) for _ in range(2)
        )
        return pd.array(centre + span * unit, dtype=dtype)
    info = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    low = draw(st.integers(max(info.min, -(2**50)), min(info.max, 2**50)))
    span = draw(st.integers(0, min(2**20, info.max - low)))
    return pd.array(low + np.rint(unit * span).astype(np.int64), dtype=dtype)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Columns of mixed dtypes, named by strings and whole numbers."""
    n_rows = draw(st.integers(1, 30))
    names = draw(
        st.lists(st.text(max_size=4) | st.integers(-5, 99), min_size=1, max_size=5, unique=True)
    )
    data = {i: draw(columns(n_rows, NUMPY + NULLABLE)) for i in range(len(names))}
    return pd.DataFrame(data).set_axis(names, axis=1)


@pytest.mark.parametrize("form", TABLE_FORMS)
def test_every_form_comes_back(form: str) -> None:
    X, _ = as_form(form)
    assert_same(round_trip(X), X)


@given(frames())
def test_frames_come_back_with_names_and_dtypes(X: pd.DataFrame) -> None:
    back = round_trip(X)
    assert back.columns.tolist() == X.columns.tolist()
    assert back.dtypes.tolist() == X.dtypes.tolist()
    for i, dtype in enumerate(X.dtypes):
        was, now = (frame.iloc[:, i].to_numpy(dtype=np.float64) for frame in (X, back))
        slack = np.ptp(was) * 2**-20
        if dtype.kind == "f":
            slack += np.abs(was).max() * float(np.finfo(getattr(dtype, "numpy_dtype", dtype)).eps)
        np.testing.assert_allclose(now, was, rtol=0, atol=slack if dtype.kind == "f" else 0)


@given(
    st.integers(1, 30).flatmap(lambda n: st.lists(columns(n, ["int32"]), min_size=1, max_size=4)),
    st.booleans(),
)
def test_arrays_of_whole_numbers_come_back_exactly(data: list[Any], as_tensor: bool) -> None:
    X = np.stack([np.asarray(column) for column in data], axis=1)
    assert_same(
        round_trip(torch.from_numpy(X) if as_tensor else X),
        torch.from_numpy(X) if as_tensor else X,
        0,
        0,
    )


@given(frames())
def test_decoded_values_stay_in_the_range_that_was_seen(X: pd.DataFrame) -> None:
    codec, _ = TableCodec.fit(X)
    decoded = codec.decode(
        torch.tensor(WILD, dtype=torch.float32)[:, None].expand(-1, *codec.shape)
    )
    for i, dtype in enumerate(X.dtypes):
        was, now = (frame.iloc[:, i].to_numpy(dtype=np.float64) for frame in (X, decoded))
        assert (
            set(now) <= set(was)
            if dtype.kind == "b"
            else (now.min(), now.max()) == (was.min(), was.max())
        )


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.uint8, torch.int64, torch.bool]
)
def test_tensors_come_back(dtype: torch.dtype) -> None:
    X = (torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 3).abs().to(dtype)
    assert_same(round_trip(X), X, rtol=2**-8 if dtype.itemsize == 2 else 1e-5)


@pytest.mark.parametrize("dtype", [">i4", ">f8", np.longdouble])
def test_other_dtypes_of_numpy_come_back(dtype: Any) -> None:
    X = np.arange(12).reshape(4, 3).astype(dtype)
    assert_same(round_trip(X), X)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e12, 0.1 + 0.2])
def test_constant_columns_are_zeros_and_come_back(value: float) -> None:
    X = np.full((50, 2), value)
    X[1::2, 1] = np.nextafter(value, 1e13)  # constant up to rounding
    with pytest.warns(UserWarning, match="column 1 of X is taken as constant"):
        codec, rows = TableCodec.fit(X)
    assert rows.abs().max() <= 1e-3
    np.testing.assert_allclose(codec.decode(rows + 100), X, rtol=1e-12, atol=1e-300)


def test_a_list_of_rows_is_an_array() -> None:
    X = [[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]
    codec, rows = find_modality(X).fit(X)
    np.testing.assert_allclose(codec.decode(rows), X, rtol=1e-6)
    assert torch.equal(codec.encode(X), rows)


def test_rows_get_a_new_index() -> None:
    X = pd.DataFrame({"a": [1, 2, 3]}, index=[7, 7, 9])
    pd.testing.assert_frame_equal(round_trip(X), X.reset_index(drop=True))


@pytest.mark.parametrize("low", [2**53 - 3, 2**53, 2**62, -(2**62), 2**63 - 20])
def test_large_whole_numbers_of_a_narrow_range_come_back_exactly(low: int) -> None:
    values = np.array([low + n for n in (0, 1, 3, 3, 7, 19)])
    X = pd.DataFrame({"id": values, "constant": np.full(6, low)})
    assert_same(round_trip(X), X, 0, 0)
    X = np.stack([values, values], axis=1)
    assert_same(round_trip(X), X, 0, 0)
    assert_same(round_trip(torch.from_numpy(X)), torch.from_numpy(X), 0, 0)
    if low > 2**62 and tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        return  # pandas rounded such integers in a column with gaps, which is an error on loading
    nullable = pd.DataFrame({"id": pd.array([*values.tolist(), None], dtype="Int64")})
    assert_same(round_trip(nullable), nullable, 0, 0)


def test_floats_of_a_range_that_overflows_come_back() -> None:
    X = np.array([[1.7e308], [-1.7e308], [0.0]])
    np.testing.assert_allclose(round_trip(X) / 1e308, X / 1e308, rtol=0, atol=3.4e-6)


def with_value(value: float) -> np.ndarray:
    X = np.zeros((5, 3))
    X[3, 1] = value
    return X


FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
BAD: dict[str, tuple[Any, str]] = {
    "inf": (with_value(np.inf), "column 1 of X contains infinity .*row 3; 1 rows"),
    "inf in a frame": (FRAME.assign(a=[1.0, -np.inf]), "column 'a' of X contains infinity .*row 1"),
    "object": (np.array([[1], [[2]]], dtype=object), "unhashable"),
    "text": (np.array([["a", "b"]]), "dtype <U1"),
    "numbers as text": (np.array([["1", "2"]]), "dtype <U1"),
    "list of text": (["a", "b"], "a list of str"),
    "complex": (np.zeros((3, 2), complex), "Complex data"),
    "complex tensor": (torch.zeros(3, 2, dtype=torch.complex64), "complex64"),
    "sparse matrix": (scipy.sparse.eye(4).tocsr(), "Sparse data"),
    "sparse tensor": (torch.eye(4).to_sparse(), "sparse_coo"),
    "sparse strings": (pd.DataFrame({"a": pd.arrays.SparseArray(["x", "y"])}), "'a': 'Sparse"),
    "ragged": ([[1, 2], [3]], r"different shapes, such as \[\(1,\), \(2,\)\]"),
    "empty": (np.empty((0, 3)), "0 sample"),
    "no columns": (np.empty((3, 0)), "0 feature"),
    "empty list": ([], "0 sample"),
    "1-D": (np.zeros(5), "Expected 2D array"),
    "Series": (pd.Series([1, 2]), "2-dimensional"),
    "categories of dates": (
        FRAME.assign(c=pd.Categorical([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)])),
        r"'c': 'category of object.*its categories strings with astype\(str\)",
    ),
    "intervals": (
        FRAME.assign(c=pd.arrays.IntervalArray.from_breaks([0, 1, 2])),
        r"'c': 'interval.*astype\('category'\)",
    ),
    "dictionary of Arrow": (
        FRAME.assign(c=pd.array([1, 2], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.int64())))),
        r"'c': 'dictionary.*make it numbers",
    ),
    "lists": (
        FRAME.assign(c=[[1], [2]]),
        "column 'c' of X holds values that cannot be categories .unhashable",
    ),
    "bytes": (
        FRAME.assign(c=[b"a", b"b"]),
        r"column 'c' of X holds .*\(bytes\).*astype\(str\)",
    ),
    "dates of two zones": (
        FRAME.assign(
            c=pd.Series(
                [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)],
                dtype=object,
            )
        ),
        r"column 'c' of X holds .*\(datetime\).*to_datetime",
    ),
    "decimals and text": (
        FRAME.assign(c=pd.Series([Decimal(1), "a"], dtype=object)),
        r"column 'c' of X holds Decimal\('1'\) \(Decimal\).*astype\(float\)",
    ),
    "True and 1": (
        FRAME.assign(c=pd.Series([True, 1], dtype=object)),
        "column 'c' of X holds True and 1, booleans and numbers",
    ),
    "complex column": (FRAME.assign(z=[1j, 2j]), "'z': 'complex128'.*imaginary"),
    "same names": (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), r"occur twice: \['a'\]"),
    "tuples as names": (
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", 1)])),
        r"\('a', 1\)",
    ),
    "large ids": (FRAME.assign(id=[2**62, 5]), r"column 'id' of X has values up to 4\.61"),
    "huge ids": (
        FRAME.assign(id=pd.Series([10**30, 5], dtype=object)),
        r"column 'id' of X has values up to 1e\+30",
    ),
}


@pytest.mark.filterwarnings("ignore:columns .* hold numbers in dtype object")
@pytest.mark.parametrize("X, message", BAD.values(), ids=BAD)
def test_bad_tables_are_refused(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_modality(X).fit(X)


BAD_LATER: dict[str, tuple[Any, str]] = {
    "array": (FRAME.to_numpy(), r"fitted as dataframe with columns \['a', 'b'\], got ndarray"),
    "order": (FRAME[["b", "a"]], r"got dataframe with \['b', 'a'\]"),
    "a column less": (FRAME[["a"]], "X has 1 features, but TableCodec is expecting 2"),
    "infinity": (FRAME.assign(a=[np.inf, 1]), "column 'a' of X contains infinity .*row 0"),
    "text": (
        FRAME.assign(b=["x", "y"]),
        "column 'b' of X holds (str|object), and numbers were fitted",
    ),
    "None": (None, "Expected 2D array"),
}


@pytest.mark.parametrize("X, message", BAD_LATER.values(), ids=BAD_LATER)
def test_tables_of_another_form_are_refused_later(X: Any, message: str) -> None:
    codec, _ = TableCodec.fit(FRAME)
    with pytest.raises(InputError, match=message):
        codec.encode(X)


@pytest.mark.parametrize(
    "change",
    [
        {"container": "list"},
        {"container": "ndarray"},
        {"columns": ["a"]},
        {"columns": 2},
        {"columns": ["a", "a"]},
        {"columns": ["a", None]},
        {"columns": [], "parts": []},
        {"parts": [{}, {}]},
        {"parts": [{"kind": "image"}] * 2},
    ],
)
def test_a_damaged_record_is_an_archive_error(change: dict[str, Any]) -> None:
    record = codec_to_json(TableCodec.fit(FRAME)[0])
    with pytest.raises(ArchiveError):
        codec_from_json(record | change)


@pytest.mark.parametrize("key", ["modality", "container", "columns", "dtype", "parts"])
def test_an_incomplete_record_is_an_archive_error(key: str) -> None:
    record = codec_to_json(TableCodec.fit(FRAME)[0])
    del record[key]
    with pytest.raises(ArchiveError):
        codec_from_json(record)


@pytest.mark.parametrize("top", [9.3e18, 6e23])
def test_floats_beyond_64_bit_integers_come_back(top: float) -> None:
    X = pd.DataFrame({"x": np.linspace(0, top, 20)})
    assert_same(round_trip(X), X)

"""Tables of other libraries, and arrays that can only be indexed in ascending order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gen_augment import (
    BootstrapSampler,
    ConditionalVAE,
    GenerativeOverSampler,
    InputError,
    Sampler,
    SMOTESampler,
    load_sampler,
)
from gen_augment.containers import as_pandas
from gen_augment.data import Rows
from gen_augment.data.frames import read_frames

Y = np.arange(40) % 2
COLUMNS: dict[str, Any] = {
    "a": np.arange(40.0).tolist(),
    "n": [None, *range(39)],
    "b": ["u", "v"] * 20,
    "when": np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]").astype(object).tolist(),
}
SAMPLERS = [
    BootstrapSampler(random_state=0),
    SMOTESampler(random_state=0),
    ConditionalVAE(max_steps=2, device="cpu", random_state=0),
]


class Ascending:
    """An array-like like `h5py.Dataset`."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.ndim, self.dtype = values, values.shape, 2, values.dtype

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        if isinstance(index, np.ndarray) and (np.diff(index) <= 0).any():
            raise TypeError("Indexing elements must be in increasing order")
        return self.values[index]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_an_array_on_disk_is_read_once(sampler: Sampler) -> None:
    values = np.random.default_rng(0).normal(size=(40, 3))
    expected = sampler.fit(values, Y).sample(5, random_state=1)[0]
    np.testing.assert_array_equal(
        sampler.fit(Ascending(values), Y).sample(5, random_state=1)[0], expected
    )


def test_an_arrow_table_is_a_frame() -> None:
    X, y = read_frames(pa.table(COLUMNS), pa.chunked_array([Y]))
    assert X.dtypes.astype(str).tolist()[:2] == ["float64", "Int64"]
    assert X["when"].dtype.kind == "M"
    assert X["n"].isna().sum() == 1
    assert Rows.read(X, y).codes.tolist() == Y.tolist()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_polars_comes_back_as_polars(sampler: Sampler, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(COLUMNS).with_columns(
        polars.Series("size", ["l", "s"] * (len(Y) // 2), dtype=polars.Enum(["s", "m", "l"])),
        polars.Series("price", range(len(Y))).cast(polars.Decimal(20, 2)),
    )
    y = polars.Series("y", Y)
    sampler.fit(X, y)
    sampler.save(tmp_path / "m")
    for made in (sampler, load_sampler(tmp_path / "m", device="cpu")):
        rows, labels = made.sample(7, random_state=0)
        assert rows.schema == X.schema
        assert (labels.dtype, labels.name) == (y.dtype, "y")
    expected = sampler.fit(X.to_arrow(), Y).sample(7, random_state=0)[0]
    pd.testing.assert_frame_equal(as_pandas(rows), expected, check_dtype=False)


def test_a_column_of_arrow_is_a_series() -> None:
    texts = ["one text", "another one"]
    for column in (pa.array(texts), pa.chunked_array([texts[:1], texts[1:]])):
        X, _ = read_frames(column, [0, 1])
        pd.testing.assert_series_equal(X, pd.Series(texts), check_dtype=False)


def test_a_dataset_of_hugging_face() -> None:
    datasets = pytest.importorskip("datasets")
    X, y = read_frames(datasets.Dataset.from_dict({**COLUMNS, "label": Y.tolist()}), None)
    assert X.columns.tolist() == list(COLUMNS)
    np.testing.assert_array_equal(y, Y)
    with pytest.raises(InputError, match="in one that is called 'label'"):
        read_frames(datasets.Dataset.from_dict(COLUMNS), None)


def test_a_column_of_a_hugging_face_dataset_holds_rows_or_names_the_labels() -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": ["a b", "c d"] * 20, "kind": Y.tolist()})
    named, given = (Rows.read(data, y) for y in ("kind", data["kind"]))
    assert named.codes.tolist() == given.codes.tolist() == Y.tolist()
    assert list(named.X) == ["text"]
    texts = Rows.read(data["text"], data["kind"], modality="text")
    np.testing.assert_array_equal(texts.X, data["text"][:])
    with pytest.raises(InputError, match="one that is named 'label': give the name"):
        Rows.read(data, "label")


def test_polars_is_over_sampled_as_polars() -> None:
    polars = pytest.importorskip("polars")
    X, y = polars.DataFrame(COLUMNS), np.repeat([0, 1], [30, 10])
    over = GenerativeOverSampler(SMOTESampler(), random_state=0)
    rows, labels = over.fit_resample(X, y)
    assert isinstance(rows, polars.DataFrame)
    assert rows[:40].select("a", "n", "b").equals(X.select("a", "n", "b"))
    assert np.bincount(labels).tolist() == [30, 30]


def test_an_array_of_objects_is_a_table() -> None:
    X = np.array([[i, i / 4, "abc"[i % 3], None if i % 5 else True] for i in range(40)], object)
    with pytest.warns(UserWarning, match=r"columns \[0, 1\] of X hold numbers in dtype object"):
        sampler = SMOTESampler(random_state=0).fit(X, Y)
    made = sampler.sample(9, random_state=0)[0]
    assert made.dtype == object
    assert {type(value) for value in made[:, 0]} == {int}
    assert set(made[:, 2]) <= set("abc")
    with pytest.warns(UserWarning, match="dtype object"):
        joined, _ = GenerativeOverSampler(sampler).fit_resample(X, np.arange(40) < 30)
    assert joined.dtype == object
    np.testing.assert_array_equal(joined[:40], X)


def test_polars_tells_missing_values_from_nan() -> None:
    polars = pytest.importorskip("polars")
    holes = [None if i % 4 else float(i) for i in range(40)]
    nans = [float("nan") if i % 4 else float(i) for i in range(40)]
    X = polars.DataFrame({"null": holes, "nan": nans})
    for table in (X, X.lazy()):
        made = SMOTESampler(random_state=0).fit(table, Y).sample(40, random_state=0)[0]
        assert made["null"].null_count() == made["nan"].is_nan().sum() > 0
        assert made["nan"].null_count() == 0


@pytest.mark.parametrize(
    "X, message",
    [
        ({"a": np.arange(40.0)}, r"X is a dict: give pandas\.DataFrame"),
        (np.zeros(40, [("a", "f8"), ("b", "i4")]), r"array of records: give pandas\.DataFrame"),
    ],
)
def test_columns_that_are_no_table_are_named(X: Any, message: str) -> None:
    for take in (SMOTESampler().fit, GenerativeOverSampler(SMOTESampler()).fit_resample):
        with pytest.raises(InputError, match=message):
            take(X, Y)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_read_as_an_array() -> None:
    made = SMOTESampler(random_state=0).fit(np.matrix(np.eye(40)), Y).sample(2)[0]
    assert type(made) is np.ndarray

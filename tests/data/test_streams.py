"""Rows that arrive in parts: their order, their ends, and what is refused."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow.dataset import dataset
from torch.utils.data import IterableDataset

from gen_augment import InputError
from gen_augment.data import Rows, streams
from gen_augment.data.streams import located, numbered, open_stream, read_all


class Iterable(IterableDataset[Any]):
    """A Dataset of the pairs that a function returns, with or without a length."""

    def __init__(self, pairs: Callable[[], Any]) -> None:
        self.pairs = pairs

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pairs())


class Sized(Iterable):
    """One with a length of 7."""

    def __len__(self) -> int:
        return 7


FRAME = pd.DataFrame(
    {"a": np.arange(40) / 4, "kind": pd.Categorical(list("xyzy") * 10), "label": [0, 1] * 20}
)


def write_folder(path: Path, *frames: pd.DataFrame, row_group_size: int = 3) -> Path:
    path.mkdir(exist_ok=True)
    for number, frame in enumerate(frames):
        file = path / f"{number}.parquet"
        frame.to_parquet(file, index=False, row_group_size=row_group_size)
    return path


@pytest.mark.parametrize("part_rows", [4, 1000])
def test_a_folder_is_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    monkeypatch.setattr(streams, "PART_ROWS", part_rows)
    folder = write_folder(tmp_path / "data", FRAME[:15], FRAME[15:])
    stream = open_stream(dataset(folder), "label")
    assert stream is not None
    for _ in range(2):
        parts = list(numbered(stream))
        assert (len(parts) > 5) is (part_rows == 4)
        X, y = read_all(stream)
        back = X.assign(label=y.to_pandas()["label"])  # a DataFrame, as of a single file
        pd.testing.assert_frame_equal(back, FRAME)
        assert [start for start, *_ in parts] == np.cumsum(
            [0, *(len(y) for *_, y in parts)]
        ).tolist()[:-1]


def test_a_stream_that_is_read_into_memory_equals_the_table(tmp_path: Path) -> None:
    rows = Rows.read(dataset(write_folder(tmp_path / "data", FRAME)), "label")
    same = Rows.read(FRAME.drop(columns="label"), FRAME["label"])
    assert rows.digest == same.digest
    assert rows.labels.to_json() == same.labels.to_json()


def test_an_iterable_dataset_ends_with_its_length() -> None:
    endless = Sized(lambda: ((np.full(2, i), i % 2) for i in count()))
    stream = open_stream(endless, None)
    assert stream is not None
    X, y = read_all(stream)
    assert X.tolist() == [[i, i] for i in range(7)]
    assert y == [0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    "pairs, message",
    [
        (list, "Iterable has no rows"),
        (lambda: [1, 2], "row 0 of Iterable is a int"),
        (lambda: ((i, 0) for i in count()), "did not end after 50 rows: give it __len__"),
    ],
    ids=["empty", "no pairs", "endless"],
)
def test_unusable_iterable_datasets_are_refused(
    monkeypatch: pytest.MonkeyPatch, pairs: Any, message: str
) -> None:
    monkeypatch.setattr(streams, "MAX_UNSIZED", 50)
    stream = open_stream(Iterable(pairs), None)
    assert stream is not None
    with pytest.raises(InputError, match=message):
        read_all(stream)


def test_files_with_other_columns_are_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", FRAME, FRAME.drop(columns="kind"))
    with pytest.warns(UserWarning, match=r"\['kind'\].*read as missing values"):
        stream = open_stream(dataset(folder), "label")
    assert stream is not None
    with pytest.raises(InputError, match="whose columns have one type"):
        read_all(
            open_stream(dataset(write_folder(folder, FRAME, FRAME.assign(a="word"))), "label")  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    "column, keep, message",
    [
        ("target", ["a", "label"], "y='target' is no column of the FileSystemDataset"),
        (None, ["a", "label"], "give the name of the column of labels"),
        ("label", ["label"], "has no column besides its labels"),
    ],
)
def test_the_column_of_labels_must_be_known(
    tmp_path: Path, column: Any, keep: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        open_stream(dataset(write_folder(tmp_path / "data", FRAME[keep])), column)


def test_other_data_is_no_stream(tmp_path: Path) -> None:
    for X in (FRAME, pa.table({"a": [1]}), np.zeros(3), tmp_path, str(tmp_path / "gone")):
        assert open_stream(X, "label") is None
    with pytest.raises(InputError, match="y must be None"):
        open_stream(Iterable(list), [1])


def test_errors_say_where_a_part_begins() -> None:
    stream = open_stream(Iterable(list), None)
    assert stream is not None
    where = r"^odd\. Rows are counted from row 8 of Iterable\.$"
    with pytest.raises(InputError, match=where), located(stream, 8):
        raise InputError("odd.")
    with pytest.raises(InputError, match=r"^odd\.$"), located(stream, 0):
        raise InputError("odd.")

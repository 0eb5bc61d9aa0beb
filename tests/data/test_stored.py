"""Encoded rows in a file: equal to those in memory, in order of class, and removed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pyarrow.dataset import dataset

from gen_augment import InputError
from gen_augment.data import Rows, stored, streams
from gen_augment.data.stored import StoredRows, read_stream
from gen_augment.data.streams import open_stream
from tests.data.test_streams import Iterable

N = 900


def frame(seed: int = 0, n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "kind": rng.choice(["x", "y", "z"], n),
            "label": rng.choice(["rare", "usual"], n, p=[0.1, 0.9]),
        }
    )


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(stored, "MAPPED_ROWS", 64)
    monkeypatch.setattr(streams, "PART_ROWS", 128)


def read(X: Any, y: Any = "label", **known: Any) -> Any:
    stream = open_stream(X, y)
    assert stream is not None
    return read_stream(stream, **known)


def table(data: pd.DataFrame) -> Any:
    return dataset(pa.Table.from_pandas(data))


def test_stored_rows_are_the_rows_in_memory_in_order_of_class() -> None:
    data = frame()
    rows = read(table(data))
    assert isinstance(rows, StoredRows)
    assert len(rows) == N
    memory = Rows.read(data.drop(columns="label"), data["label"]).replaced
    same = memory(data.drop(columns="label"), rows.labels.encode(data["label"]))
    same = Rows(same.X, same.codes, rows.labels, same.modality, known_codec=rows.codec)
    order = np.argsort(same.codes, kind="stable")
    assert torch.equal(rows.at(np.arange(N)), same.encoded[torch.from_numpy(order)])
    some = np.array([700, 3, 3, 899, 0])
    assert torch.equal(rows.at(some), same.encoded[torch.from_numpy(order[some])])
    assert rows.content == same.content
    assert rows.class_counts.tolist() == same.class_counts.tolist()
    rows.class_counts[:] = 0  # a copy
    assert len(rows) == N


def test_few_rows_are_read_into_memory() -> None:
    data = frame(n=200)
    rows, same = read(table(data)), Rows.read(data.drop(columns="label"), data["label"])
    assert isinstance(rows, Rows)
    assert rows.digest == same.digest


def test_the_sample_is_random_and_has_no_row_twice() -> None:
    """Of 900 rows, 200 are drawn. Each third of the rows has a third of them."""
    sample = stored._Sample()
    for start in range(0, N, 100):
        rows = np.arange(start, start + 100)
        sample.add(rows, rows)
    drawn = sample.drawn()[0]
    assert len(drawn) == len(set(drawn.tolist())) == 200
    assert (np.diff(drawn) > 0).all()  # in their order
    assert np.bincount(drawn // 300).min() > 45


def passes(*rows: Callable[[list[Any]], list[Any]]) -> Iterable:
    """Return a Dataset that gives other rows each time it is read."""
    data = frame()
    pairs = list(zip(data[["number"]].to_numpy(), data["label"], strict=True))
    reads = iter(rows)
    return Iterable(lambda: next(reads)(pairs))


@pytest.mark.parametrize(
    "second, message",
    [
        (lambda pairs: pairs[:500], "Iterable has other rows when it is read again: 900 rows"),
        (lambda pairs: [*pairs, pairs[0]], "Iterable has other rows when it is read again"),
        (lambda pairs: [], "Iterable has no rows"),
        (lambda pairs: [(pairs[0][0], "new")], "label 'new' was not seen"),
        (lambda pairs: [(np.array([np.inf]), "rare")], "infinity"),
    ],
    ids=["ends early", "longer", "exhausted", "new label", "infinite"],
)
def test_a_second_reading_must_give_the_same_rows(second: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(passes(lambda pairs: pairs, second), None)


def test_a_category_that_is_new_in_the_second_reading_is_named() -> None:
    known = read(table(frame()))
    assert isinstance(known, StoredRows)
    data = frame()
    data.loc[700, "kind"] = "new"
    with pytest.raises(InputError, match=r"'kind' of X has 'new' in row 60.*counted from row 640"):
        StoredRows(open_stream(table(data), "label"), known.codec, known.labels, known.class_counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0.5] * N, "labels are classes, not measurements"),
        ([*[0, 1] * 400, *[None] * 100], "NaN .first in row 32.*counted from row 768"),
        ([*[0, 1] * 400, *[-1, 2] * 50], "marks rows without a label"),
        (list(range(N)), "more than 500 classes"),
    ],
    ids=["measured", "missing", "unlabelled", "identifiers"],
)
@pytest.mark.filterwarnings("ignore:y holds -1")
def test_unusable_labels_are_refused(
    monkeypatch: pytest.MonkeyPatch, labels: list[Any], message: str
) -> None:
    monkeypatch.setattr(stored, "MAX_CLASSES", 500)
    with pytest.raises(InputError, match=message):
        read(table(frame().assign(label=labels)))


def test_a_full_disk_is_found_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_free", lambda: 100)
    with pytest.raises(InputError, match="set TMPDIR to a folder of a larger disk"):
        read(table(frame()))


def test_known_encodings_are_kept_and_labels_added() -> None:
    first = read(table(frame()))
    data = frame(1)
    data.loc[5, "label"] = "new"
    more = read(table(data), codec=first.codec, labels=first.labels)
    assert more.codec is first.codec
    assert more.labels.classes.tolist() == ["new", "rare", "usual"]
    assert more.class_counts[0] == 1

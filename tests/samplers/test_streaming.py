"""Fits of streams: as in memory if there are few rows, and from the disk if there are many."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow.dataset import dataset
from sklearn.naive_bayes import GaussianNB
from torch.utils.data import IterableDataset

from gen_augment import ConditionalGAN, ConditionalVAE, InputError, KDESampler, PairedVAE, audit
from gen_augment.data import stored, streams
from gen_augment.training import Callback, Checkpoint
from tests.data.test_streams import write_folder


class Images(IterableDataset[Any]):
    """300 images of two classes."""

    def __iter__(self) -> Iterator[Any]:
        rng = np.random.default_rng(0)
        return ((rng.random((8, 8), np.float32), "ab"[i % 2]) for i in range(300))


class Interrupts(Callback):
    """Presses Ctrl-C in step 3."""

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        loop._interrupted = loop.step == 3


def frame(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    prices = np.round(rng.exponential(9, n), 2)
    return pd.DataFrame({"a": rng.normal(size=n) + y, "price": prices, "label": y})


def make(method: Any = ConditionalVAE, **params: Any) -> Any:
    small = {"max_steps": 6, "batch_size": 8, "width": 2, "random_state": 0, "device": "cpu"}
    return method(**(small | params))


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A dataset that is too large for the memory."""
    monkeypatch.setattr(stored, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(streams, "PART_ROWS", 128)
    return dataset(pa.Table.from_pandas(frame()))


def test_a_small_folder_gives_the_sampler_of_the_frame_in_memory(tmp_path: Path) -> None:
    X = frame()
    folder = write_folder(tmp_path / "data", X[:250], X[250:])
    same = make().fit(X.drop(columns="label"), X["label"]).fingerprint()
    streamed = make().fit(dataset(folder), "label")
    assert streamed.fingerprint() == same
    read = make().fit(str(folder), "label")  # which knows how the files were read, too
    weights = streamed.network_.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in read.network_.state_dict().items())


@pytest.mark.parametrize("method", [ConditionalVAE, ConditionalGAN])
def test_a_large_dataset_is_trained_on_from_the_disk(many: Any, method: Any) -> None:
    sampler = make(method).fit(many, "label")
    X = frame()
    assert sampler.class_count_.tolist() == np.bincount(X["label"]).tolist()
    assert sampler.codec_.steps == {"price": 0.01}
    rows, labels = sampler.sample(50, random_state=0)
    assert rows["price"].between(X["price"].min(), X["price"].max()).all()
    assert labels.name == "label"
    again = make(method).fit(many, "label")
    assert again.fingerprint() == sampler.fingerprint()
    sampler.partial_fit(many, "label")
    assert (sampler.n_steps_, sampler.class_count_.sum()) == (12, 1200)


def test_images_of_an_iterable_dataset_are_trained_on_from_the_disk(many: Any) -> None:
    sampler = make().fit(Images())
    every = np.stack([x for x, _ in Images()])
    assert (sampler.codec_.low, sampler.codec_.high) == ((every.min(),), (every.max(),))
    assert sampler.sample(3)[0].shape == (3, 8, 8)


def write_shard(path: Path, n: int = 60) -> str:
    """Write images and rows of a table as a shard of WebDataset."""
    rows = frame(n)
    with tarfile.open(path, "w") as shard:
        for i in range(n):
            picture = io.BytesIO()
            Image.fromarray(np.full((8, 8), i, np.uint8)).save(picture, "PNG")
            row = {"price": rows["price"][i], "kind": "xyz"[i % 3], "age": None if i == 9 else i}
            parts = {"png": picture.getvalue(), "json": json.dumps(row).encode()}
            for suffix, content in (parts | {"cls": b"01"[i % 2 : i % 2 + 1]}).items():
                info = tarfile.TarInfo(f"{i:04d}.{suffix}")
                info.size = len(content)
                shard.addfile(info, io.BytesIO(content))
    return str(path)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # webdataset leaves files to be collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kept", [1000, 20], ids=["memory", "disk"])
def test_shards_of_webdataset_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    wds = pytest.importorskip("webdataset")
    monkeypatch.setattr(stored, "SAMPLE_ROWS", kept)
    path = write_shard(tmp_path / "0.tar")

    def pipeline(images: str, key: str) -> Any:
        return wds.WebDataset(path, shardshuffle=False).decode(images).to_tuple(key, "cls")

    images, _ = make().fit(pipeline("l8", "png")).sample(3)
    assert (images.shape, images.dtype) == ((3, 8, 8), np.uint8)
    assert make().fit(pipeline("pil", "png")).sample(2)[0][0].size == (8, 8)
    sampler = make().fit(pipeline("l8", "json"))
    assert sampler.codec_.steps["price"] == 0.01
    table, labels = sampler.sample(200, random_state=0)
    assert list(table) == ["price", "kind", "age"]
    assert (set(table["kind"]), set(labels)) == (set("xyz"), {0, 1})
    if kept > 60:
        found = audit(sampler, pipeline("l8", "json"), model=GaussianNB())
        assert found.per_class["real"].tolist() == [30, 30]


@pytest.mark.parametrize("sampler", [KDESampler(), make(PairedVAE)], ids=["KDE", "pairs"])
def test_samplers_that_need_all_rows_read_them_into_memory(many: Any, sampler: Any) -> None:
    assert sampler.fit(many, "label").class_count_.sum() == 600


def test_an_interrupt_keeps_what_was_trained(many: Any) -> None:
    sampler = make(callbacks=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(many, "label")
    assert sampler.n_steps_ == 3
    sampler.sample(2)


def test_a_refused_stream_keeps_the_previous_fit(many: Any) -> None:
    sampler = make().fit(many, "label")
    before = sampler.fingerprint()
    with pytest.raises(InputError, match="only one class"):
        sampler.fit(dataset(pa.Table.from_pandas(frame().assign(label=1))), "label")
    assert sampler.fingerprint() == before


def test_a_checkpoint_is_resumed_for_the_same_rows_only(tmp_path: Path, many: Any) -> None:
    whole = make().fit(many, "label")
    path = tmp_path / "run.safetensors"
    halted = make(callbacks=[Checkpoint(path, every=1), Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        halted.fit(many, "label")
    other = frame()
    other.loc[300, "a"] += 0.01
    resumed = make(callbacks=[Checkpoint(path, every=100)])
    with pytest.raises(Exception, match="another run"):
        resumed.fit(dataset(pa.Table.from_pandas(other)), "label")
    resumed.fit(many, "label")
    weights = whole.network_.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in resumed.network_.state_dict().items())

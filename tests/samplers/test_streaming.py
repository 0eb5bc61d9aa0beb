"""Fits of streams: as in memory if there are few rows, and from the disk if there are many."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pyarrow.dataset import dataset
from torch.utils.data import IterableDataset

from gen_augment import ConditionalGAN, ConditionalVAE, InputError, KDESampler, PairedVAE
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
    assert make().fit(dataset(folder), "label").fingerprint() == same
    assert make().fit(str(folder), "label").fingerprint() == same


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

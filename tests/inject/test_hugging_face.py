"""Synthetic rows in Hugging Face's datasets and in batches of tokens."""

from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict
from torch.utils.data import DataLoader

from gen_augment import (
    AEDASampler,
    AugmentedDataset,
    BootstrapSampler,
    EditSampler,
    InputError,
    SampleBank,
    TextCollator,
    augment_dataset,
)
from tests.modalities.text.test_modality import X, Y

CODES = [int(label == "order") for label in Y]
DATA = Dataset.from_dict({"text": X, "label": CODES, "id": range(len(X))})
DATA = DATA.cast_column("label", ClassLabel(names=["question", "order"]))


def lengths(texts: list[str], **settings: Any) -> dict[str, torch.Tensor]:
    assert settings["padding"]
    return {"n": torch.tensor([len(text) for text in texts])}


@pytest.mark.parametrize("form", ["frame", "list"])
def test_datasets_keep_their_features(form: str) -> None:
    sampler = EditSampler(random_state=0)
    sampler = sampler.fit(DATA.remove_columns("id")) if form == "frame" else sampler.fit(X, CODES)
    made = augment_dataset(DATA, sampler, counts={0: 2, 1: 3})
    assert made.features == DATA.features
    assert made.select(range(len(X))).to_dict() == DATA.to_dict()
    assert made["label"][len(X) :] == [0, 0, 1, 1, 1]
    assert made["id"][len(X) :] == [None] * 5
    index = np.arange(5)
    rows = sampler.generate(index, [0, 0, 1, 1, 1])
    assert made["text"][len(X) :] == sampler.codec_.texts(rows)
    assert len(augment_dataset(DATA, sampler, ratio=0.5)) == len(X) * 3 // 2
    few = DATA.select([i for i, code in enumerate(CODES) if code or i < 20])
    balanced = augment_dataset(few, sampler, sampling_strategy="auto")["label"]
    assert np.ptp(np.bincount(balanced)) == 0


class Upper:
    """A transform that drops the labels, and cannot be copied."""

    def __init__(self) -> None:
        self.lock = Lock()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"upper": [text.upper() for text in batch["text"]]}


def test_formats_and_transforms_are_kept() -> None:
    sampler: Any = EditSampler(random_state=0).fit(X, CODES)
    data = DATA.with_format("torch", columns=["label"])
    made = augment_dataset(data, sampler, counts={1: 2})
    assert made.format == data.format
    assert made[-1]["label"].equal(torch.tensor(1))
    data, transform = DATA.select(range(len(X))), Upper()
    data.set_transform(transform)
    made = augment_dataset(data, sampler, sampling_strategy={0: CODES.count(0) + 1})
    assert made.format["format_kwargs"]["transform"] is transform
    assert data.format["format_kwargs"]["transform"] is transform
    assert made[len(X)] == {"upper": sampler.codec_.texts(sampler.generate([0], [0]))[0].upper()}


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (["x", None, "y"], "str"),
        ([1, None, 3], "float64"),
        ([1, None, 3], "Int64"),
        ([True, None, False], "boolean"),
        ([0.5, None, 1.5], "float64"),
        ([datetime(2020, 1, 1), None, datetime(2020, 1, 3)], "datetime64[us]"),
    ],
    ids=["strings", "integers", "Int64", "booleans", "floats", "dates"],
)
def test_missing_values_are_none(column: list[Any], dtype: str) -> None:
    data = Dataset.from_dict({"a": column, "b": [1.0, 2.0, 3.0], "label": [0, 1, 0]})
    frame = data.to_pandas().astype({"a": dtype})
    sampler = BootstrapSampler(random_state=0).fit(frame[["a", "b"]], frame["label"])
    made = augment_dataset(data, sampler, counts={0: 9, 1: 2})[3:]["a"]
    assert made[9:] == [None, None]
    assert set(made[:9]) == {column[0], column[2]}


def test_values_that_do_not_fit_the_features_are_named() -> None:
    sampler = EditSampler(random_state=0).fit(X, [code + 5 for code in CODES])
    with pytest.raises(InputError, match=r"column 'label' .*ClassLabel.* label 5 greater than"):
        augment_dataset(DATA, sampler, counts={5: 1})
    data = Dataset.from_dict({"a": [1, 2], "label": [0, 1]})
    words = pd.DataFrame({"a": ["x", "y"]})
    sampler = BootstrapSampler(random_state=0).fit(words, [0, 1])
    with pytest.raises(InputError, match=r"column 'a' .*int64"):
        augment_dataset(data, sampler, counts={1: 1})


def test_tables_are_augmented_too() -> None:
    data = Dataset.from_dict({"a": [1.0, 2.0, 3.0], "kind": ["x", "y", "x"], "label": [0, 1, 0]})
    made = augment_dataset(data, BootstrapSampler(random_state=0).fit(data), counts={1: 2})
    assert made[3:] == {"a": [2.0, 2.0], "kind": ["y", "y"], "label": [1, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratio": 1.0, "counts": {0: 1}}, "one of ratio, counts"),
        ({}, "one of ratio, counts"),
        ({"ratio": 1.0, "label": "y"}, "no column 'y'"),
        ({"ratio": 1.0, "text": "query"}, "gives a column 'query'"),
    ],
)
def test_bad_requests_are_named(change: dict[str, Any], message: str) -> None:
    sampler = EditSampler(random_state=0).fit(X, CODES)
    with pytest.raises(InputError, match=message):
        augment_dataset(DATA, sampler, **change)
    for data, words in (
        ({"text": X}, r"is a dict, not a datasets\.Dataset\."),
        (DATA.to_iterable_dataset(), r"is a IterableDataset, .*Dataset\.from_list"),
        (DatasetDict(train=DATA), r"is a DatasetDict, .*dataset\['train'\]"),
    ):
        with pytest.raises(InputError, match=words):
            augment_dataset(data, sampler, ratio=1.0)


def test_a_strategy_uses_the_names_of_labels() -> None:
    sampler = EditSampler(random_state=0).fit(X, Y)
    few = DATA.select([i for i, code in enumerate(CODES) if code or i < 20])
    balanced = augment_dataset(few, sampler, sampling_strategy="auto")
    assert np.ptp(np.bincount(balanced["label"])) == 0
    total = CODES.count(1) + 2
    made = augment_dataset(few, sampler, sampling_strategy={"order": total})
    assert made["label"][len(few) :] == [1, 1]


@pytest.mark.parametrize("kind", ["sampler", "bank"])
@pytest.mark.parametrize("n_workers", [0, 2])
def test_collator_replaces_a_share_of_each_batch(kind: str, n_workers: int, tmp_path: Path) -> None:
    source: Any = AEDASampler(random_state=0).fit(X, CODES)
    if kind == "bank":
        source = SampleBank.build(source, {0: 40, 1: 40}, tmp_path / "bank")
    collate = TextCollator(source, lengths, ratio=0.5)
    torch.manual_seed(0)
    batches = list(DataLoader(DATA, batch_size=16, collate_fn=collate, num_workers=n_workers))
    assert torch.cat([batch["labels"] for batch in batches]).tolist() == CODES
    real = torch.tensor([len(text) for text in X])
    changed = (torch.cat([batch["n"] for batch in batches]) != real).float().mean()
    assert 0.25 < changed < 0.75
    torch.manual_seed(0)
    again = list(DataLoader(DATA, batch_size=16, collate_fn=collate, num_workers=n_workers))
    assert all(torch.equal(a["n"], b["n"]) for a, b in zip(batches, again, strict=True))


def test_collator_numbers_labels_and_refuses_unknown_ones() -> None:
    sampler = AEDASampler(random_state=0).fit(X, Y)
    with pytest.raises(InputError, match="give label_ids"):
        TextCollator(sampler, lengths)
    with pytest.raises(InputError, match="no number for 'question'"):
        TextCollator(sampler, lengths, label_ids={"order": 1})
    collate = TextCollator(sampler, lengths, ratio=1.0, label_ids={"order": 7, "question": 8})
    assert collate([{"text": "a", "label": "order"}])["labels"].tolist() == [7]
    with pytest.raises(InputError, match="'other' is unknown to the source"):
        collate([{"text": "a", "label": "other"}])


def test_collator_names_rows_and_sources_that_it_cannot_use() -> None:
    sampler = AEDASampler(random_state=0).fit(X, CODES)
    collate = TextCollator(sampler, lengths, ratio=1.0)
    row = {"text": "a b", "label": torch.tensor(1)}  # Dataset.with_format("torch")
    assert collate([row])["labels"].tolist() == [1]
    with pytest.raises(InputError, match=r"no 'text', but .*remove_unused_columns=False"):
        collate([row, {"label": 1}])
    with pytest.raises(InputError, match="label None of a row has no number"):
        TextCollator(sampler, lengths, ratio=0.0)([row | {"label": None}])
    numbers = BootstrapSampler(random_state=0).fit(np.eye(2), [0, 1])
    with pytest.raises(InputError, match="a ndarray, not texts"):
        TextCollator(numbers, lengths, ratio=1.0)([row])


def test_strings_in_a_dataset() -> None:
    pairs = list(zip(X, Y, strict=True))
    sampler = EditSampler(random_state=0).fit(X, Y)
    data = AugmentedDataset(pairs, sampler, counts={"order": 5})  # type: ignore[arg-type]
    assert data[3] == pairs[3]
    assert [data[len(X) + i] for i in range(5)] == [
        (text, "order") for text in sampler.generate(np.arange(5), "order")
    ]

"""Synthetic rows for Hugging Face: in a ``datasets.Dataset``, and in a collator of texts."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor

from gen_augment.containers import library_of
from gen_augment.data.label_values import read_labels
from gen_augment.errors import InputError
from gen_augment.inject.class_counts import SamplingStrategy, counts_of_classes, resolve_strategy
from gen_augment.inject.row_source import check_source, next_addresses
from gen_augment.types import SupportsSample
from gen_augment.validation import check_range

__all__ = ["TextCollator", "augment_dataset"]


def augment_dataset(
    dataset: Any,
    source: SupportsSample,
    *,
    ratio: float | None = None,
    counts: Mapping[Any, int] | None = None,
    sampling_strategy: SamplingStrategy | None = None,
    text: str = "text",
    label: str = "label",
    seed: int | None = None,
) -> Any:
    """Return a Hugging Face Dataset followed by synthetic rows.

    Parameters
    ----------
    dataset : datasets.Dataset
        Its features and its format or transform are kept; columns that the source does not
        generate are None in synthetic rows.
    source : fitted sampler or SampleBank
        Fitted on the columns of `dataset`, or on its texts.
    ratio, counts, sampling_strategy
        How many rows, as in `AugmentedDataset`: give one of them.
    text : str
        The column of the texts, if the source was fitted on a list or an array.
    label : str
        The column of the labels.
    seed : int, optional
        Names the table of synthetic rows, by default that of the source.

    Returns
    -------
    datasets.Dataset

    Raises
    ------
    InputError
        There is no such column, the counts cannot be used, or the source gives values or labels
        that do not fit the features of `dataset`.

    Examples
    --------
    >>> from datasets import Dataset
    >>> from gen_augment import AEDASampler
    >>> data = Dataset.from_dict({"text": ["where is it", "what is it"], "label": [0, 1]})
    >>> sampler = AEDASampler(random_state=0).fit(data["text"][:], data["label"][:])
    >>> augment_dataset(data, sampler, counts={1: 3})["label"][:]
    [0, 1, 1, 1, 1]
    """
    _check_dataset(dataset)
    check_source(source)
    if label not in dataset.column_names:
        raise InputError(f"there is no column {label!r}; columns: {dataset.column_names}.")
    given = [value is not None for value in (ratio, counts, sampling_strategy)]
    if sum(given) != 1:
        raise InputError("give one of ratio, counts and sampling_strategy.")
    # A transform may return other columns, and concatenation drops formats that differ. A shallow
    # copy, because `with_format` copies the transform, which may hold what cannot be copied.
    plain = copy(dataset)
    plain.reset_format()
    if sampling_strategy is not None:
        counts = resolve_strategy(sampling_strategy, _labels(plain, label, source))
    wanted = counts_of_classes(source, len(dataset), ratio, counts)
    codes = np.repeat(np.arange(len(wanted)), wanted)
    if not len(codes):
        return dataset
    index = next_addresses(source, codes, np.zeros(len(wanted), np.int64))
    labels = source.classes_[codes]
    rows = source.generate(index, labels, seed=seed)
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame({text: list(rows)})
    columns = {str(name): _values(frame[name]) for name in frame} | {label: labels.tolist()}
    if unknown := set(columns) - set(dataset.column_names):
        raise InputError(
            f"the source gives a column {sorted(unknown)[0]!r}, and the dataset has "
            f"{dataset.column_names}: name the column of its texts, text=."
        )
    columns |= {name: [None] * len(codes) for name in dataset.column_names if name not in columns}
    made = import_module("datasets").concatenate_datasets([plain, _like(dataset, columns)])
    made.set_format(**dataset.format)
    return made


def _check_dataset(dataset: Any) -> None:
    if library_of(dataset) == "datasets" and isinstance(dataset, import_module("datasets").Dataset):
        return
    name = type(dataset).__name__
    remedy = {
        "DatasetDict": ": give one part of it, such as dataset['train']",
        "IterableDataset": ": give Dataset.from_list(list(dataset), features=dataset.features)",
    }.get(name, "")
    raise InputError(f"dataset is a {name}, not a datasets.Dataset{remedy}.")


def _labels(dataset: Any, label: str, source: SupportsSample) -> np.ndarray:
    """Return the labels of the rows, by their names if `source` was fitted on names."""
    labels = read_labels(dataset[label][:])
    names = getattr(dataset.features[label], "names", None)
    if names is None or source.classes_.dtype.kind != "U" or labels.dtype.kind not in "iu":
        return labels
    named: np.ndarray = np.array(names)[labels[labels >= 0]]  # -1 is a row without a label
    return named


def _values(column: "pd.Series[Any]") -> list[Any]:
    """Return the values of a column; missing ones as None, which Arrow reads for every type."""
    pairs = zip(column.tolist(), column.isna(), strict=True)
    return [None if is_missing else value for value, is_missing in pairs]


def _like(dataset: Any, columns: Mapping[str, list[Any]]) -> Any:
    """Return a Dataset of `columns` with the features of `dataset`."""
    parts = []
    for name, feature in dataset.features.items():  # one by one, to name one that does not fit
        features = type(dataset.features)({name: feature})
        try:
            parts.append(type(dataset).from_dict({name: columns[name]}, features=features))
        except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            raise InputError(
                f"the synthetic values of column {name!r} do not fit its type in the dataset, "
                f"{feature} ({error}): fit the source on the columns of this dataset."
            ) from error
    return import_module("datasets").concatenate_datasets(parts, axis=1)


class TextCollator:
    """Collate rows of texts: replace a share by synthetic ones, tokenise, and pad.

    Use it as the ``collate_fn`` of a DataLoader, or as the ``data_collator`` of transformers'
    Trainer with ``remove_unused_columns=False``. It draws from torch's global generator, so
    `torch.manual_seed` repeats a run.

    Parameters
    ----------
    source : fitted sampler or SampleBank
        Its labels are those of the rows.
    tokenizer : callable
        Called as ``tokenizer(texts, **settings)``, and returns a mapping of Tensors.
    ratio : float in [0, 1]
        Share of the rows that are replaced by synthetic rows of the same label, on average.
    text, label : str
        Keys of the text and the label in a row.
    label_ids : {label: int}, optional
        Numbers of labels that are strings.
    **settings
        Settings of the tokenizer; by default ``padding=True, truncation=True,
        return_tensors="pt"``.

    Examples
    --------
    >>> from gen_augment import AEDASampler
    >>> def tokenizer(texts, **settings):
    ...     return {"length": torch.tensor([len(text) for text in texts])}
    >>> sampler = AEDASampler(random_state=0).fit(["where is it", "what is it"], [0, 1])
    >>> collate = TextCollator(sampler, tokenizer, ratio=1.0)
    >>> batch = collate([{"text": "what is it", "label": 1}])
    >>> int(batch["length"]) > 10, batch["labels"]
    (True, tensor([1]))
    """

    def __init__(
        self,
        source: SupportsSample,
        tokenizer: Callable[..., Mapping[str, Tensor]],
        *,
        ratio: float = 0.5,
        text: str = "text",
        label: str = "label",
        label_ids: Mapping[Any, int] | None = None,
        **settings: Any,
    ) -> None:
        check_source(source)
        check_range("ratio", ratio, 0, 1)
        known = source.classes_.tolist()
        if label_ids is None and source.classes_.dtype.kind not in "biu":
            raise InputError(
                f"labels such as {known[0]!r} are no numbers: give label_ids={{label: number}}."
            )
        if label_ids is not None and (missing := [one for one in known if one not in label_ids]):
            raise InputError(f"label_ids has no number for {missing[0]!r}.")
        self.source = source
        self.tokenizer = tokenizer
        self.ratio = ratio
        self.text = text
        self.label = label
        self.label_ids = label_ids
        self.settings = {"padding": True, "truncation": True, "return_tensors": "pt"} | settings

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return a batch of a list of rows."""
        texts, labels = (self._column(rows, name) for name in (self.text, self.label))
        chosen = torch.nonzero(torch.rand(len(rows), device="cpu") < self.ratio)[:, 0].tolist()
        if chosen:
            seed = int(torch.randint(2**62, (), device="cpu"))
            made = self._made([labels[i] for i in chosen], seed)
            for place, text in zip(chosen, made, strict=True):
                texts[place] = text
        return {
            **self.tokenizer(texts, **self.settings),
            "labels": torch.tensor([self._number(label) for label in labels], device="cpu"),
        }

    def _column(self, rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
        """Return one entry of each row; numbers of arrays and Tensors as Python's."""
        if lacking := [row for row in rows if name not in row]:
            raise InputError(
                f"a row has no {name!r}, but {list(lacking[0])}: name the columns with text= and "
                "label=, and give the Trainer remove_unused_columns=False."
            )
        values = [row[name] for row in rows]
        return [value.item() if hasattr(value, "item") else value for value in values]

    def _number(self, label: Any) -> int:
        """Return the number that stands for a label in a batch."""
        known = self.label_ids
        if known is None and isinstance(label, (int, float)):
            return int(label)
        if known is None or label not in known:
            raise InputError(
                f"label {label!r} of a row has no number in label_ids={known!r}: add it, or leave "
                "the row out."
            )
        return int(known[label])

    def _made(self, labels: list[Any], seed: int) -> list[str]:
        known = {label: code for code, label in enumerate(self.source.classes_.tolist())}
        if unknown := [label for label in labels if label not in known]:
            raise InputError(f"label {unknown[0]!r} is unknown to the source: {list(known)}.")
        codes = np.array([known[label] for label in labels])
        index = next_addresses(self.source, codes, np.zeros(len(known), np.int64))
        rows = self.source.generate(index, self.source.classes_[codes], seed=seed)
        made = rows.iloc[:, 0] if isinstance(rows, pd.DataFrame) else rows
        if wrong := [text for text in made if not isinstance(text, str)]:
            raise InputError(
                f"the source gives rows such as a {type(wrong[0]).__name__}, not texts: give one "
                "that was fitted on texts."
            )
        return [str(text) for text in made]

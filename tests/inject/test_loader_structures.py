"""Batches keep their structure and types, and input batches are not written to."""

import copy
from collections import Counter, OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    default_collate,
)

from gen_augment import InputError, SampleBank, augment_loader
from gen_augment.inject.batch_view import put_on, tensors_in
from tests.inject.toys import Numbered, is_real, real_data, real_rows

Y = [0, 1, 2, 2, 1, 0, 0, 0]
Row = namedtuple("Row", ["image", "label", "name"])


class Encoding(UserDict[str, Any]):
    """Like transformers' BatchEncoding: a UserDict with more attributes."""

    def __init__(self, data: Any = None, encodings: Any = None) -> None:
        super().__init__(data)
        self.encodings = encodings


def parts() -> tuple[Tensor, Tensor, list[str]]:
    return real_rows(Y), torch.tensor(Y), list("abcdefgh")


STRUCTURES: dict[str, Callable[[], Any]] = {
    "tuple": lambda: parts(),
    "list": lambda: list(parts()),
    "named": lambda: Row(*parts()),
    "dict": lambda: dict(zip(("pixel_values", "labels", "name"), parts(), strict=True)),
    "ordered": lambda: OrderedDict(zip(("name", "y", "x"), parts()[::-1], strict=True)),
    "default": lambda: defaultdict(list, zip(("image", "target", "name"), parts(), strict=True)),
    "encoding": lambda: Encoding(
        dict(zip(("inputs", "label", "name"), parts(), strict=True)), encodings="fast"
    ),
    "read-only": lambda: MappingProxyType(
        dict(zip(("input", "targets", "name"), parts(), strict=True))
    ),
}


def values(batch: Any) -> list[Any]:
    """Return inputs, labels, and the other entries."""
    if not isinstance(batch, Mapping):
        return list(batch)
    first = (
        ("pixel_values", "x", "image", "inputs", "input"),
        ("labels", "y", "target", "label", "targets"),
    )
    found = [next(name for name in names if name in batch) for names in first]
    return [
        batch[found[0]],
        batch[found[1]],
        *(part for key, part in batch.items() if key not in found),
    ]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_structure_and_extra_entries_are_kept(numbered: Numbered, structure: str) -> None:
    batch = STRUCTURES[structure]()
    out = next(iter(augment_loader([batch], numbered, ratio=0.5)))
    assert type(out) is type(batch)
    assert out is not batch
    x, y, name = values(out)
    assert int((~is_real(x)).sum()) == 4
    assert torch.equal(x[:, 2].long(), y)
    assert name == list("abcdefgh")
    for before, after in zip(parts(), values(batch), strict=True):
        assert torch.equal(before, after) if isinstance(before, Tensor) else before == after
    if isinstance(batch, Mapping):
        assert list(out) == list(batch)
    assert getattr(out, "encodings", None) == getattr(batch, "encodings", None)
    assert getattr(out, "default_factory", None) == getattr(batch, "default_factory", None)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_mask_and_weight_are_added_at_the_end(numbered: Numbered, structure: str) -> None:
    batch = STRUCTURES[structure]()
    out = next(
        iter(augment_loader([batch], numbered, ratio=0.5, return_mask=True, sample_weight=0.5))
    )
    x, _, _, mask, weight = values(out)
    assert torch.equal(mask, ~is_real(x))
    assert torch.equal(weight, torch.where(mask, 0.5, 1.0))
    if isinstance(batch, Mapping):
        assert type(out) is type(batch)
        assert list(out)[3:] == ["is_synthetic", "sample_weight"]
        assert len(batch) == 3
    else:
        assert isinstance(out, list if structure == "list" else tuple)


@pytest.mark.parametrize(
    "batch, keys",
    [
        ((torch.tensor(Y), 0, real_rows(Y)), (2, 0)),
        ((0, real_rows(Y), torch.tensor(Y)), (-2, -1)),
        ([real_rows(Y), list("abcdefgh"), torch.tensor(Y)], (0, -1)),
        ({"a": real_rows(Y), "b": torch.tensor(Y), "label": 0}, ("a", "b")),
        (
            {"x": real_rows(Y), "label": torch.tensor(Y), "targets": torch.tensor(Y) * 0},
            ("x", "label"),
        ),
        ({0: real_rows(Y), 1: torch.tensor(Y)}, (0, 1)),
    ],
)
def test_keys_say_where_inputs_and_labels_are(numbered: Numbered, batch: Any, keys: Any) -> None:
    before = copy.deepcopy(batch)
    for mode in ("replace", "append"):
        if mode == "append" and (isinstance(batch, list) or "targets" in batch):
            continue  # rows have more entries
        out = next(iter(augment_loader([batch], numbered, ratio=0.5, keys=keys, mode=mode)))  # type: ignore[arg-type]
        x, y = out[keys[0]], out[keys[1]]
        assert int((~is_real(x)).sum()) == 4
        assert torch.equal(x[:, 2].long(), y)
        assert len(out) == len(batch)
    assert torch.equal(batch[keys[0]], before[keys[0]])
    assert torch.equal(batch[keys[1]], before[keys[1]])


@pytest.mark.parametrize(
    "extra, is_refused",
    [
        (torch.arange(8), True),
        (np.arange(8), True),
        (list("abcdefgh"), True),
        (tuple(range(8)), True),
        ({"ids": torch.arange(8)}, True),
        ([torch.arange(8), torch.arange(8)], True),
        (torch.tensor(0.5), False),
        (np.array(0.5), False),
        ("8 letter", False),
        (8, False),
        (None, False),
        (torch.arange(7), False),
        ({"temperature": 0.5}, False),
    ],
    ids=lambda extra: str(extra).replace("\n", ""),
)
def test_rows_are_not_added_where_a_batch_holds_more_for_each(
    numbered: Numbered, extra: Any, is_refused: bool
) -> None:
    for batch in ((*parts()[:2], extra), {"x": parts()[0], "y": parts()[1], "more": extra}):
        loader = augment_loader([batch], numbered, ratio=0.5, mode="append")
        if is_refused:
            with pytest.raises(
                InputError, match=r"for each row besides inputs and labels.*mode='replace'"
            ):
                list(loader)
            assert len(list(augment_loader([batch], numbered, ratio=0.5))) == 1
        else:
            assert [len(values(out)[0]) for out in loader] == [12]


class Windows(Dataset[Any]):
    """A dataset of whole batches that are views of its memory."""

    def __init__(self) -> None:
        self.x, self.y = real_rows(Y * 5), torch.tensor(Y * 5)

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return self.x[8 * index : 8 * index + 8], self.y[8 * index : 8 * index + 8]


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from zip(real_rows(Y), torch.tensor(Y), strict=True)


class Cached(DataLoader[Any]):
    """A loader that repeats the batches of its first pass."""

    def __iter__(self) -> Any:
        self.__dict__.setdefault("kept", list(super().__iter__()))
        return iter(self.kept)


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_values_of_a_dataset_are_not_written_to(
    numbered: Numbered, numbered_bank: SampleBank, mode: Any
) -> None:
    windows, table, whole = Windows(), real_data(Y), [(real_rows(Y), torch.tensor(Y))]
    cached = Cached(table, batch_size=4)
    loaders: list[Any] = [
        DataLoader(windows, batch_size=None),
        DataLoader(windows, batch_size=None, num_workers=1, multiprocessing_context="fork"),
        DataLoader(windows, batch_size=1, collate_fn=lambda rows: rows[0]),
        DataLoader(
            table,
            batch_size=4,
            collate_fn=lambda rows: (table.tensors[0][:4], table.tensors[1][:4]),
        ),
        DataLoader(table, batch_size=4),
        whole,
        cached,
        augment_loader(whole, numbered, ratio=0.2, mode=mode),
    ]
    for loader in loaders:
        for source in (numbered, numbered_bank):
            made = sum(
                int((~is_real(x)).sum())
                for x, _ in augment_loader(loader, source, ratio=0.75, mode=mode)
            )
            assert made > 0
    assert torch.equal(windows.x, real_rows(Y * 5))
    assert torch.equal(table.tensors[0], real_rows(Y))
    assert torch.equal(whole[0][0], real_rows(Y))
    assert torch.equal(torch.cat([x for x, _ in cached]), real_rows(Y))
    assert windows.y.tolist() == Y * 5
    assert table.tensors[1].tolist() == whole[0][1].tolist() == Y


def test_any_kind_of_loader_is_wrapped(numbered: Numbered) -> None:
    table = real_data(Y)
    in_batches = BatchSampler(SequentialSampler(table), 3, drop_last=False)
    for loader, length, rows in (
        (DataLoader(table, batch_sampler=in_batches), 3, [3, 3, 2]),
        (DataLoader(table, batch_sampler=[[0, 1, 2, 3, 4], [5]]), 2, [5, 1]),
        (DataLoader(table, batch_size=3, drop_last=True), 2, [3, 3]),
        (DataLoader(Stream(), batch_size=3), None, [3, 3, 2]),
        (iter([parts()[:2]]), None, [8]),
        ([parts()[:2], (real_rows([]), torch.tensor([], dtype=torch.int64)), parts()[:2]], 3, [8, 0, 8]),
        (DataLoader(table, batch_size=3, collate_fn=lambda rows: default_collate(rows)), 3, [3, 3, 2]),
    ):  # fmt: skip
        augmented = augment_loader(loader, numbered, ratio=0.5)  # type: ignore[arg-type]
        if length is None:
            with pytest.raises(TypeError):
                len(augmented)
        else:
            assert len(augmented) == length
        batches = list(augmented)
        assert [len(x) for x, _ in batches] == rows
        assert sum(int((~is_real(x)).sum()) for x, _ in batches) == round(0.5 * sum(rows))


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.uint8, torch.bfloat16, torch.int16, torch.float16]
)
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_inputs_keep_their_dtype(dtype: torch.dtype, mode: Any, tmp_path: Path) -> None:
    source = Numbered(dtype=dtype, seed=200)
    bank = SampleBank.build(source, 60, tmp_path / "bank")
    real = torch.full((8, 3), 7).to(dtype)
    for batch in (real, real.T.contiguous().T):  # in either memory layout
        loader = [(batch, torch.tensor(Y))] * 3
        for x, y in augment_loader(loader, bank, ratio=0.5, mode=mode):
            made = x[(x != 7).any(dim=1)]
            assert x.dtype == dtype
            assert len(made) == 4
            assert set(made[:, 0].tolist()) == {200}
            assert Counter(made[:, 2].tolist()) == Counter(y[(x != 7).any(dim=1)].tolist())
        for x, _ in augment_loader(loader, source, ratio=0.5, mode=mode):
            assert x.dtype == dtype
    assert torch.equal(real, torch.full((8, 3), 7).to(dtype))
    other = torch.int32 if dtype != torch.int32 else torch.int64
    for give in (source, bank):
        with pytest.raises(
            InputError, match=rf"real rows are Tensor \(3,\) {other} and .*\(3,\) {dtype}: fit the"
        ):
            list(augment_loader([(real.to(other), torch.tensor(Y))], give, ratio=0.5, mode=mode))


@pytest.mark.parametrize(
    "dtype", [torch.int32, torch.int64, torch.uint8, torch.float32, torch.float16, torch.bfloat16]
)
@pytest.mark.parametrize("labels", ["prior", "balanced", "same"])
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_labels_keep_their_dtype(
    numbered: Numbered, dtype: torch.dtype, labels: Any, mode: Any
) -> None:
    loader = [(real_rows(Y), torch.tensor(Y).to(dtype))]
    for x, y in augment_loader(loader, numbered, ratio=1, mode=mode, labels=labels):
        assert y.dtype == dtype
        assert torch.equal(x[:, 2].to(dtype), y)
        assert mode == "append" or labels != "same" or y.tolist() == Y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("labels", ["prior", "balanced", "same"])
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_class_shares_are_labels_too(
    numbered: Numbered, dtype: torch.dtype, labels: Any, mode: Any
) -> None:
    shares = torch.nn.functional.one_hot(torch.tensor(Y), 5).to(dtype) * 0.75 + 0.05
    loader = [(real_rows(Y), shares)]
    for x, y in augment_loader(loader, numbered, ratio=1, mode=mode, labels=labels):
        assert y.dtype == dtype
        assert y.shape == (8 if mode == "replace" else 16, 5)
        assert torch.equal(x[:, 2].long(), y.argmax(dim=1))
        if labels == "same":
            assert set(map(tuple, y.tolist())) <= set(map(tuple, shares.tolist()))
        else:
            assert y[~is_real(x)].max(dim=1).values.tolist() == [1.0] * 8
            assert y[~is_real(x)].sum(dim=1).tolist() == [1.0] * 8


def test_tensors_at_any_depth_are_put_on_the_device() -> None:
    for make in STRUCTURES.values():
        batch = make()
        moved = put_on(batch, torch.device("meta"))
        assert type(moved) is type(batch)
        assert [part.device.type for part in tensors_in(moved)] == ["meta", "meta"]
        assert [part.device.type for part in tensors_in(batch)] == ["cpu", "cpu"]
        assert list("abcdefgh") in values(moved)
    deep = {"x": [torch.zeros(2), ({"y": torch.ones(1)}, "text", None)]}
    assert [part.device.type for part in tensors_in(put_on(deep, torch.device("meta")))] == [
        "meta",
        "meta",
    ]
    assert put_on(deep, None) is deep


def test_inputs_that_require_a_gradient_get_none_where_they_were_replaced(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    for source in (numbered, numbered_bank):
        x = real_rows(Y).requires_grad_()
        out, _, mask = next(
            iter(augment_loader([(x, torch.tensor(Y))], source, ratio=0.5, return_mask=True))
        )
        out.sum().backward()
        assert x.grad is not None
        assert torch.equal(x.grad, (~mask).double()[:, None].expand(8, 3))

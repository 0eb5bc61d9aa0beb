"""Batches that are gathered at once are those that torch stacks row by row."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, default_collate

from gen_augment import SampleBank, augment_loader
from gen_augment.inject.gathering import GatheredRows, gathering
from tests.inject.toys import Pairs, real_data

DATA = TensorDataset(torch.randn(30, 2, 3), torch.arange(30), torch.rand(30, dtype=torch.float16))


def assert_same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.is_contiguous()
        torch.testing.assert_close(a, b, rtol=0, atol=0)  # dtypes too


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("data", [DATA, Subset(Subset(DATA, range(5, 25)), [3, 0, 7, 19, 4, 5])])
def test_batches_are_those_of_the_plain_loader(data: Dataset[Any], workers: int) -> None:
    def load() -> DataLoader[Any]:
        generator = torch.Generator().manual_seed(0)
        return DataLoader(
            data, batch_size=4, shuffle=True, generator=generator, num_workers=workers
        )

    faster = gathering(load())
    assert isinstance(faster.dataset, GatheredRows)
    assert len(faster.dataset) == len(data)  # type: ignore[arg-type]
    for ours, theirs in zip(faster, load(), strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize(
    "indices",
    [[3, -1, 0], [np.int64(4), 2], [torch.tensor(7), torch.tensor(1)], [True, True], [slice(0, 2)]],
)
def test_rows_may_be_indexed_as_in_torch(indices: list[Any]) -> None:
    expected = default_collate([DATA[index] for index in indices])
    assert_same(GatheredRows(DATA).__getitems__(indices), expected)


@pytest.mark.parametrize("index", [30, -31])
def test_rows_that_do_not_exist_are_errors(index: int) -> None:
    with pytest.raises(IndexError):
        GatheredRows(DATA).__getitems__([0, index])


class Doubled(TensorDataset):
    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(2 * tensor[index] for tensor in self.tensors)


class OwnLoader(DataLoader[Any]):
    """A loader that may do something else."""


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Doubled(torch.ones(4), torch.ones(4))),
        DataLoader(Subset(Doubled(torch.ones(4), torch.ones(4)), [0, 1])),
        DataLoader(Pairs(torch.ones(4), torch.ones(4))),
        DataLoader(TensorDataset(torch.ones(4, requires_grad=True), torch.ones(4))),
        DataLoader(TensorDataset(torch.eye(4).to_sparse(), torch.ones(4))),
        DataLoader(DATA, batch_size=None),
        DataLoader(DATA, collate_fn=lambda rows: default_collate(rows)),
        DataLoader(DATA, num_workers=1, worker_init_fn=print),
        OwnLoader(DATA),
        [1, 2],
    ],
)
def test_other_loaders_stay_as_they_are(loader: Any) -> None:
    assert gathering(loader) is loader


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_synthetic_rows_are_mixed_in_as_into_other_batches(
    mode: Any, numbered_bank: SampleBank
) -> None:
    data = real_data(np.arange(50) % 3)
    found = []
    for kind in (DataLoader, OwnLoader):
        generator = torch.Generator().manual_seed(1)
        plain = kind(data, batch_size=8, shuffle=True, generator=generator)
        loader = augment_loader(plain, numbered_bank, ratio=0.5, mode=mode, return_mask=True)
        found.append([*loader, *loader])
        seen: Any = loader.dataset
        assert seen.dataset is data, "what other libraries rebuild it from"
    for ours, theirs in zip(*found, strict=True):
        assert_same(ours, theirs)
    assert torch.equal(data.tensors[0], real_data(np.arange(50) % 3).tensors[0]), "not written to"

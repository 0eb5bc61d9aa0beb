"""`AugmentedDataset` in the workers of a DataLoader: the rows that the main process reads, in every epoch."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import AugmentedDataset, ConditionalVAE, SampleBank, SyntheticMix, augment_loader
from tests.conftest import toy_table
from tests.inject.toys import Chunks, Mixing, Numbered, is_real, names, real_data

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker")


def every_kind(numbered: Numbered, bank: SampleBank, vae: ConditionalVAE) -> list[AugmentedDataset]:
    """Datasets that store, generate or read rows, also new ones in each epoch, and copies."""
    real = real_data([0, 1, 2, 2, 0, 0] * 3)
    table = TensorDataset(*map(torch.from_numpy, toy_table(10)))
    asked: dict[str, Any] = {"return_provenance": True, "seed": 3}
    fresh = AugmentedDataset(real, numbered, ratio=0.7, fresh=True, **asked)
    replaced = AugmentedDataset(real, bank, ratio=0.5, mode="replace", fresh=True, **asked)
    return [
        AugmentedDataset(real, numbered, sampling_strategy="auto", **asked),
        AugmentedDataset(real, numbered, ratio=0.7, materialize=False, **asked),
        AugmentedDataset(real, bank, **asked),
        AugmentedDataset(table, vae, ratio=0.7, materialize=False, **asked),
        AugmentedDataset(table, vae, ratio=0.7, fresh=True, **asked),
        fresh,
        replaced,
        copy.deepcopy(fresh),
        pickle.loads(pickle.dumps(replaced)),
    ]


def check_epochs(datasets: list[AugmentedDataset], workers: int, context: str | None) -> None:
    """Compare three epochs of one set of workers with those of the main process."""
    chunks = Chunks(datasets)
    loader = DataLoader(
        chunks,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=context,
        persistent_workers=workers > 0,
    )
    epochs = []
    for epoch in (0, 5, 1):
        for data in datasets:
            data.set_epoch(epoch)
        read = list(loader)
        for (x, y, origin), (x_, y_, origin_) in zip(
            read, DataLoader(chunks, batch_size=None), strict=True
        ):
            torch.testing.assert_close(x, x_, rtol=1e-5, atol=1e-5)
            assert torch.equal(y, y_)
            assert list(origin.generator) == list(origin_.generator)
            assert torch.equal(origin.row, origin_.row)
            assert torch.equal(origin.seed, origin_.seed)
            assert torch.equal(origin.is_synthetic, origin_.is_synthetic)
        epochs.append(read)
    for number in range(len(datasets)):
        changed = any(
            not torch.equal(a[0], b[0])
            for (owner, _), a, b in zip(chunks.places, epochs[0], epochs[1], strict=True)
            if owner == number
        )
        assert changed == datasets[number].fresh


@pytest.fixture(scope="module")
def table_vae() -> ConditionalVAE:
    """A VAE of a table of Tensors."""
    X, y = map(torch.from_numpy, toy_table())
    return ConditionalVAE(
        max_steps=3, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(X, y)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_forked_workers_give_the_rows_of_each_epoch(
    numbered: Numbered, numbered_bank: SampleBank, table_vae: ConditionalVAE, workers: int
) -> None:
    check_epochs(
        every_kind(numbered, numbered_bank, table_vae), workers, "fork" if workers else None
    )


def test_workers_that_are_not_forked_give_the_rows_of_each_epoch(
    numbered: Numbered, numbered_bank: SampleBank, table_vae: ConditionalVAE
) -> None:
    datasets = every_kind(numbered, numbered_bank, table_vae)
    check_epochs([*datasets, copy.deepcopy(datasets[-1])], 3, "forkserver")


def test_a_copy_has_an_epoch_of_its_own(numbered: Numbered) -> None:
    data = AugmentedDataset(real_data([0, 1, 2]), numbered, ratio=1, fresh=True)
    data.set_epoch(2)
    for other in (copy.deepcopy(data), pickle.loads(pickle.dumps(data))):
        assert other.epoch == 2
        other.set_epoch(8)
        assert data.epoch == 2


def test_workers_may_end_between_epochs(numbered: Numbered) -> None:
    data = AugmentedDataset(
        real_data([0, 1, 2] * 4), numbered, ratio=1, fresh=True, return_provenance=True
    )
    loader = DataLoader(
        data, batch_size=4, num_workers=2, multiprocessing_context="fork", shuffle=True
    )
    seeds = []
    for epoch in range(2):
        data.set_epoch(epoch)
        for number, (_, _, origin) in enumerate(loader):
            seeds.append(set(origin.seed[origin.is_synthetic].tolist()))
            if number == 2:  # the epoch is left early, with prefetched batches
                break
    assert set.union(*seeds[:3]).isdisjoint(set.union(*seeds[3:]))
    assert len(set.union(*seeds)) == 2


def test_two_loaders_read_one_bank_at_once(numbered_bank: SampleBank) -> None:
    data = AugmentedDataset(real_data([0, 1, 2] * 4), numbered_bank)
    other = AugmentedDataset(real_data([0, 1, 2] * 4), numbered_bank, counts={0: 3}, seed=1)
    asked: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "fork"}
    loaders = [
        DataLoader(set_, batch_size=len(set_) // 5, **asked)
        for set_ in (data, other, numbered_bank)
    ]
    read: list[list[Any]] = [[], [], []]
    for batches in zip(*loaders, strict=False):
        for rows, (x, _) in zip(read, batches, strict=True):
            rows += names(x)
    whole = [
        names(torch.stack([row[0] for row in (set_[i] for i in range(len(set_)))]))
        for set_ in (data, other)
    ]
    assert read[0] == whole[0][: len(read[0])]
    assert read[1] == whole[1][: len(read[1])]
    assert read[2] == [
        (5.0, float(i), float(label)) for i, label in enumerate(np.repeat([0, 1, 2], [40, 7, 23]))
    ]


@pytest.mark.slow
def test_batches_are_mixed_in_workers_that_are_spawned(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    loader = DataLoader(
        real_data([0, 1, 2] * 8),
        batch_size=6,
        num_workers=1,
        multiprocessing_context="spawn",
        collate_fn=Mixing(SyntheticMix(numbered_bank, ratio=0.5)),
    )
    batches = list(augment_loader(loader, numbered, ratio=1 / 6, mode="append"))
    assert [int((x[:, 0] == 5).sum()) for x, _ in batches] == [
        3
    ] * 4  # rows of the bank, from the worker
    assert [int((~is_real(x)).sum()) for x, _ in batches] == [4] * 4
    assert all(torch.equal(x[:, 2].long(), y) for x, y in batches)

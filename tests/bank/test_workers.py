"""A bank in other processes: pickled, copied, and read by the workers of DataLoaders."""

import copy
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Subset

from gen_augment import ArchiveError, ConditionalVAE, SampleBank
from tests.bank.toys import Tell, assert_same_rows, everything
from tests.conftest import as_form

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
METHODS = [
    pytest.param("fork", marks=pytest.mark.skipif(sys.platform != "linux", reason="forks")),
    pytest.param("forkserver", marks=pytest.mark.skipif(sys.platform == "win32", reason="no Unix")),
]
COUNTS = {"a": 40, "b": 25, "c": 35}


@pytest.fixture
def bank(tmp_path: Path) -> SampleBank:
    return SampleBank.build(Tell(), COUNTS, tmp_path / "bank")


def loader_of(bank: SampleBank, method: str, **options: Any) -> Any:
    return DataLoader(bank, num_workers=2, multiprocessing_context=method, **options)


def check_all_rows(batches: list[Any], counts: dict[str, int]) -> None:
    """Default collation yields each row once, with its label."""
    assert all(isinstance(X, torch.Tensor) and X.dtype == torch.float64 for X, _ in batches)
    X, y = torch.cat([X for X, _ in batches]), [label for _, labels in batches for label in labels]
    assert sorted(X[:, 0].tolist()) == list(range(sum(counts.values())))
    assert [label for label in "abc" for _ in range(counts[label])] == [
        y[i] for i in X[:, 0].argsort()
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("opened", [False, True], ids=["closed", "open"])
def test_workers_read_each_row_once(method: str, opened: bool, bank: SampleBank) -> None:
    if opened:
        bank.rows(everything(bank))
    batches = list(loader_of(bank, method, batch_size=16))
    assert [len(X) for X, _ in batches] == [16] * 6 + [4]
    np.testing.assert_array_equal(torch.cat([X for X, _ in batches]), bank.rows(everything(bank)))
    check_all_rows(batches, COUNTS)


@pytest.mark.slow
def test_a_worker_that_is_spawned_reads_the_same_rows(bank: SampleBank) -> None:
    loader = DataLoader(bank, batch_size=16, num_workers=1, multiprocessing_context="spawn")
    check_all_rows(list(loader), COUNTS)


@pytest.mark.parametrize("method", METHODS)
def test_several_loaders_and_epochs(method: str, bank: SampleBank) -> None:
    first, second = (
        loader_of(bank, method, batch_size=9, shuffle=True, persistent_workers=True)
        for _ in range(2)
    )
    for _ in range(2):
        pairs = list(zip(first, second, strict=True))
        for batches in zip(*pairs, strict=True):
            check_all_rows(list(batches), COUNTS)
    assert not torch.equal(pairs[0][0][0], pairs[0][1][0])


def test_whole_batches_and_subsets(bank: SampleBank) -> None:
    batches = BatchSampler(RandomSampler(bank), 30, drop_last=False)
    check_all_rows(list(DataLoader(bank, batch_sampler=batches)), COUNTS)
    (X, y), = DataLoader(Subset(bank, [99, 3, 3]), batch_size=3)  # fmt: skip
    assert X[:, 0].tolist() == [99, 3, 3]
    assert list(y) == ["c", "a", "a"]


@pytest.mark.parametrize(
    "form", ["uint8-nhwc", "float32-nchw", "normalised-tensor", "table-tensor", "table-float32"]
)
def test_default_collation_of_every_form(form: str, tmp_path: Path) -> None:
    X, y = as_form(form)
    sampler = ConditionalVAE(max_steps=1, batch_size=8, width=2, latent_dim=2, device="cpu").fit(
        X, y
    )
    bank = SampleBank.build(sampler, 20, tmp_path / "bank")
    rows, labels = next(iter(DataLoader(bank, batch_size=20)))
    assert torch.equal(rows, torch.as_tensor(bank.rows(everything(bank))))
    np.testing.assert_array_equal(labels, bank.labels(everything(bank)))


def test_copies_read_the_same_rows(
    bank: SampleBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = SampleBank("bank")
    relative.rows(everything(relative))
    data = [pickle.dumps(each) for each in (bank, relative)]
    assert all(len(each) < 1000 for each in data)  # as a path
    monkeypatch.chdir("/")
    for again in (*map(pickle.loads, data), copy.deepcopy(bank), copy.copy(relative)):
        assert_same_rows(again.rows(everything(bank)), bank.rows(everything(bank)))
        assert (again.path, again.counts, repr(again)) == (bank.path, bank.counts, repr(bank))


def test_a_pickled_bank_is_not_replaced_by_another(bank: SampleBank) -> None:
    data = pickle.dumps(bank)
    for counts, seed in (({"a": 41, "b": 24, "c": 35}, 7), (COUNTS, 8)):
        shutil.rmtree(bank.path)
        SampleBank.build(Tell(seed=seed), counts, bank.path)
        with pytest.raises(
            ArchiveError, match="does not hold the rows of the bank that was pickled"
        ):
            pickle.loads(data)
    shutil.rmtree(bank.path)
    with pytest.raises(ArchiveError, match="not a readable manifest"):
        pickle.loads(data)
    SampleBank.build(Tell(), COUNTS, bank.path)
    assert len(pickle.loads(data)) == 100

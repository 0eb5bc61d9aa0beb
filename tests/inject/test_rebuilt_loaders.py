"""Loaders that Accelerate, Trainer, Lightning and Fabric rebuild have the rows of a plain run."""

import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator, skip_first_batches
from lightning_fabric import Fabric
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)
from transformers import Trainer as HuggingFaceTrainer
from transformers import TrainingArguments

from gen_augment import InputError, RebuildError, SampleBank, augment_loader
from tests.inject.toys import Numbered, is_real, names, real_data

Y = [0, 1, 2, 0, 1, 1, 2, 0, 0, 2] * 5
SETTINGS: list[dict[str, Any]] = [
    {"ratio": ratio, "mode": mode, "labels": labels, "return_mask": True, "seed": 3}
    for ratio, mode in ((0.3, "replace"), (0.45, "append"))
    for labels in ("same", "prior")
]


@pytest.fixture(params=["sampler", "bank"])
def source(request: pytest.FixtureRequest, numbered: Numbered, numbered_bank: SampleBank) -> Any:
    return numbered if request.param == "sampler" else numbered_bank


def make(source: Any, asked: dict[str, Any], workers: int = 0, **options: Any) -> Any:
    more = {"num_workers": workers, "multiprocessing_context": "fork"} if workers else {}
    return augment_loader(DataLoader(real_data(Y), 8, **more, **options), source, **asked)


def assert_same(given: Any, expected: Any) -> None:
    pairs = list(zip(list(given), list(expected), strict=True))
    for batch, other in pairs:
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True))
    assert any((~is_real(batch[0])).any() for batch, _ in pairs)


@pytest.mark.parametrize(
    "asked, workers", [*((asked, 0) for asked in SETTINGS), (SETTINGS[0], 2), (SETTINGS[3], 2)]
)
def test_a_resumed_epoch_has_the_rows_of_an_undisturbed_one(
    source: Any, asked: dict[str, Any], workers: int
) -> None:
    undisturbed = make(source, asked)
    epochs = [list(undisturbed) for _ in range(3)]
    for epoch, n_skipped in ((0, 3), (2, 1)):
        loader = make(source, asked, workers)
        loader.set_epoch(epoch)
        assert_same(skip_first_batches(loader, n_skipped), epochs[epoch][n_skipped:])
    prepared = Accelerator(cpu=True).prepare_data_loader(make(source, asked, workers))
    for epoch in range(2):  # counted by Accelerate
        assert_same(prepared, epochs[epoch])
    prepared.set_epoch(1)
    assert_same(skip_first_batches(prepared, 2), epochs[1][2:])


@pytest.mark.parametrize("split_batches", [False, True])
@pytest.mark.parametrize("asked", SETTINGS, ids=lambda asked: f"{asked['mode']}-{asked['labels']}")
def test_shards_have_together_the_rows_of_one_process(
    source: Any, asked: dict[str, Any], split_batches: bool
) -> None:
    from accelerate.data_loader import prepare_data_loader

    expected = [torch.cat(parts) for parts in zip(*make(source, asked), strict=True)]
    shards = [
        prepare_data_loader(
            make(source, asked),
            num_processes=2,
            process_index=rank,
            split_batches=split_batches,
            even_batches=False,
        )
        for rank in range(2)
    ]
    found = [torch.cat(p) for p in zip(*(b for shard in shards for b in shard), strict=True)]
    assert Counter(names(found[0])) == Counter(names(expected[0]))
    assert torch.equal(found[2], ~is_real(found[0]))
    assert torch.equal(found[0][:, 2].long(), found[1])


class Recorder(nn.Module):
    """A model that records the inputs of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.seen.append(x.detach().clone())
        return {"loss": (self.weight * x.float().sum()).mean()}


def as_dict(rows: list[Any]) -> dict[str, Tensor]:
    x, y = torch.utils.data.default_collate(rows)
    return {"x": x, "labels": y}


@pytest.mark.parametrize("wraps", ["prepared", "plain"])
def test_trainer_resumes_in_the_middle_of_an_epoch(source: Any, wraps: str, tmp_path: Path) -> None:
    class Augmenting(HuggingFaceTrainer):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            if wraps == "prepared":
                return augment_loader(super().get_train_dataloader(), source, ratio=0.5)
            sampler: Any = RandomSampler(
                self.train_dataset, generator=torch.Generator().manual_seed(0)
            )
            plain = DataLoader(self.train_dataset, 10, sampler=sampler, collate_fn=as_dict)
            return self.accelerator.prepare(augment_loader(plain, source, ratio=0.5))

    def run(folder: Path, steps: int, resume: bool) -> list[Tensor]:
        arguments = TrainingArguments(
            str(folder), max_steps=steps, per_device_train_batch_size=10, save_steps=7,
            report_to=[], use_cpu=True, disable_tqdm=True, seed=0, learning_rate=0.0,
        )  # fmt: skip
        model = Recorder()
        Augmenting(model, arguments, train_dataset=real_data(Y), data_collator=as_dict).train(
            resume_from_checkpoint=resume or None
        )
        return model.seen

    whole = run(tmp_path / "whole", 15, resume=False)
    assert len(whole) == 15
    first = run(tmp_path / "stopped", 7, resume=False)
    rest = run(tmp_path / "stopped", 15, resume=True)
    assert len(first) + len(rest) == 15
    for given, expected in zip(first + rest, whole, strict=True):
        assert int((~is_real(given)).sum()) == 5
        synthetic = [names(x[~is_real(x)]) for x in (given, expected)]
        if wraps == "prepared":  # this also restores the order of real rows
            assert torch.equal(given, expected)
        assert [row[:2] for row in synthetic[0]] == [row[:2] for row in synthetic[1]]


class Recording(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: list[Tensor] = []

    def training_step(self, batch: Any, _: int) -> Tensor:
        self.seen.append(batch[0].detach().clone())
        return self.weight * batch[0].float().sum()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.0)


QUIET: dict[str, Any] = {
    "logger": False, "enable_progress_bar": False, "enable_model_summary": False,
    "accelerator": "cpu", "devices": 1,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stop", [4, 7, 10])
def test_lightning_resumes_in_the_middle_of_an_epoch(
    source: Any, stop: int, tmp_path: Path
) -> None:
    def run(checkpoint: Path | None = None) -> list[Tensor]:
        model = Recording()
        saving = ModelCheckpoint(
            tmp_path, filename="{step}", every_n_train_steps=stop, save_top_k=-1
        )
        trainer = Trainer(max_steps=17, callbacks=[saving], **QUIET)
        trainer.fit(model, make(source, SETTINGS[0]), ckpt_path=checkpoint, weights_only=False)
        return model.seen

    whole = run()
    rest = run(tmp_path / f"step={stop}.ckpt")
    for given, expected in zip(rest, whole[stop:], strict=True):
        assert torch.equal(given, expected)


def test_fabric_gives_the_rows_of_the_loader(source: Any) -> None:
    asked = SETTINGS[0]
    undisturbed = make(source, asked)
    fabric: Any = Fabric(accelerator="cpu", devices=1)
    prepared = fabric.setup_dataloaders(make(source, asked))
    for _ in range(3):
        assert_same(prepared, undisturbed)
    loader = make(source, asked)
    prepared = fabric.setup_dataloaders(loader)
    loader.set_epoch(2)  # Fabric counts from 0
    undisturbed.set_epoch(2)
    assert_same(prepared, undisturbed)


SCRIPT = """
import sys, torch
import torch.distributed as dist
from torch.utils.data import DataLoader
from gen_augment import SampleBank, augment_loader
from tests.inject.test_rebuilt_loaders import SETTINGS, Y, Recording, QUIET
from tests.inject.toys import Numbered, names, real_data
bank, folder = sys.argv[1:]
rank = int(__import__("os").environ["RANK"])
def loaders():
    for number, asked in enumerate(SETTINGS):
        for kind in ("sampler", "bank"):
            source = SampleBank(bank) if kind == "bank" else Numbered(prior=[0.5, 0.1, 0.4])
            yield (number, kind), augment_loader(DataLoader(real_data(Y), 5), source, **asked)
def with_accelerate():
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True)
    for key, loader in loaders():
        yield key, [batch[0] for batch in accelerator.prepare(loader)]
def with_fabric():
    from lightning_fabric import Fabric
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    for key, loader in loaders():
        yield key, [batch[0] for batch in fabric.setup_dataloaders(loader)]
def with_lightning():
    from pytorch_lightning import Trainer
    for key, loader in loaders():
        model = Recording()
        Trainer(max_epochs=1, strategy="ddp", enable_checkpointing=False,
                **(QUIET | {"devices": 2})).fit(model, loader)
        yield key, model.seen
out = {"accelerate": dict(with_accelerate()), "fabric": dict(with_fabric()),
       "lightning": dict(with_lightning())}
torch.save(out, f"{folder}/{rank}.pt")
if dist.is_initialized():
    dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def two_processes(
    numbered_bank: SampleBank, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """Batches of two processes under each library; starting processes takes most of the time."""
    tmp_path = tmp_path_factory.mktemp("processes")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2",
               "--master_port=29583", str(tmp_path / "script.py"),
               str(numbered_bank.path), str(tmp_path)]  # fmt: skip
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("library", ["accelerate", "fabric", "lightning"])
def test_two_processes_have_together_the_rows_of_one(
    library: str,
    numbered: Numbered,
    numbered_bank: SampleBank,
    two_processes: list[dict[str, Any]],
) -> None:
    parts = [found[library] for found in two_processes]
    for (number, kind), batches in parts[0].items():
        asked = SETTINGS[number]
        source = numbered if kind == "sampler" else numbered_bank
        whole = torch.cat([batch[0] for batch in augment_loader(
            DataLoader(real_data(Y), 5), source, **asked)])  # fmt: skip
        found = torch.cat([*batches, *parts[1][number, kind]])
        made = [Counter(names(x[~is_real(x)])) for x in (found, whole)]
        assert sum(made[0].values()) == sum(made[1].values())
        if library == "accelerate":  # its shards are batches of the single process
            assert Counter(names(found)) == Counter(names(whole))
        elif asked["labels"] == "prior":  # batches consist of other real rows
            assert made[0] == made[1]
        # A bank has only 7 rows of one class, which are repeated after all were used.
        assert kind == "bank" or max(made[0].values()) == 1


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from real_data(Y)


@pytest.mark.parametrize(
    "loader",
    [
        lambda: DataLoader(Stream(), 8),
        lambda: DataLoader([tuple(real_data(Y).tensors)] * 3, batch_size=None),  # type: ignore[list-item]
        lambda: [tuple(real_data(Y).tensors)],
    ],
    ids=["iterable dataset", "whole batches", "list"],
)
def test_loaders_without_parts_refuse_to_be_taken_apart(
    loader: Callable[[], Any], numbered: Numbered
) -> None:
    augmented: Any = augment_loader(loader(), numbered, ratio=0.5)
    assert sum(int((~is_real(x)).sum()) for x, _ in augmented) >= 25
    with pytest.raises(RebuildError, match="Prepare the plain loader first"):
        skip_first_batches(augmented, 1)
    if isinstance(augmented, DataLoader):
        with pytest.raises(RebuildError, match="Prepare the plain loader first"):
            Accelerator(cpu=True).prepare_data_loader(augmented)
    assert not hasattr(augmented, "dataset")


def test_parts_that_were_lost_are_named(numbered: Numbered) -> None:
    loader: Any = make(numbered, {"ratio": 0.5})
    with pytest.raises(RebuildError, match="rebuilt without the batch sampler"):
        list(DataLoader(loader.dataset, 8, collate_fn=loader.collate_fn))
    doubled = DataLoader(real_data(Y), 8, collate_fn=lambda rows: as_pair(rows * 2))
    with pytest.raises(RebuildError, match="collate_fn makes 16 rows of 8"):
        list(skip_first_batches(augment_loader(doubled, numbered, ratio=0.5), 1))


def as_pair(rows: list[Any]) -> Any:
    return torch.utils.data.default_collate(rows)


class Buckets(BatchSampler):
    """A user's batch sampler."""

    def __iter__(self) -> Iterator[list[int]]:
        yield from ([0, 1, 2], [3, 4], [5, 6, 7, 8])

    def __len__(self) -> int:
        return 3


def test_custom_batch_samplers_are_kept_or_refused(numbered: Numbered) -> None:
    from lightning_fabric.utilities.data import _update_dataloader

    data = real_data(Y)
    batches = Buckets(SequentialSampler(data), 4, False)
    loader: Any = augment_loader(DataLoader(data, batch_sampler=batches), numbered, ratio=0.5)
    expected = list(loader)
    loader.set_epoch(0)
    assert_same(skip_first_batches(loader, 1), expected[1:])
    with pytest.raises(RebuildError, match="use_distributed_sampler=False"):
        _update_dataloader(loader, SequentialSampler(data))


def test_the_plain_loader_and_its_sampler_stay_as_they_are(numbered: Numbered) -> None:
    plain = DataLoader(real_data(Y), 8, shuffle=True)
    before = (plain.batch_sampler, plain.sampler, dict(vars(plain.sampler)))
    loader: Any = augment_loader(plain, numbered, ratio=0.5)
    Accelerator(cpu=True).prepare_data_loader(loader, slice_fn_for_dispatch=None)
    loader.sampler.set_epoch(4)
    assert loader.epoch == 4
    assert isinstance(loader.sampler, RandomSampler)
    assert loader.batch_size == 8
    assert (plain.batch_sampler, plain.sampler, dict(vars(plain.sampler))) == before


def test_a_state_is_restored_in_another_process(source: Any) -> None:
    undisturbed: Any = make(source, SETTINGS[0])
    epochs = [list(undisturbed) for _ in range(3)]
    loader: Any = make(source, SETTINGS[0])
    list(loader)
    for _, _ in zip(range(3), loader, strict=False):
        state = loader.state_dict()
    assert state == {"epoch": 1, "batches": 3}
    other = pickle.loads(pickle.dumps(make(source, SETTINGS[0])))
    other.load_state_dict(state)
    assert_same(other, epochs[1][3:])
    assert other.state_dict() == {"epoch": 2, "batches": 0}
    assert_same(other, epochs[2])


def test_labels_of_a_bank_are_read_where_no_attribute_tells_them(numbered_bank: SampleBank) -> None:
    rows = [{"x": x, "labels": int(y)} for x, y in real_data(Y)]
    plain: Any = DataLoader(rows, 8)  # type: ignore[arg-type]
    whole = list(augment_loader(plain, numbered_bank, ratio=0.5))
    rest = list(skip_first_batches(augment_loader(plain, numbered_bank, ratio=0.5), 2))
    for batch, other in zip(rest, whole[2:], strict=True):
        assert torch.equal(batch["x"], other["x"])
    strange = [{"x": row["x"], "labels": row["labels"] + 7} for row in rows]
    with pytest.raises(InputError, match="unknown to the source"):
        list(
            skip_first_batches(augment_loader(DataLoader(strange, 8), numbered_bank, ratio=0.5), 2)
        )  # type: ignore[arg-type]

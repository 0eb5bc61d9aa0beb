"""Prefetched batches on their own stream: which stream waits for which, on recorded streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gen_augment import augment_loader
from gen_augment.inject import loader as loader_module
from gen_augment.inject.prefetching import Prefetcher, start_prefetching
from tests.inject.toys import Numbered, is_real, real_rows


class FakeStream:
    """Tasks in order, each with all tasks that must run before it."""

    def __init__(self, device: Any = None) -> None:
        self.before: set[str] = set()

    def run(self, name: str, done: dict[str, set[str]]) -> None:
        done[name] = set(self.before)
        self.before.add(name)

    def record_event(self) -> frozenset[str]:
        return frozenset(self.before)

    def wait_event(self, event: frozenset[str]) -> None:
        self.before |= event

    def wait_stream(self, other: "FakeStream") -> None:
        self.before |= other.before


class FakeDevice:
    """Streams, the current stream, and the tasks that ran on each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.main = self.current = FakeStream()
        self.done: dict[str, set[str]] = {}
        self.kept: list[tuple[FakeStream, Tensor]] = []
        monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
        monkeypatch.setattr(torch.cuda, "stream", self.use)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: self.current)
        monkeypatch.setattr(
            loader_module,
            "start_prefetching",
            lambda device, depth: Prefetcher(device, depth) if depth else None,
        )

    @contextmanager
    def use(self, stream: FakeStream) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before

    def run(self, name: str) -> None:
        self.current.run(name, self.done)


class Recorded(Numbered):
    """Records the stream that generates rows."""

    def __init__(self, device: FakeDevice) -> None:
        super().__init__()
        self.fake, self.calls = device, 0

    def generate(self, index: Any, y: Any, *, seed: int | None = None) -> Tensor:
        assert self.fake.current is not self.fake.main
        self.fake.run(f"make {self.calls}")
        self.calls += 1
        return super().generate(index, y, seed=seed)


class OnDevice(Tensor):
    """Claims to be on a CUDA device, and records the streams that use its memory."""

    device_: FakeDevice

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    def record_stream(self, stream: Any) -> None:
        self.device_.kept.append((stream, self))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """A device that only records its tasks."""
    fake = FakeDevice(monkeypatch)
    monkeypatch.setattr(OnDevice, "device_", fake, raising=False)
    return fake


def batches(n: int = 6, kind: type[Tensor] = Tensor) -> list[tuple[Tensor, Tensor]]:
    y = torch.tensor([0, 1, 2, 0])
    return [(real_rows(y + 0).as_subclass(kind), y.clone().as_subclass(kind)) for _ in range(n)]


def train(device: FakeDevice, loader: Any) -> None:
    for step, _ in enumerate(loader):
        device.run(f"train {step}")


@pytest.mark.parametrize("prefetch", [1, 2, 3])
def test_a_step_waits_for_its_own_batch_and_batches_from_the_host_for_no_step(
    device: FakeDevice, prefetch: int
) -> None:
    train(
        device,
        augment_loader(
            batches(), Recorded(device), ratio=0.5, labels="same", mode="append", prefetch=prefetch
        ),
    )
    for step in range(6):
        assert device.done[f"train {step}"] >= {f"make {i}" for i in range(step + 1)}
        assert not device.done[f"train {step}"] & {f"make {i}" for i in range(step + 1, 6)}
        assert device.done[f"make {step}"] == {f"make {i}" for i in range(step)}


@pytest.mark.parametrize("prefetch", [1, 2, 3])
def test_batches_from_the_device_wait_for_what_made_them_and_for_no_later_step(
    device: FakeDevice, prefetch: int
) -> None:
    def produce() -> Iterator[Any]:
        for number, batch in enumerate(batches(kind=OnDevice)):
            device.run(f"load {number}")
            yield batch

    train(
        device,
        augment_loader(
            produce(), Recorded(device), ratio=0.5, labels="same", mode="append", prefetch=prefetch
        ),
    )
    for step in range(6):
        assert f"load {step}" in device.done[f"make {step}"]
        assert f"make {step}" in device.done[f"train {step}"]
        assert not device.done[f"make {step}"] & {
            f"train {i}" for i in range(max(step - prefetch, 0), 6)
        }


def test_memory_is_kept_for_the_streams_that_use_it(device: FakeDevice) -> None:
    given = batches(3, OnDevice)
    loader = augment_loader(given, Recorded(device), ratio=0.5, labels="same", prefetch=1)
    taken = list(loader)
    for batch in given:  # read by the side stream, after its owner may have freed it
        for part in batch:
            assert any(kept is part and stream is not device.main for stream, kept in device.kept)
    for batch in taken:  # made on the side stream, used on the current stream
        for part in batch:
            assert any(kept is part and stream is device.main for stream, kept in device.kept)


def test_the_sampler_may_have_been_moved_just_before(device: FakeDevice) -> None:
    device.run("fit")
    train(
        device,
        augment_loader(batches(2), Recorded(device), ratio=0.5, labels="same", mode="append"),
    )
    assert "fit" in device.done["make 0"]


def test_the_stream_of_the_user_is_the_one_that_waits(device: FakeDevice) -> None:
    mine = FakeStream()
    with device.use(mine):
        train(
            device,
            augment_loader(batches(3), Recorded(device), ratio=0.5, labels="same", mode="append"),
        )
    assert {"make 0", "train 0", "make 1"} <= device.done["train 1"]
    assert not device.main.before


@pytest.mark.parametrize("prefetch", [1, 2, 5, 6, 7, 100])
@pytest.mark.parametrize("labels", ["prior", "balanced", "same"])
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_batches_are_those_made_one_at_a_time_in_order(
    device: FakeDevice, prefetch: int, labels: Any, mode: Any
) -> None:
    pulled: list[int] = []

    def produce() -> Iterator[Any]:
        for number, batch in enumerate(batches()):
            pulled.append(number)
            yield batch

    asked: dict[str, Any] = {"ratio": 0.6, "labels": labels, "mode": mode, "return_mask": True}
    expected = list(augment_loader(batches(), Numbered(), **asked, prefetch=0))
    loader = iter(augment_loader(produce(), Recorded(device), **asked, prefetch=prefetch))
    given = [next(loader)]
    assert len(pulled) == min(prefetch + 1, 6)
    given += list(loader)
    assert len(given) == 6
    for batch, other in zip(given, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True))
    assert sum(int((~is_real(x)).sum()) for x, _, _ in given) == round(0.6 * 24)


def test_empty_and_unfinished_epochs_keep_no_batches(device: FakeDevice) -> None:
    assert list(augment_loader([], Recorded(device), ratio=0.5)) == []
    augmented = augment_loader(batches(), Numbered(), ratio=0.5, prefetch=2)
    for _ in augmented:
        break
    second = [x for x, _ in augmented]
    late = augment_loader(batches(), Numbered(), ratio=0.5, prefetch=0)
    late.set_epoch(1)
    assert all(torch.equal(a, b) for a, (b, _) in zip(second, late, strict=True))
    assert len(second) == 6


def test_streams_are_used_on_cuda_with_prefetching(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert start_prefetching(torch.device("cpu"), 3) is None
    assert start_prefetching(torch.device("cuda"), 0) is None
    made = FakeDevice(monkeypatch)
    ahead = start_prefetching(torch.device("cuda", 0), 2)
    assert ahead is not None
    assert ahead.depth == 2
    assert made.main is not ahead.stream


def test_nothing_is_prefetched_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[int] = []

    def produce() -> Iterator[Any]:
        for number, batch in enumerate(batches()):
            pulled.append(number)
            yield batch

    for number, (x, _) in enumerate(augment_loader(produce(), Numbered(), ratio=0.5, prefetch=4)):
        assert pulled == list(np.arange(number + 1))
        assert len(x) == 4

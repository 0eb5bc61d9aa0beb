"""Injection on a CUDA device: rows of the CPU, streams of any kind, and the cost of prefetching."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import (
    AugmentedDataset,
    ConditionalVAE,
    SampleBank,
    SyntheticMix,
    WorkerDeviceError,
    augment_loader,
)
from tests.conftest import toy_images, toy_table
from tests.inject.toys import Numbered, is_real, names, real_data, real_rows

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

N_ROWS = 400


@pytest.fixture(scope="module", params=["table", "images"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A sampler on the device, the same sampler on the CPU, and rows like the training rows."""
    X, y = toy_table(N_ROWS) if request.param == "table" else toy_images(N_ROWS)
    rows = torch.from_numpy(X).float()
    rows = rows if request.param == "table" else rows.permute(0, 3, 1, 2) / 255
    data = TensorDataset(rows, torch.from_numpy(y))
    precise = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # 10 bits of a mantissa are too few to compare
    small: dict[str, Any] = {
        "max_steps": 5,
        "batch_size": 16,
        "width": 8,
        "latent_dim": 4,
        "random_state": 0,
    }
    on_device = ConditionalVAE(**small, device="cuda").fit(data)
    path = tmp_path_factory.mktemp("samplers") / "vae"
    on_device.save(path)
    yield on_device, ConditionalVAE.load(path, device="cpu"), data
    torch.backends.cudnn.allow_tf32 = precise


def assert_same(batches: Any, expected: Any) -> None:
    """Batches on the device are those on the CPU."""
    given = list(batches)
    expected = list(expected)
    assert len(given) == len(expected)
    for batch, other in zip(given, expected, strict=True):
        assert all(part.is_cuda for part in batch)
        torch.testing.assert_close(batch[0].cpu(), other[0], rtol=1e-4, atol=1e-4)
        for part, like in zip(batch[1:], other[1:], strict=True):
            assert torch.equal(part.cpu(), like)


@pytest.mark.parametrize("prefetch", [0, 1, 2, 50])
@pytest.mark.parametrize("mode", ["replace", "append"])
@pytest.mark.parametrize("labels", ["prior", "same"])
@pytest.mark.parametrize("pinned", [False, True], ids=["paged", "pinned"])
def test_batches_are_those_of_the_cpu(
    pair: Any, prefetch: int, mode: Any, labels: Any, pinned: bool
) -> None:
    on_device, on_cpu, data = pair
    asked: dict[str, Any] = {
        "ratio": 0.4,
        "mode": mode,
        "labels": labels,
        "return_mask": True,
        "sample_weight": 0.5,
    }
    loader = DataLoader(data, batch_size=32, pin_memory=pinned)
    ahead = augment_loader(loader, on_device, **asked, device="cuda", prefetch=prefetch)
    plain = augment_loader(DataLoader(data, batch_size=32), on_cpu, **asked)
    for _ in range(2):
        assert_same(ahead, plain)


@pytest.mark.parametrize("prefetch", [0, 1, 2])
def test_a_bank_gives_the_rows_of_the_cpu(numbered_bank: SampleBank, prefetch: int) -> None:
    for labels in ("prior", "balanced", "same"):
        asked: dict[str, Any] = {"ratio": 0.5, "labels": labels, "seed": 3}
        loader = DataLoader(real_data([0, 1, 2, 0] * 30), batch_size=16)
        on_device = augment_loader(loader, numbered_bank, **asked, device="cuda", prefetch=prefetch)
        assert_same(on_device, augment_loader(loader, numbered_bank, **asked))


def test_any_source_and_a_transform_give_rows_on_the_device(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    loader = DataLoader(
        TensorDataset(real_rows([0, 1, 2, 0]).float(), torch.tensor([0, 1, 2, 0])), batch_size=4
    )
    for source in (numbered, numbered_bank):
        asked: dict[str, Any] = {"ratio": 1, "transform": lambda row: row.float()}
        assert_same(
            augment_loader(loader, source, **asked, device="cuda"),
            augment_loader(loader, source, **asked),
        )


@pytest.mark.parametrize("prefetch", [0, 1, 2])
@pytest.mark.parametrize("own_stream", [False, True])
def test_batches_that_are_on_the_device_already(pair: Any, prefetch: int, own_stream: bool) -> None:
    on_device, on_cpu, data = pair
    x, y = data.tensors[0].cuda(), data.tensors[1].cuda()
    before = x.clone()

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, N_ROWS, 40):
            busy = torch.randn(1000, 1000, device="cuda")
            for _ in range(20):  # the batch is ready long after the request
                busy = torch.tanh(busy @ busy)
            zero = (busy.sum() * 0).nan_to_num()
            yield x[start : start + 40] + zero, y[start : start + 40]

    plain = [
        (data.tensors[0][i : i + 40], data.tensors[1][i : i + 40]) for i in range(0, N_ROWS, 40)
    ]
    expected = augment_loader(plain, on_cpu, ratio=0.4)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream() if own_stream else torch.cuda.default_stream()):
        for device in (None, "cuda"):
            loader = augment_loader(
                batches(), on_device, ratio=0.4, prefetch=prefetch, device=device
            )
            expected.set_epoch(0)
            assert_same(loader, expected)
    torch.cuda.synchronize()
    assert torch.equal(x, before)


def test_memory_is_not_reused_while_a_batch_is_read(numbered_bank: SampleBank) -> None:
    loader = DataLoader(real_data([0, 1, 2, 0] * 100), batch_size=8)
    expected = list(augment_loader(loader, numbered_bank, ratio=0.5))
    sums = []
    for x, _ in augment_loader(loader, numbered_bank, ratio=0.5, device="cuda", prefetch=2):
        slow = torch.randn(1500, 1500, device="cuda")
        for _ in range(10):
            slow = torch.tanh(slow @ slow)
        sums.append(x * (1 + 0 * slow.sum().nan_to_num()))  # read late
        del x
        for _ in range(4):  # reuses free memory
            torch.full((8, 3), -7.0, dtype=torch.float64, device="cuda")
    for x, (other, _) in zip(sums, expected, strict=True):
        torch.testing.assert_close(x.cpu(), other)


def test_a_mix_on_the_device(pair: Any, numbered_bank: SampleBank) -> None:
    on_device, on_cpu, data = pair
    x, y = data.tensors[0][:16], data.tensors[1][:16]
    results = []
    for source, where in (
        (on_device, "cuda"),
        (on_cpu, "cpu"),
        (on_cpu, "cuda"),
        (on_device, "cpu"),
    ):
        torch.manual_seed(0)
        out_x, out_y = SyntheticMix(source, ratio=0.5)(x.to(where), y.to(where))
        assert out_x.device.type == out_y.device.type == where
        results.append(out_x.cpu())
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=1e-4, atol=1e-4)
    x, y = real_rows([0, 1, 2, 0]).cuda(), torch.tensor([0, 1, 2, 0]).cuda()
    shares = torch.nn.functional.one_hot(y, 3).double()
    for target in (y, shares):
        for labels in ("same", "prior"):
            out_x, out_y = SyntheticMix(numbered_bank, ratio=0.5, labels=labels)(x, target)  # type: ignore[arg-type]
            assert torch.equal(
                out_x[:, 2].long(), out_y.argmax(dim=1) if out_y.ndim == 2 else out_y
            )
            assert int((~is_real(out_x)).sum()) == 2
            assert len(set(names(out_x))) == 4


def test_a_dataset_from_a_sampler_on_the_device(pair: Any) -> None:
    on_device, on_cpu, data = pair
    real = TensorDataset(*(tensor[:20] for tensor in data.tensors))
    kept, made = (
        AugmentedDataset(real, on_device, ratio=1, materialize=flag) for flag in (True, False)
    )
    expected = AugmentedDataset(real, on_cpu, ratio=1)
    for dataset in (kept, made):
        for (x, y), (other_x, other_y) in zip(
            DataLoader(dataset, 8), DataLoader(expected, 8), strict=True
        ):
            assert not x.is_cuda
            torch.testing.assert_close(x, other_x, rtol=1e-4, atol=1e-4)
            assert torch.equal(y, other_y)
    workers: dict[str, Any] = {"num_workers": 1, "multiprocessing_context": "fork"}
    assert sum(len(y) for _, y in DataLoader(kept, 8, **workers)) == 40
    with pytest.raises(WorkerDeviceError, match="SampleBank"):
        list(DataLoader(made, 8, **workers))


@pytest.mark.slow
def test_prefetched_rows_cost_a_step_no_time(tmp_path: Path) -> None:
    X, y = toy_images(512, size=32)
    data = TensorDataset(torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(y))
    sampler = ConditionalVAE(max_steps=2, random_state=0, device="cuda").fit(data)
    loader = DataLoader(data, batch_size=64, pin_memory=True)
    weight = torch.randn(2000, 2000, device="cuda")

    def seconds(prefetch: int) -> float:
        batches = augment_loader(loader, sampler, ratio=1, device="cuda", prefetch=prefetch)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for x, _ in batches:
            out = weight + x.sum()
            for _ in range(20):
                out = torch.tanh(out @ weight)
        torch.cuda.synchronize()
        return time.perf_counter() - start

    seconds(0), seconds(1)  # warm up
    times = np.array([[seconds(0), seconds(1), seconds(2)] for _ in range(7)])
    without, one, two = np.median(times, axis=0)
    assert one <= 1.1 * without
    assert two <= 1.1 * without

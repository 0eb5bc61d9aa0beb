"""What injection costs: data loaders with synthetic rows against plain ones and own code.

Both sides run in turn in one process. Figures are medians of the ratios of the rounds.
There are four goals. An epoch through `augment_loader`, with half of the rows from a
bank, takes at most 1.05 times the time of the plain loader. Both have equally many
rows. `AugmentedDataset` over a bank takes at most 1.10 times as long as a plain
memory-mapped dataset. Live generation reaches 0.95 of the bare generator's rows per
second. Building a bank reaches 0.90 of it, and its memory does not grow.

Every batch is read once on both sides, as in a training step. "images" is Fashion-MNIST
as torchvision provides it, converted from PIL to float Tensors. "tensors" is a
`TensorDataset` of the same pixels, the fastest input of a loader. With "replace" the
loader returns all rows and half of them are replaced. With "append" it returns two
thirds of the rows. Loaders of "tensors" were measured again, beside other processes, after
batches of a `TensorDataset` were gathered at once.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate
from torchvision.transforms import v2

from benchmarks.harness import Measured, Record, markdown, measured_figure, paired_ratio
from benchmarks.overhead import bare_sample_seconds
from gen_augment import AugmentedDataset, ConditionalVAE, SampleBank, augment_loader
from gen_augment.data.sources import load_data
from gen_augment.samplers import SAMPLERS, Sampler

__all__ = ["figures", "run", "table"]

BATCH = 64
to_float = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


class Images(Dataset[Any]):
    """Pixels in memory, converted to PIL images row by row, as in torchvision's MNIST."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.targets = X, y

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        image: Tensor = to_float(Image.fromarray(self.X[index])).as_subclass(Tensor)
        return image, int(self.targets[index])


class MemoryMapped(Dataset[Any]):
    """Rows of a memory-mapped file, as in a hand-written dataset."""

    def __init__(self, path: str, y: np.ndarray) -> None:
        self.path, self.targets = path, y
        self.X: Any = None

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        if self.X is None:
            self.X = np.load(self.path, mmap_mode="r")
        return np.array(self.X[index]), int(self.targets[index])


class GeneratedByHand(Dataset[Any]):
    """A generator called for each row in `__getitem__`, a common but slow pattern."""

    def __init__(self, sampler: Sampler, n: int) -> None:
        self.sampler, self.n = sampler, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        label = torch.tensor([index % 10])
        with torch.no_grad():
            return self.sampler._generate(torch.randn(1, *self.sampler.latent_shape), label)[
                0
            ], int(label)


def collate_by_hand(sampler: Sampler, rows: list[Any]) -> list[Tensor]:
    """Generate half of a batch in the worker that collates it."""
    x, y = default_collate(rows)
    half = len(y) // 2
    with torch.no_grad():
        x[:half] = sampler._generate(torch.randn(half, *sampler.latent_shape), y[:half])
    return [x, y]


def run(quick: bool) -> Record:
    """Measure epochs with a bank, live generation, hand-written code, and building a bank."""
    n, rounds = (600, 1) if quick else (60_000, 5)
    short = 1 if quick else 25
    loaded = load_data("fashion-mnist")
    X, y = loaded.rows.X[:n], loaded.rows.y[:n].astype(np.int64)
    floats = torch.from_numpy(X).float().unsqueeze(1) / 255
    params: Record = {"max_steps": 3, "device": "cpu", "random_state": 0}
    sampler = ConditionalVAE(**params).fit(floats[:500], torch.from_numpy(y[:500]))
    results: Record = {}
    with tempfile.TemporaryDirectory() as folder:
        bank = SampleBank.build(sampler, n // 2, folder + "/bank")
        data = {"images": Images(X, y), "tensors": TensorDataset(floats, torch.from_numpy(y))}
        results |= _epochs_with_a_bank(data, bank, rounds)
        results |= _dataset_on_a_bank(folder, floats.numpy(), y, bank, rounds)
    # Many short rounds: on a shared machine long rounds are as noisy, and there are fewer.
    results |= _live(floats, y, short, 128 if quick else 4096)
    results |= {"by hand": _by_hand(sampler, floats, y, 64 if quick else 6000, rounds)}
    results |= _building(
        short, 512 if quick else 8192, *((300, 600) if quick else (10_000, 1_000_000))
    )
    return results


def _epochs_with_a_bank(data: dict[str, Dataset[Any]], bank: SampleBank, rounds: int) -> Record:
    results: Record = {}
    for name, rows in data.items():
        n: int = len(rows)  # type: ignore[arg-type]
        for workers in (0, 2):
            load = partial(DataLoader, batch_size=BATCH, shuffle=True, num_workers=workers)
            plain = load(rows)
            for mode, wrapped in (
                ("replace", augment_loader(plain, bank, ratio=0.5)),
                (
                    "append",
                    augment_loader(load(_first(rows, 2 * n // 3)), bank, ratio=0.5, mode="append"),
                ),
            ):
                found = paired_ratio(_epoch(wrapped), _epoch(plain), rounds)
                results[f"{name}, {workers} workers, {mode}"] = found | {"goal": 1.05}
    return results


def _first(rows: Any, n: int) -> Dataset[Any]:
    """Return the first rows as a data set."""
    return (
        TensorDataset(*rows[:n])
        if isinstance(rows, TensorDataset)
        else Images(rows.X[:n], rows.targets[:n])
    )


def _dataset_on_a_bank(
    folder: str, X: np.ndarray, y: np.ndarray, bank: SampleBank, rounds: int
) -> Record:
    half = len(bank)
    np.save(folder + "/all.npy", X)
    np.save(folder + "/half.npy", X[:half])
    tensors = ConditionalVAE(max_steps=1, device="cpu", random_state=0).fit(
        X[:500], y[:500]
    )  # arrays, as in the file
    pool = SampleBank.build(tensors, half, folder + "/arrays")
    plain = MemoryMapped(folder + "/all.npy", y[: 2 * half])
    mixed = AugmentedDataset(MemoryMapped(folder + "/half.npy", y[:half]), pool)
    results: Record = {}
    for workers in (0, 2):
        load = partial(DataLoader, batch_size=BATCH, shuffle=True, num_workers=workers)
        found = paired_ratio(_epoch(load(mixed)), _epoch(load(plain)), rounds)
        results[f"AugmentedDataset on a bank, {workers} workers"] = found | {"goal": 1.10}
    return results


def _live(floats: Tensor, y: np.ndarray, rounds: int, n: int) -> Record:
    results: Record = {}
    for name in (
        "gan",
        "vae",
    ):  # not the flow: its network takes nearly all of the time
        cls = SAMPLERS[name]
        sampler = cls(max_steps=3, device="cpu", random_state=0).fit(
            floats[:500], torch.from_numpy(y[:500])
        )
        batches = [(floats[:BATCH], torch.from_numpy(y[:BATCH]))] * (n // BATCH)
        ours = _epoch(augment_loader(batches, sampler, ratio=1.0))
        found = paired_ratio(ours, bare_sample_seconds(sampler, n), rounds)
        results[f"live, {name}"] = found | {
            "goal": 1 / 0.95,
            "rows_per_second": n / found["ours_ms"] * 1000,
        }
    return results


def _by_hand(sampler: Sampler, floats: Tensor, y: np.ndarray, n: int, rounds: int) -> Record:
    """Return synthetic rows per second. Half of each mixed batch is real."""
    real = TensorDataset(floats[:n], torch.from_numpy(y[:n]))
    load = partial(DataLoader, batch_size=BATCH, shuffle=True)
    with tempfile.TemporaryDirectory() as folder:
        bank = SampleBank.build(sampler, 2 * n, folder + "/bank")
        live = AugmentedDataset(real, sampler, ratio=1.0, mode="replace", fresh=True)
        ways: dict[str, tuple[Any, int]] = {
            "by hand: one row in __getitem__": (load(GeneratedByHand(sampler, n)), n),
            "by hand: one row in __getitem__, 2 workers": (
                load(GeneratedByHand(sampler, n), num_workers=2),
                n,
            ),
            "by hand: collate in 2 workers": (
                load(real, num_workers=2, collate_fn=partial(collate_by_hand, sampler)),
                n // 2,
            ),
            "AugmentedDataset, fresh rows": (load(live), n),
            "AugmentedDataset, fresh rows, 2 workers": (load(live, num_workers=2), n),
            "augment_loader, live": (augment_loader(load(real), sampler, ratio=0.5), n // 2),
            "augment_loader, bank": (augment_loader(load(real), bank, ratio=0.5), n // 2),
            "AugmentedDataset, bank": (
                load(AugmentedDataset(real, bank, mode="replace", ratio=0.5)),
                n // 2,
            ),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (loader, _n) in ways.items():
                times[name].append(_epoch(loader)())
        return {name: ways[name][1] / float(np.median(seconds)) for name, seconds in times.items()}


def _building(rounds: int, timed: int, small: int, large: int) -> Record:
    """Return the speed against the bare generator, and the peak memory.

    The memory is that of processes that build a small and a large bank.
    """
    X = np.random.default_rng(0).integers(0, 256, (500, 28, 28), dtype=np.uint8)
    sampler = ConditionalVAE(max_steps=3, device="cpu", random_state=0).fit(X, np.arange(500) % 10)

    def build() -> float:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            SampleBank.build(sampler, timed, folder + "/bank")
            return time.perf_counter() - start

    speed = paired_ratio(build, bare_sample_seconds(sampler, timed), rounds)
    code = (
        "import sys; from benchmarks.injection import build_and_measure; "
        "print(build_and_measure(sys.argv[1], int(sys.argv[2])))"
    )
    with tempfile.TemporaryDirectory() as folder:
        # A narrow network, since the growth of memory does not depend on its size.
        ConditionalVAE(max_steps=3, width=8, device="cpu", random_state=0).fit(
            X, np.arange(500) % 10
        ).save(folder + "/model")
        peaks = [
            float(subprocess.check_output([sys.executable, "-c", code, folder, str(n)]).split()[-1])
            for n in (small, large)
        ]
    return {
        "building a bank": speed
        | {"goal": 1 / 0.90, "rows_per_second": timed / speed["ours_ms"] * 1000},
        "memory": {"rows": [small, large], "peak_mb": peaks, "goal_mb": 300},
    }


def build_and_measure(folder: str, n: int) -> float:
    """Build a bank of `n` rows of a saved model and return the peak resident memory in MB."""
    SampleBank.build(
        ConditionalVAE.load(Path(folder) / "model", device="cpu"), n, f"{folder}/bank-{n}"
    )
    # Not `getrusage`: a process inherits its peak from the parent process.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _epoch(loader: Iterable[Any]) -> Callable[[], float]:
    def seconds() -> float:
        start = time.perf_counter()
        for x, _ in loader:
            x.numpy().max()  # the first read of shared memory is the slowest, so it counts
        return time.perf_counter() - start

    return seconds


def table(results: Record) -> str:
    """Return ratios with their goals, rows per second by hand and with ours, and memory."""
    rows = []
    for what, found in results.items():
        if "ratio" not in found:
            continue
        rows.append(
            [
                what,
                f"{found['ratio']:.3f}",
                f"{found['ratio_min']:.3f} to {found['ratio_max']:.3f}",
                f"{found['goal']:.2f}",
                f"{found['ours_ms']:.0f}",
                f"{found['bare_ms']:.0f}",
            ]
        )
    ratios = markdown(
        ["measurement", "ratio of time", "range", "goal, at most", "ours, ms", "plain or bare, ms"],
        rows,
    )
    by_hand = markdown(
        ["method", "synthetic rows per second"],
        [
            [name.replace("__getitem__", "`__getitem__`"), f"{speed:,.0f}"]
            for name, speed in results["by hand"].items()
        ],
    )
    memory = results["memory"]
    peaks = " and ".join(
        f"{peak:.0f} MB for {n:,} rows"
        for n, peak in zip(memory["rows"], memory["peak_mb"], strict=True)
    )
    return f"{ratios}\n\n{by_hand}\n\nPeak memory of a process that builds a bank: {peaks}."


def figures(results: Record) -> dict[str, Figure]:
    """Draw the ratios."""
    found = {
        what: Measured(one["ratio"], one["ratio_min"], one["ratio_max"], one["goal"])
        for what, one in results.items()
        if "ratio" in one
    }
    return {"ratios": measured_figure(found, "time relative to the plain or bare code")}

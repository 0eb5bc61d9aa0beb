"""Tools that all benchmarks share: declaration, paired timing, trials, and result files."""

import hashlib
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from filelock import FileLock, Timeout
from matplotlib.figure import Figure

from gen_augment.archive import write_json
from gen_augment.study.report.plots import BASELINE, GENERATIVE

__all__ = [
    "RESULTS",
    "WORK",
    "Benchmark",
    "Measured",
    "Trials",
    "describe_machine",
    "markdown",
    "measured_figure",
    "pack",
    "paired_ratio",
    "save",
    "unpack",
]

RESULTS = Path(__file__).parent / "results"
#: Unfinished work of processes, and their locks.
WORK = Path(__file__).parent / "work"

Record = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its description, its run, its table and its figures.

    Attributes
    ----------
    about : str
        The description. Its first line appears in `list` and in the report.
    run : callable
        ``run(quick)`` returns the results.
    table : callable
        ``table(results)`` returns Markdown.
    figures : callable
        ``figures(results)`` returns figures by name.
    found : callable
        ``found(results)`` returns lines of the first table of the report: rows, seeds, the
        compared arms, and the gain.
    summary : callable or None
        ``summary(results)`` replaces a long table in RESULTS.md.
    """

    about: str
    run: Callable[[bool], Record]
    table: Callable[[Record], str]
    figures: Callable[[Record], dict[str, Figure]] = lambda results: {}
    found: Callable[[Record], list[list[str]]] = lambda results: []
    summary: Callable[[Record], str] | None = None


class Trials:
    """Trials of a long benchmark, which are written one by one.

    A stopped run resumes with the missing trials. Processes that run at the same time
    share the trials.
    """

    def __init__(self, name: str, quick: bool) -> None:
        self.name, self.quick = name, quick
        self.done: list[Record] = [] if quick else _trials(name)

    def has(self, key: Record) -> bool:
        """Return whether the trial that `key` names has ended without an error."""
        return any(
            key.items() <= trial.items() and trial.get("error") is None for trial in self.done
        )

    @contextmanager
    def claim(self, key: Record) -> Iterator[bool]:
        """Claim the trial that `key` names until the block ends.

        Yields False if another process has claimed it.
        """
        if self.quick:
            yield True
            return
        lock = _lock(
            f"{self.name}-{hashlib.blake2b(json.dumps(key).encode(), digest_size=8).hexdigest()}"
        )
        try:
            lock.acquire(blocking=False)
        except Timeout:
            print(f"another process runs {key}", flush=True)
            yield False
            return
        try:
            self.done = _trials(self.name)  # other processes may have added trials before the claim
            yield True
        finally:
            lock.release()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Claim the whole benchmark until the block ends.

        Raises
        ------
        RuntimeError
            Another process runs the benchmark.
        """
        with self.claim({}) as mine:
            if not mine:
                raise RuntimeError(
                    f"{self.name} already runs in another process, which must finish first."
                )
            yield

    def add(self, key: Record, measure: Callable[[], Record]) -> None:
        """Measure the trial that `key` names, unless it is done or another process runs it."""
        if self.has(key):
            return
        with self.claim(key) as mine:
            if mine and not self.has(key):
                self.extend([key | measure()])
                if not self.quick:
                    print(self.done[-1], flush=True)

    def extend(self, trials: list[Record]) -> None:
        """Add trials, all of them or none."""
        self.done += trials
        if not self.quick:
            save(self.name, {"trials": self.done}, quick=False)
            self.done = _trials(self.name)  # other processes may have added trials meanwhile


def _lock(name: str) -> FileLock:
    """Return a file lock, which the operating system releases when its process ends."""
    folder = WORK / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def _kept(path: Path) -> Record:
    found: Record = json.loads(path.read_text()) if path.exists() else {}
    return found


def _trials(name: str) -> list[Record]:
    found: list[Record] = _kept(RESULTS / f"{name}.json").get("results", {}).get("trials", [])
    return found


def paired_ratio(ours: Callable[[], float], bare: Callable[[], float], rounds: int) -> Record:
    """Time two functions in turn and compare them round by round.

    A drift in the speed of the machine affects both equally.

    Parameters
    ----------
    ours, bare : callable
        Return seconds.
    rounds : int
        Number of rounds that count. One more round runs first and does not count.
    """
    ours(), bare()
    pairs = [(ours(), bare()) if i % 2 else (bare(), ours())[::-1] for i in range(rounds)]
    ratios = [a / b for a, b in pairs]
    return {
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ours_ms": 1000 * statistics.median(a for a, _ in pairs),
        "bare_ms": 1000 * statistics.median(b for _, b in pairs),
        "rounds": rounds,
    }


class Measured(NamedTuple):
    """A value, the bounds of its range or interval, and its goal or None."""

    value: float
    low: float
    high: float
    goal: float | None = None


def measured_figure(found: dict[str, Measured], label: str, *, ratios: bool = True) -> Figure:
    """Draw each value as a dot, its range as a line and its goal as a bar.

    The vertical line marks no difference: 1 for ratios, 0 for differences.
    """
    figure = Figure(figsize=(7, 0.9 + 0.26 * len(found)), layout="constrained")
    axes = figure.subplots()
    for height, one in enumerate(reversed(list(found.values()))):
        axes.plot([one.low, one.high], [height, height], color=BASELINE, lw=1.5)
        axes.plot(one.value, height, marker="o", ms=5, color=BASELINE)
        if one.goal is not None:
            axes.plot(one.goal, height, marker="|", ms=12, mew=2, color=GENERATIVE)
    axes.axvline(1 if ratios else 0, color="#1f2933", lw=0.8)
    if ratios and max(one.high for one in found.values()) > 5:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(found)), list(found)[::-1], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    goals = "; goals: upright bars" if any(one.goal is not None for one in found.values()) else ""
    axes.set_xlabel(label + goals, fontsize=9)
    axes.grid(axis="x", color="#d9dde1", lw=0.6)
    return figure


def describe_machine() -> Record:
    """Return the processor, cores, threads, GPU and versions."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    packages = ("gen_augment", "torch", "numpy", "scikit-learn", "lightning-fabric")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {name: version(name) for name in packages}
        | {"python": platform.python_version()},
    }


def save(name: str, results: Record, quick: bool) -> Path:
    """Write ``NAME.json``, or ``NAME.quick.json``, which is not committed.

    Trials that are already in ``NAME.json`` stay there, with the machines that ran
    them.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}{'.quick' if quick else ''}.json"
    machines = [describe_machine()]
    with _lock(path.stem):
        if not quick and "trials" in results:
            there, machines_there = _trials(name), _kept(path).get("machines", [])
            known = {json.dumps(trial) for trial in there}
            added = [trial for trial in results["trials"] if json.dumps(trial) not in known]
            results = results | {"trials": there + added}
            machines = machines_there + [
                here for here in machines if added and here not in machines_there
            ]
        record = {"name": name, "quick": quick, "machines": machines, "results": results}
        return write_json(path, record)


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def pack(scores: Iterable[float]) -> str:
    """Return numbers on one line, since a results file may have thousands of these lists."""
    return " ".join(f"{score:.5f}" for score in scores)


def unpack(text: str) -> list[float]:
    """Return the numbers of a packed line."""
    return [float(word) for word in text.split()]

"""Comparison with pythae's VAE: training time, sampling speed, and the bound of unseen images.

Both sides use Fashion-MNIST, the same encoder and decoder, and a code of 32. The loss
is the cross-entropy of pixels in [0, 1], with beta = 1. Batches have 64 images. AdamW
has one peak learning rate and a cosine decay. pythae 0.1.2 trains with its
`BaseTrainer`, without progress bar and checkpoints, and samples with its
`NormalSampler`. It has no labels, so its networks are conditioned on one constant
class.

Both sides run in turn. pythae runs in its own process, because memory that our process
keeps for the next step (see `gen_augment.training.placement.keep_heap`) would help
both. Figures are medians of the rounds. "Tuned" is pythae with our defaults added by
hand: weights in channels-last layout, the fused AdamW, sampling without a graph, and
our process with the memory it keeps. "16 bits" is ours with `precision="auto"`, which the
table has where the processor has instructions for bfloat16.

There are three goals against pythae as installed. Steps are 1.4 times as fast. Samples
per second are 1.5 times as many. After equal steps the evidence lower bound is as high
or higher. One function computes the bound for both on the 10,000 test images. Labels
help, so the fair comparison uses our VAE with one of two random labels for each image,
which carry no information.

Chadebec, Vincent and Allassonnière, "Pythae: Unifying Generative Autoencoders in
Python", 2022 (arXiv:2206.08309).
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.harness import Measured, Record, markdown, measured_figure, paired_ratio
from benchmarks.pythae_vae import (
    BATCH_SIZE,
    LATENT_DIM,
    LR,
    WARM_STEPS,
    WIDTH,
    PythaeVAE,
    bound,
    pythae_module,
)
from gen_augment import ConditionalVAE
from gen_augment.data.sources import load_data
from gen_augment.training import Callback, Loop
from gen_augment.training.placement import bfloat16_pays

__all__ = ["figures", "run", "table"]

N_CLASSES = 10


def run(quick: bool) -> Record:
    """Measure times against pythae as installed and tuned, and the bounds."""
    # Our loop reads its losses at step 50, pythae's at each step: both have waited for a GPU
    # when the clock stops.
    timed_steps, epoch_steps, n_epochs, rounds, n_rows = (
        (10, 10, 1, 1, 500) if quick else (50, 100, 10, 5, 5000)
    )
    data = load_data("fashion-mnist").head(epoch_steps * BATCH_SIZE // N_CLASSES)
    if data.test is None:
        raise RuntimeError("Fashion-MNIST has a test part")
    few, n_steps = slice(timed_steps * BATCH_SIZE), epoch_steps * n_epochs
    results: Record = {"timed_steps": timed_steps - WARM_STEPS, "rows": n_rows}
    with _quiet(), tempfile.TemporaryDirectory() as folder, _apart(folder) as plain:
        sides = {"ours": _Ours()} | ({"16 bits": _Ours("auto")} if bfloat16_pays("cpu") else {})
        ours, tuned = sides["ours"], PythaeVAE(folder, tuned=True)
        pairs: dict[str, tuple[_Ours, Any]] = {"tuned": (ours, tuned), "plain": (ours, plain)}
        pairs |= {name: (mine, plain) for name, mine in sides.items() if mine is not ours}
        results["pythae"] = version("pythae")
        for name, (mine, theirs) in pairs.items():
            results[f"step, {name}"] = paired_ratio(
                _call(mine.fit, data.rows.X[few], data.rows.y[few], timed_steps),
                _call(theirs.fit, data.rows.X[few], 1),
                rounds,
            )
        bounds = results["bounds"] = {"steps": n_steps, "train_images": len(data.rows.X)}
        X, y = (part[: 500 if quick else None] for part in (data.test.X, data.test.y))
        plain.fit(data.rows.X, n_epochs)
        bounds["pythae"] = plain.bound(X)
        chance = np.random.default_rng(0)
        random = [chance.integers(2, size=n) for n in (len(data.rows), len(y))]
        for name, mine in sides.items():
            mine.fit(data.rows.X, random[0], n_steps)
            bounds[f"{name}, random labels"] = bound(mine.network, X, random[1])
        ours.fit(data.rows.X, data.rows.y, n_steps)
        bounds["ours, labels"] = bound(ours.network, X, y)
        for name, (mine, theirs) in pairs.items():
            results[f"sample, {name}"] = paired_ratio(
                _call(mine.sample, n_rows), _call(theirs.sample, n_rows), rounds
            )
    return results


def table(results: Record) -> str:
    """Return ratios of speed, and bounds in nats per image."""
    rows = []
    for (what, name), speed in _speeds(results).items():
        ours, theirs = (
            _in_unit(what, results[f"{what}, {name}"][key], results)
            for key in ("ours_ms", "bare_ms")
        )
        label = (
            {"step": "ms a step", "sample": "samples/s"}[what]
            + ", pythae"
            + {"plain": "", "tuned": ", tuned", "16 bits": ", ours in 16 bits"}[name]
        )
        spread = f"{speed.value:.2f} ({speed.low:.2f} to {speed.high:.2f})"
        rows.append([label, ours, theirs, spread, "" if speed.goal is None else f"{speed.goal}"])
    bounds = results["bounds"]
    for key, label, goal in (
        ("ours, random labels", "bound, no labels", "0 or more"),
        ("16 bits, random labels", "bound, no labels, 16 bits", "0 or more"),
        ("ours, labels", "bound, ours with labels", ""),
    ):
        if key not in bounds:
            continue
        mine, theirs = bounds[key], bounds["pythae"]
        rows.append(
            [f"{label}, nats", f"{mine:.2f}", f"{theirs:.2f}", f"{mine - theirs:+.2f}", goal]
        )
    return markdown(
        ["measurement", "ours", "pythae's", "relative speed (range), or difference", "goal"], rows
    )


def figures(results: Record) -> dict[str, Figure]:
    """Draw the relative speeds."""
    names = {"plain": "pythae as installed", "tuned": "pythae tuned", "16 bits": "ours in 16 bits"}
    found = {f"{what}, {names[name]}": speed for (what, name), speed in _speeds(results).items()}
    return {"speeds": measured_figure(found, "speed relative to pythae")}


def _speeds(results: Record) -> dict[tuple[str, str], Measured]:
    speeds = {}
    for what, goal in (("step", 1.4), ("sample", 1.5)):
        for name in ("plain", "tuned", "16 bits"):
            if f"{what}, {name}" not in results:
                continue  # without instructions for bfloat16
            found = results[f"{what}, {name}"]
            value, high, low = (1 / found[key] for key in ("ratio", "ratio_min", "ratio_max"))
            speeds[what, name] = Measured(value, low, high, None if name == "tuned" else goal)
    return speeds


def _in_unit(what: str, ms: float, results: Record) -> str:
    return (
        f"{ms / results['timed_steps']:.1f}"
        if what == "step"
        else f"{1000 * results['rows'] / ms:.0f}"
    )


class _Ours(Callback):
    """`ConditionalVAE` with the same settings."""

    def __init__(self, precision: str = "32-true") -> None:
        self.precision = precision

    def fit(self, X: np.ndarray, y: np.ndarray, n_steps: int) -> float:
        """Return seconds from the end of the first few steps to the end of the last."""
        self.sampler = ConditionalVAE(
            latent_dim=LATENT_DIM, width=WIDTH, likelihood="bce", beta=1, lr=LR,
            batch_size=BATCH_SIZE, max_steps=n_steps, random_state=0, callbacks=[self],
            precision=self.precision,
        ).fit(X, y)  # fmt: skip
        self.network = self.sampler.network_
        return self.stop - self.start

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        if loop.step == WARM_STEPS:
            self.start = time.perf_counter()
        self.stop = time.perf_counter()

    def sample(self, n: int) -> float:
        """Return the seconds for `n` images and their labels."""
        start = time.perf_counter()
        self.sampler.sample(n, random_state=0)
        return time.perf_counter() - start


class _Apart:
    """`PythaeVAE` as installed, in a process that waits for calls."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def fit(self, X: np.ndarray, n_epochs: int) -> float:
        return self.pool.submit(_there, "fit", X, n_epochs).result()

    def sample(self, n: int) -> float:
        return self.pool.submit(_there, "sample", n).result()

    def bound(self, X: np.ndarray) -> float:
        return self.pool.submit(_there, "bound", X).result()


@contextmanager
def _apart(folder: str) -> Iterator[_Apart]:
    pythae_module("models")  # raises before another process starts
    with ProcessPoolExecutor(1, get_context("spawn"), _begin, (folder,)) as pool:
        yield _Apart(pool)


#: Exists in the process of pythae alone.
_plain: list[PythaeVAE] = []


def _begin(folder: str) -> None:
    logging.disable(logging.INFO)
    _plain.append(PythaeVAE(folder, tuned=False))


def _there(method: str, *arguments: Any) -> float:
    return float(getattr(_plain[0], method)(*arguments))


def _call(function: Callable[..., float], *arguments: Any) -> Callable[[], float]:
    return lambda: function(*arguments)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide pythae's log messages, which ignore the log level."""
    previous = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(previous)

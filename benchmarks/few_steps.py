"""Few network evaluations for a row of a flow: speed, and what a classifier learns from the rows.

Each trial fits `ConditionalFlow` to 1,000 images a class, then draws 2,000 rows in several ways
from the same noise. "Heun" was the default until version 0.2.0: 8 steps of Heun's method, with 16
evaluations for a row. "steps" are those of Adams and Bashforth's method, with one evaluation
each. "student" is a second network with two evaluations (`student_steps=700`).

Rows train the small CNN of `gen_augment.study` alone, for 400 steps. The accuracy is the mean of
two such networks on 10,000 validation images, which are the last of the training file. No test
image is read. Speed is in rows per second of processor time on one thread, over that of Heun's
method. Both sides run in turn, and the figure is the median ratio of the rounds.

The goal is 8 times the speed at most 0.3 points lower, on both data sets, as a mean of three
seeds. Fits have 1,500 steps, half of the default. The cost of the student is a share of the time
of that fit.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.arrays import load_data
from benchmarks.generators import Scenario, accuracy, take_rows
from benchmarks.harness import Record, Trials, markdown, paired_ratio
from benchmarks.image_studies import coded
from gen_augment import ConditionalFlow, ConditionalGAN
from gen_augment.data import Rows
from gen_augment.training import Callback

__all__ = ["parts", "run", "table"]

DATA, SEEDS = ("mnist", "fashion-mnist"), 3
#: Images after these are for validation.
TRAINED = 50_000
STEPS = (4, 8)
HEUN = "Heun, 8 steps"
GOAL_SPEED, GOAL_POINTS = 8, 0.3


class _Stamp(Callback):
    """Notes the processor time at the end of the flow's own training."""

    def on_fit_end(self, sampler: Any, loop: Any) -> None:
        self.at = time.process_time()


def run(quick: bool) -> Record:
    """Run every missing trial; seeds run in turn."""
    trials = Trials("few-steps", quick)
    for seed in range(1 if quick else SEEDS):
        for name in DATA[-1:] if quick else DATA:
            trials.add({"data": name, "seed": seed}, partial(_trial, name, seed, quick))
    return {"trials": trials.done}


def _trial(name: str, seed: int, quick: bool) -> Record:
    per_class, steps, taught, n, trained = (
        (10, 5, 5, 20, 5) if quick else (1000, 1500, 700, 2000, 400)
    )
    real, validation = parts(name, per_class, seed)
    rounds, timed = (1, 10) if quick else (3, 64)
    stamp, start = _Stamp(), time.process_time()
    flow = ConditionalFlow(
        max_steps=steps, student_steps=taught, random_state=seed, device="cpu", callbacks=[stamp]
    ).fit(real.X, real.codes)
    fit, student = stamp.at - start, time.process_time() - stamp.at
    validation = validation.part(np.arange(100 if quick else len(validation)))
    here = Scenario(real, dict.fromkeys(range(10), n // 10), validation, trained)
    ways: dict[str, Callable[[Tensor, Tensor], Tensor]] = {HEUN: partial(heun, flow)}
    ways |= {f"{k} steps": partial(_in_steps, flow, k) for k in STEPS}
    ways["student, 2 evaluations"] = flow._generate
    assert float(flow.network_.taught) == 1, "the student is used"  # type: ignore[arg-type]
    gan = ConditionalGAN(max_steps=2, random_state=seed, device="cpu").fit(real.X, real.codes)
    found: Record = {"fit_seconds": fit, "student_seconds": student, "ways": {}}
    for way, make in ways.items():
        flow._generate = make  # type: ignore[assignment, method-assign]
        X, y = flow.sample(y=here.wanted, random_state=seed)
        scores = [accuracy(coded(X, y), here, 10 * seed + k) for k in range(2)]
        found["ways"][way] = {"accuracy": scores}
        if way != HEUN:
            found["ways"][way] |= _speed(flow, make, partial(heun, flow), rounds, timed)
    found["gan"] = _speed_of(gan, flow, partial(heun, flow), rounds, timed)
    return found


def parts(name: str, per_class: int, seed: int) -> tuple[Rows, Rows]:
    """Return training rows, and the last rows of the training file for validation."""
    data = load_data(name)
    rows = coded(data.X, data.y)
    counts = dict.fromkeys(range(10), per_class)
    validation = coded(data.X[TRAINED:], rows.codes[TRAINED:])
    return take_rows(data.X[:TRAINED], rows.codes[:TRAINED], counts, seed), validation


def heun(flow: ConditionalFlow, z: Tensor, y: Tensor, n_steps: int = 8) -> Tensor:
    """Solve the flow's equation by Heun's method, in steps of equal size."""
    x = z
    for t, later in pairwise(np.linspace(0, 1, n_steps + 1).tolist()):
        v = flow._velocity(x, t, y)
        x = x + (later - t) * (v + flow._velocity(x + (later - t) * v, later, y)) / 2
    return x


def _in_steps(flow: ConditionalFlow, n_steps: int, z: Tensor, y: Tensor) -> Tensor:
    flow.set_params(n_steps=n_steps)
    return flow._integrate(z, y, 0.0)


def _speed(
    flow: ConditionalFlow, ours: Callable[..., Tensor], bare: Callable[..., Tensor], rounds: int,
    n: int,
) -> Record:  # fmt: skip
    """Return how many times as fast `ours` samples as `bare`."""

    def seconds(make: Callable[..., Tensor]) -> float:
        flow._generate = make  # type: ignore[method-assign]
        return _seconds(flow, n)

    found = paired_ratio(partial(seconds, bare), partial(seconds, ours), rounds)
    return {"speed": found["ratio"], "rows_per_second": 1000 * n / found["bare_ms"]}


def _speed_of(
    gan: ConditionalGAN, flow: ConditionalFlow, bare: Callable[..., Tensor], rounds: int, n: int
) -> Record:
    flow._generate = bare  # type: ignore[method-assign]
    many = 16 * n  # as long as the flow takes
    found = paired_ratio(lambda: many / n * _seconds(flow, n), lambda: _seconds(gan, many), rounds)
    return {"speed": found["ratio"], "rows_per_second": 1000 * many / found["bare_ms"]}


def _seconds(sampler: Any, n: int) -> float:
    start = time.process_time()
    sampler.sample(n, random_state=0)
    return time.process_time() - start


def table(results: Record) -> str:
    """Return accuracy and speed of each way, by data set, and the cost of the student."""
    trials = results["trials"]
    rows = []
    for name in DATA:
        mine = [trial for trial in trials if trial["data"] == name]
        if not mine:
            continue
        first = _scores(mine, HEUN)
        for way in mine[0]["ways"]:
            scores = _scores(mine, way)
            speeds = [trial["ways"][way].get("speed", 1.0) for trial in mine]
            each = ", ".join(f"{100 * score:.1f}" for score in scores)
            rows.append([
                name, way, f"{100 * scores.mean():.1f} ({each})",
                f"{100 * (scores - first).mean():+.1f}", f"{np.median(speeds):.1f}",
            ])  # fmt: skip
        rows.append([name, "GAN", "", "", f"{np.median([t['gan']['speed'] for t in mine]):.1f}"])
    header = ["data", "rows", "validation accuracy, % (seeds)", "points", "times the speed"]
    cost = np.median([trial["student_seconds"] / trial["fit_seconds"] for trial in trials])
    return f"{markdown(header, rows)}\n\nThe student adds {100 * cost:.0f}% to the time of the fit."


def _scores(trials: list[Record], way: str) -> np.ndarray:
    return np.array([np.mean(trial["ways"][way]["accuracy"]) for trial in trials])

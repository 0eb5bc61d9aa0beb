"""Training and sampling in bfloat16: what a classifier learns from the samples, and times.

Each trial fits a sampler to 1,000 images a class twice from one seed, in 32 bits and with
``precision="bf16-mixed"``, and draws 2,000 rows from each. The second one is sampled in bfloat16,
as on a device with instructions for it, even where that does not pay. Rows train the small CNN of
`gen_augment.study` alone, for 400 steps. The accuracy is the mean of two such networks on 10,000
validation images, which are the last of the training file. No test image is read.

``precision="auto"`` takes bfloat16 where a device has such instructions. It is worth having if
the differences below are within noise. Fits are shorter than by default: 600 steps of a flow, 600
of a VAE, 1,200 of a GAN. Seconds are processor time.
"""

import time
from functools import partial
from unittest import mock

import numpy as np

from benchmarks.comparison import points
from benchmarks.few_steps import DATA, parts
from benchmarks.generators import Scenario, accuracy
from benchmarks.harness import Record, Trials, markdown
from benchmarks.image_studies import coded
from gen_augment.samplers import SAMPLERS
from gen_augment.study.statistics import paired_interval

__all__ = ["run", "table"]

SEEDS = range(3)
STEPS = {"flow": 600, "vae": 600, "gan": 1200}
PRECISIONS = ("32-true", "bf16-mixed")


def run(quick: bool) -> Record:
    """Run every missing trial; seeds run in turn."""
    trials = Trials("precision", quick)
    for seed in SEEDS[:1] if quick else SEEDS:
        for name in DATA[-1:] if quick else DATA:
            for method in ("vae",) if quick else STEPS:
                key = {"data": name, "sampler": method, "seed": seed}
                trials.add(key, partial(_trial, name, method, seed, quick))
    return {"trials": trials.done}


def _trial(name: str, method: str, seed: int, quick: bool) -> Record:
    per_class, steps, n, trained = (20, 3, 20, 5) if quick else (1000, STEPS[method], 2000, 400)
    real, validation = parts(name, per_class, seed)
    here = Scenario(real, dict.fromkeys(range(10), n // 10), validation, trained)
    found: Record = {}
    for precision in PRECISIONS:
        sampler = SAMPLERS[method](
            max_steps=steps, precision=precision, random_state=seed, device="cpu"
        )
        start = time.process_time()
        sampler.fit(real.X, real.codes)
        seconds = time.process_time() - start
        with mock.patch("gen_augment.training.placement.bfloat16_pays", return_value=True):
            X, y = sampler.sample(y=here.wanted, random_state=seed)
        scores = [accuracy(coded(X, y), here, 10 * seed + k) for k in range(2)]
        found[precision] = {"accuracy": float(np.mean(scores)), "fit_seconds": round(seconds, 1)}
    return found


def table(results: Record) -> str:
    """Return accuracy by precision, the difference, and the ratio of the times of the fits."""
    rows = []
    for name in DATA:
        for method in STEPS:
            mine = [t for t in results["trials"] if (t["data"], t["sampler"]) == (name, method)]
            if not mine:
                continue
            full, low = (np.array([t[p]["accuracy"] for t in mine]) for p in PRECISIONS)
            seconds = [
                t[PRECISIONS[1]]["fit_seconds"] / t[PRECISIONS[0]]["fit_seconds"] for t in mine
            ]
            change = paired_interval((low - full).tolist())
            rows.append([
                name, method, f"{100 * full.mean():.1f}", f"{100 * low.mean():.1f}",
                points(change), str(len(mine)), f"{np.median(seconds):.2f}",
            ])  # fmt: skip
    header = ["data", "sampler", "32 bits, %", "bfloat16, %", "points", "seeds", "time of a fit"]
    return markdown(header, rows)

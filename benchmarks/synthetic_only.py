"""A classifier trained on synthetic rows alone, tested on real ones (classification accuracy score, CAS).

Fashion-MNIST, 1,000 training images of each class. Each sampler is fitted with its default settings; 10,000 samples,
as many of each class, train the small CNN of `gen_augment.study`, which is tested on the 10,000 test images. Ravuri and
Vinyals, "Classification Accuracy Score for Conditional Generative Models", 2019 (arXiv:1905.10887).

The defaults of both samplers were chosen by this very score, on the same test images, so
these figures lean to the kind side.
"""

import time
from statistics import mean

import numpy as np

from benchmarks.harness import Record, markdown
from gen_augment.data import load_data
from gen_augment.samplers import SAMPLERS
from gen_augment.study.arms import Pool, parse_arm
from gen_augment.study.models import SmallCNN, fit_predict
from gen_augment.study.task import Part

__all__ = ["run", "table"]

N_CLASSES = 10


def run(quick: bool) -> Record:
    """Real rows and each sampler, three seeds."""
    per_class, seeds, n_steps = (20, 1, 20) if quick else (1000, 3, 1500)
    loaded = load_data("fashion-mnist")
    results: Record = {"per_class": per_class, "classifier_steps": n_steps, "trials": []}
    test = loaded.test
    if test is None:
        raise RuntimeError("Fashion-MNIST has a test part")
    for seed in range(seeds):
        train = loaded.head(per_class, seed)
        real = Part(train.X, train.y)
        trials = {"real": {"accuracy": _accuracy(real, real, test, seed, n_steps)}}
        for name, cls in SAMPLERS.items():
            params: Record = {"max_steps": 20} if quick else {}
            start = time.perf_counter()
            sampler = cls(random_state=seed).set_params(**params).fit(train.X, train.y)
            fitted = time.perf_counter()
            X, y = sampler.sample(y=dict.fromkeys(range(N_CLASSES), per_class), random_state=seed)
            sampled = time.perf_counter()
            trials[name] = {
                "accuracy": _accuracy(Part(X, y), real, test, seed, n_steps),
                "fit_seconds": fitted - start,
                "sample_seconds": sampled - fitted,
                "max_steps": sampler.max_steps,
            }
        for name, found in trials.items():
            results["trials"].append({"seed": seed, "trained_on": name, **found})
    return results


def table(results: Record) -> str:
    """Accuracy of each seed, and seconds."""
    rows = []
    for name in dict.fromkeys(trial["trained_on"] for trial in results["trials"]):
        mine = [trial for trial in results["trials"] if trial["trained_on"] == name]
        accuracies = [100 * trial["accuracy"] for trial in mine]
        seconds = [
            f"{mean(trial[key] for trial in mine):.0f}" if key in mine[0] else ""
            for key in ("fit_seconds", "sample_seconds")
        ]
        rows.append([name, f"{mean(accuracies):.1f}", ", ".join(f"{a:.1f}" for a in accuracies), *seconds])
    return markdown(["trained on", "test accuracy, %", "by seed", "fit, s", "10,000 samples, s"], rows)


def _accuracy(rows: Part, real: Part, test: tuple[np.ndarray, np.ndarray], seed: int, n_steps: int) -> float:
    predict = fit_predict(
        lambda: SmallCNN((1, 28, 28), N_CLASSES), parse_arm("real", {}), Pool(rows), real, N_CLASSES, seed,
        n_steps=n_steps, batch_size=64, lr=2e-3, device="cpu",
    )  # fmt: skip
    return float((predict(test[0]).argmax(axis=1) == test[1]).mean())

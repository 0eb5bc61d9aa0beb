"""Comparison with ctgan's CTGAN: seconds until samples are as useful to a classifier.

The table has 30,000 rows for training and 10,000 rows for testing. It has 9 numbers
(one skewed, one in two groups, one that is often 0, two correlated) and 6 categories of
2 to 12 values. The probability of the label is known. It depends on numbers, on
categories, and on numbers whose sign or weight a category decides. The score is the
area under the ROC curve of histogram gradient boosting on real rows. The classifier is
trained on 30,000 samples alone. The score of the true probability is the upper limit.

Each round is one seed. CTGAN of ctgan 0.12.1 is fitted for 30 epochs with batches of
500, and scored. Its default of 300 epochs would take ten times as long. Then each of
our samplers is fitted with batches of 500 and with 100, 200, 400, ... steps, until it
scores as high. Each of these fits is a whole training. The reported time is that of the
last fit alone. All fits run on a CPU. The goal is a fifth of CTGAN's time, or less.

Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019
(arXiv:1907.00503).
"""

import time
import warnings
from functools import partial
from importlib import import_module
from importlib.metadata import version
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks.harness import Measured, Record, Trials, markdown, measured_figure
from gen_augment.errors import MissingDependencyError, ModeCollapseWarning
from gen_augment.samplers import SAMPLERS

__all__ = ["draw_table", "figures", "run", "table"]

NAMES = ("gan", "vae", "flow")
N_CATEGORIES = {"a": 2, "b": 3, "c": 4, "d": 6, "e": 8, "f": 12}
BATCH_SIZE, FIRST_STEPS = 500, 100
LABEL = "label"
GOAL = 5


class Size(NamedTuple):
    """Training and test rows, CTGAN's epochs, the maximum steps of our samplers, and rounds."""

    rows: int
    tested: int
    epochs: int
    most_steps: int
    rounds: int


FULL, QUICK = Size(30_000, 10_000, 30, 6400, 3), Size(500, 300, 1, 100, 1)


def run(quick: bool) -> Record:
    """Run every missing trial, round by round."""
    size = QUICK if quick else FULL
    trials = Trials("ctgan", quick)
    ctgan = _ctgan()
    X, y, _ = draw_table(size.rows, 0)
    test, test_y, p = draw_table(size.tested, 1)
    with trials.alone():
        for seed in range(size.rounds):
            trials.add(
                {
                    "sampler": "ctgan",
                    "seed": seed,
                    "epochs": size.epochs,
                    "version": version("ctgan"),
                },
                partial(_fit_theirs, ctgan, X, y, (test, test_y), size.epochs, seed),
            )
            goal = next(
                t["auc"] for t in trials.done if t["sampler"] == "ctgan" and t["seed"] == seed
            )
            for name in NAMES:
                measure = partial(
                    _fit_ours, name, X, y, (test, test_y), size.most_steps, seed, goal
                )
                trials.add({"sampler": name, "seed": seed}, measure)
    real = _auc((X, y), (test, test_y), 0)
    return {"trials": trials.done, "bayes": float(roc_auc_score(test_y, p)), "real": real}


def draw_table(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return rows, labels, and the probability that each label is 1."""
    rng = np.random.default_rng([seed, n])
    kinds = {name: rng.choice(k, n, p=_shares(k)) for name, k in N_CATEGORIES.items()}
    z = rng.normal(size=(n, 9))
    z[:, 1] = 0.8 * z[:, 0] + 0.6 * z[:, 1]
    z[:, 2] += np.where(kinds["a"] == 1, 3, -1)
    z[:, 3] += 0.5 * kinds["c"]
    logit = (
        1.2 * z[:, 0] * np.where(kinds["b"] == 0, 1, -1)
        + 0.8 * np.sin(1.5 * z[:, 2])
        + z[:, 4] * z[:, 5] * (kinds["a"] == 1)
        + np.array([-1.0, 0.0, 0.5, 1.5, -0.5, 1.0])[kinds["d"]]
        + 0.7 * np.abs(z[:, 3]) * (kinds["e"] % 2)
        - 0.6 * (kinds["f"] > 6)
        - 1.5
    )
    numbers = {f"x{i}": column for i, column in enumerate(z.T)}
    numbers["x6"] = np.exp(z[:, 6])
    numbers["x7"] = np.maximum(z[:, 7], 0)
    categories = {
        k: pd.Categorical([f"{k}{i}" for i in v], [f"{k}{i}" for i in range(N_CATEGORIES[k])])
        for k, v in kinds.items()
    }
    p: np.ndarray = expit(logit)
    return pd.DataFrame(numbers | categories), (rng.random(n) < p).astype(np.int64), p


def _shares(k: int) -> np.ndarray:
    """Return the frequencies of k categories, each two thirds of the one before."""
    weights = (2 / 3) ** np.arange(k)
    return np.asarray(weights / weights.sum())


def _ctgan() -> Any:
    try:
        return import_module("ctgan").CTGAN
    except ImportError as error:
        raise MissingDependencyError(
            "This benchmark needs ctgan, which is not a dependency of gen_augment: "
            "pip install --no-deps -t FOLDER ctgan==0.12.1 rdt faker tzdata, "
            f"and set PYTHONPATH=FOLDER ({error})."
        ) from error


def _fit_theirs(
    ctgan: Any, X: pd.DataFrame, y: np.ndarray, test: Any, epochs: int, seed: int
) -> Record:
    whole = X.assign(**{LABEL: y})
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")  # of ctgan
        start = time.perf_counter()
        model = ctgan(epochs=epochs, batch_size=BATCH_SIZE, enable_gpu=False)
        model.set_random_state(seed)
        model.fit(whole, [*X.columns[X.dtypes == "category"], LABEL])
        seconds = time.perf_counter() - start
        made = model.sample(len(X))
    rows = made.drop(columns=LABEL).astype(X.dtypes.to_dict())
    return {
        "seconds": seconds,
        "auc": _auc((rows, made[LABEL].to_numpy().astype(np.int64)), test, seed),
    }


def _fit_ours(
    name: str, X: pd.DataFrame, y: np.ndarray, test: Any, most_steps: int, seed: int, goal: float
) -> Record:
    """Fit with more and more steps, until a fit reaches the goal or the maximum of steps."""
    fits: list[Record] = []
    steps = FIRST_STEPS
    while steps <= most_steps and (not fits or fits[-1]["auc"] < goal):
        sampler = SAMPLERS[name](random_state=seed, device="cpu").set_params(
            batch_size=BATCH_SIZE, max_steps=steps
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ModeCollapseWarning)
            start = time.perf_counter()
            sampler.fit(X, y)
            seconds = time.perf_counter() - start
        fits.append(
            {
                "steps": steps,
                "seconds": seconds,
                "auc": _auc(sampler.sample(len(X), random_state=seed), test, seed),
            }
        )
        steps *= 2
    return {"fits": fits, "reached": fits[-1]["auc"] >= goal}


def _auc(rows: Any, test: Any, seed: int) -> float:
    """Return the area under the ROC curve on the test rows of a classifier trained on `rows`.

    It is 0.5 if `rows` have only one class.
    """
    X, y = rows
    if len(np.unique(y)) < 2:
        return 0.5
    model = HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=seed
    ).fit(X, y)
    return float(roc_auc_score(test[1], model.predict_proba(test[0])[:, 1]))


def table(results: Record) -> str:
    """Return scores, seconds, and speed relative to CTGAN, by round."""
    trials = results["trials"]
    theirs = {t["seed"]: t for t in trials if t["sampler"] == "ctgan"}
    epochs = trials[0]["epochs"]
    rows = [[f"CTGAN, {epochs} epochs", "", _each([t["auc"] for t in theirs.values()], 3),
             _each([t["seconds"] for t in theirs.values()], 1), "", ""]]  # fmt: skip
    for name in NAMES:
        mine = [t for t in trials if t["sampler"] == name]
        last = [t["fits"][-1] for t in mine]
        missed = sum(not t["reached"] for t in mine)
        times = _times_as_fast(mine, theirs)
        speed = (
            f"not reached in {missed} of {len(mine)}"
            if missed
            else f"{times.value:.1f} ({times.low:.1f} to {times.high:.1f})"
        )
        steps = ", ".join(str(fit["steps"]) for fit in last)
        scores = _each([fit["auc"] for fit in last], 3)
        seconds = _each([fit["seconds"] for fit in last], 1)
        rows.append([name, steps, scores, seconds, speed, f"{GOAL}"])
    header = [
        "sampler",
        "steps",
        "area under the ROC curve",
        "seconds",
        "speed relative to CTGAN (range)",
        "goal",
    ]
    real, bayes = results["real"], results["bayes"]
    limits = f"Trained on real rows: {real:.3f}. The true probability: {bayes:.3f}."
    return markdown(header, rows) + "\n\n" + limits


def figures(results: Record) -> dict[str, Figure]:
    """Draw the relative speed of the samplers that always reached CTGAN's score."""
    theirs = {t["seed"]: t for t in results["trials"] if t["sampler"] == "ctgan"}
    by_name = {name: [t for t in results["trials"] if t["sampler"] == name] for name in NAMES}
    found = {
        name: _times_as_fast(mine, theirs)
        for name, mine in by_name.items()
        if all(t["reached"] for t in mine)
    }
    return {"speeds": measured_figure(found, "speed relative to CTGAN")} if found else {}


def _times_as_fast(mine: list[Record], theirs: dict[int, Record]) -> Measured:
    times = [theirs[t["seed"]]["seconds"] / t["fits"][-1]["seconds"] for t in mine]
    return Measured(median(times), min(times), max(times), GOAL)


def _each(values: list[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)

"""Do filters help? A classifier is trained on real rows and the rows that each filter keeps.

The data is Fashion-MNIST, at 100 images a class and with a long tail. The long tail has
500 images of the most frequent class down to 5, in geometric steps. The seed shuffles
the order of classes. A `ConditionalFlow` is fitted once for each seed. At 100 images a
class a `ConditionalGAN` is fitted as well. Both use ``class_balance=0``.

Three times as many rows are drawn as are needed. Each filter is fitted on the same real
rows and selects among the drawn rows. If it refuses more than two thirds of a class,
that class gets fewer rows. Synthetic rows make all classes equal. They are at least
half of the training rows of the small CNN of `gen_augment.study`. The CNN is trained
under flips and shifts, in equal steps for all arms. "Real" has no synthetic rows. For
the long tail its rows are repeated until all classes are equal.

The test images are balanced. No setting was selected on them, except for the first
defaults of `ConditionalGAN` (see ``generators``). Intervals are over seeds alone: other
test images would widen them.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from statistics import mean
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.base import clone

from benchmarks.generators import load_part, take_rows
from benchmarks.harness import Measured, Record, Trials, markdown, measured_figure
from benchmarks.image_studies import coded
from gen_augment.containers import concatenate
from gen_augment.data import Rows
from gen_augment.filters import (
    DiscriminatorRejection,
    Duplicates,
    LabelAgreement,
    Novelty,
    Outliers,
    Realism,
    RowFilter,
)
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.samplers import SAMPLERS, Sampler
from gen_augment.samplers.rejection import fit_filter
from gen_augment.study import Training
from gen_augment.study.arms import Pool, make_pool, parse_arm, synthetic_counts
from gen_augment.study.fitting import fit_predict
from gen_augment.study.metrics import scores
from gen_augment.study.parts import Parts
from gen_augment.study.statistics import Interval, holm, paired_interval

__all__ = ["figures", "run", "table"]

SEEDS = 5
POOL = 3  # rows drawn for each row that is needed
#: The sampler of each arm, and the filter of its rows.
ARMS: dict[str, tuple[str, RowFilter | None]] = {
    "flow": ("flow", None),
    "flow, LabelAgreement": ("flow", LabelAgreement()),
    "flow, Realism": ("flow", Realism()),
    "flow, Novelty": ("flow", Novelty()),
    "flow, Outliers": ("flow", Outliers()),
    "flow, Duplicates": ("flow", Duplicates()),
    "gan": ("gan", None),
    "gan, DiscriminatorRejection": ("gan", DiscriminatorRejection()),
}
#: Steps of the sampler and of the classifier, and the rows of each class, largest first.
ROWS: dict[str, tuple[int, int, list[int]]] = {
    "100 a class": (2000, 600, [100] * 10),
    "long tail": (2000, 1000, np.geomspace(500, 5, 10).round().astype(int).tolist()),
}


class Size(NamedTuple):
    """Seeds, share of rows, steps and test rows of a full or a quick run."""

    seeds: int
    share: float
    steps: int | None
    tested: int


FULL, QUICK = Size(SEEDS, 1.0, None, 10_000), Size(1, 0.1, 5, 200)


class Drawn(NamedTuple):
    """Real rows of one seed, a sampler fitted on them, its rows, and the test rows."""

    real: Rows
    sampler: Sampler
    made: Rows
    wanted: np.ndarray
    test: Rows


def run(quick: bool) -> Record:
    """Run every missing trial, sampler by sampler and seed by seed."""
    size = QUICK if quick else FULL
    trials = Trials("filters", quick)
    for sampler, groups in (("flow", tuple(ROWS)), ("gan", ("100 a class",))):
        for seed in range(size.seeds):
            for rows in groups:
                for arm in (
                    *(("real",) if sampler == "flow" else ()),
                    *(a for a, (s, _) in ARMS.items() if s == sampler),
                ):
                    key = {
                        "rows": rows,
                        "arm": arm,
                        "seed": seed,
                        "steps": list(_steps(rows, size)),
                    }
                    trials.add(key, partial(_trial, rows, arm, seed, size))
    return {"trials": trials.done}


def _steps(rows: str, size: Size) -> tuple[int, int]:
    sampler, classifier, _ = ROWS[rows]
    return (size.steps or sampler, size.steps or classifier)


@lru_cache(maxsize=1)
def drawn(rows: str, name: str, seed: int, size: Size) -> Drawn:
    """Return real rows of each class, and `POOL` times as many synthetic rows as needed."""
    train, test = load_part("fashion-mnist", size.tested)
    counts = np.random.default_rng(seed).permutation(
        [max(4, round(size.share * n)) for n in ROWS[rows][2]]
    )
    real = take_rows(train.X, train.codes, dict(enumerate(counts.tolist())), seed)
    wanted = synthetic_counts(counts)
    sampler = SAMPLERS[name](max_steps=_steps(rows, size)[0], random_state=seed).set_params(
        class_balance=0.0
    )
    sampler.fit(real.X, real.codes)
    made = sampler.sample(y=dict(enumerate((POOL * wanted).tolist())), random_state=seed)
    return Drawn(real, sampler, coded(made[0], made[1], 10), wanted, test)


def _trial(rows: str, arm: str, seed: int, size: Size) -> Record:
    name, gate = ARMS.get(arm, ("flow", None))
    here, n_steps = drawn(rows, name, seed, size), _steps(rows, size)[1]
    if arm == "real":
        baseline = parse_arm("oversample" if rows == "long tail" else "real", {})
        split = Parts(here.real, here.real, here.test)
        return _score(make_pool(baseline, split, seed, float).rows, here, seed, n_steps)
    passed = np.ones(len(here.made), bool)
    if gate is not None:
        gate = clone(gate)
        if size is QUICK:  # short training of the filter's classifier, few reference rows
            small = {"n_steps": 5, "features": "values", "n_reference": 10}
            gate.set_params(
                **{key: value for key, value in small.items() if key in gate.get_params()}
            )
        fit_filter(gate, Rows.read(here.real.X, here.real.codes), here.sampler)
        passed = gate.keep(here.made.X, here.made.codes)
    chosen = np.concatenate(
        [np.flatnonzero(passed & (here.made.codes == c))[:n] for c, n in enumerate(here.wanted)]
    )
    kept = {"kept": float(passed.mean()), "found": len(chosen) / int(here.wanted.sum())}
    return kept | _score_chosen(rows, name, seed, size, tuple(chosen.tolist()))


@lru_cache
def _score_chosen(rows: str, name: str, seed: int, size: Size, chosen: tuple[int, ...]) -> Record:
    """Return the scores of real rows with these synthetic rows.

    Filters that refuse nothing share one result.
    """
    here, which = drawn(rows, name, seed, size), np.array(chosen, dtype=np.int64)
    X = concatenate([here.real.X, here.made.X[which]])
    both = coded(X, np.concatenate([here.real.codes, here.made.codes[which]]), 10)
    return _score(both, here, seed, _steps(rows, size)[1])


def _score(rows: Rows, here: Drawn, seed: int, n_steps: int) -> Record:
    shape = (1, *here.test.X.shape[1:])
    predict = fit_predict(
        lambda: SmallCNN(shape, 10), parse_arm("flip+shift", {}), Pool(rows), here.real, seed,
        Training(n_steps, device="cpu"),
    )  # fmt: skip
    found = scores(here.test.codes, predict(here.test.X))
    return {metric: found[metric] for metric in ("balanced_accuracy", "worst_class_recall")}


def table(results: Record) -> str:
    """Return means over seeds, and the change by each filter in points.

    Changes have 95% intervals and p-values after Holm's correction.
    """
    parts = []
    for rows in ROWS:
        by_arm = _by_arm(results, rows)
        gains = _gains(by_arm)
        adjusted = dict(zip(gains, holm([gain.p_value for gain in gains.values()]), strict=True))
        lines = []
        for arm, trials in by_arm.items():
            accuracy = [100 * t["balanced_accuracy"] for t in trials]
            effect = ["", ""]
            if arm in gains:
                gain = gains[arm]
                effect = [
                    f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]",
                    f"{adjusted[arm]:.2f}",
                ]
            lines.append([
                arm,
                f"{mean(accuracy):.1f} ({', '.join(f'{a:.1f}' for a in accuracy)})",
                *effect,
                f"{100 * mean(t['worst_class_recall'] for t in trials):.1f}",
                *(
                    f"{100 * mean(t[key] for t in trials):.0f}" if key in trials[0] else ""
                    for key in ("kept", "found")
                ),
            ])  # fmt: skip
        header = [
            "trained on",
            "balanced accuracy, %",
            "gain of the filter, points",
            "p (Holm)",
            "worst-class recall, %",
            "rows that pass, %",
            "of the needed rows, %",
        ]
        parts.append(f"**{rows}**\n\n{markdown(header, lines)}")
    return "\n\n".join(parts)


def figures(results: Record) -> dict[str, Figure]:
    """Draw the change by each filter."""
    found = {
        f"{rows}: {arm}": Measured(gain.mean, gain.low, gain.high)
        for rows in ROWS
        for arm, gain in _gains(_by_arm(results, rows)).items()
    }
    return {
        "gains": measured_figure(
            found, "gain of the filter, points of balanced accuracy", ratios=False
        )
    }


def _by_arm(results: Record, rows: str) -> dict[str, list[Record]]:
    arms = ("real", *ARMS)
    by_arm = {
        arm: [t for t in results["trials"] if t["rows"] == rows and t["arm"] == arm] for arm in arms
    }
    return {arm: trials for arm, trials in by_arm.items() if trials}


def _gains(by_arm: Mapping[str, list[Record]]) -> dict[str, Interval]:
    """Return the gain of each filter over the unfiltered rows, in points."""
    return {
        arm: paired_interval(_differences(trials, by_arm[arm.split(",")[0]]))
        for arm, trials in by_arm.items()
        if "," in arm
    }


def _differences(trials: list[Record], plain: list[Record]) -> list[float]:
    """Return differences in points, by seed."""
    before = {t["seed"]: t["balanced_accuracy"] for t in plain}
    return [100 * (t["balanced_accuracy"] - before[t["seed"]]) for t in trials]

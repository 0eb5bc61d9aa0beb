"""Protocols of images: runs of one seed, compared by `gen_augment.study` and kept as JSON.

A protocol has a `Study` of one seed for each set of rows and each seed. When all arms
of a seed are done, its trials go to ``results/NAME.json``. Until then they are in
``benchmarks/work/NAME/``. A stopped run resumes with the arm that was running. A fresh
checkout starts with the first seed that the JSON lacks. An arm that was added later, or
that failed, is run alone. Processes that run one protocol at the same time divide its
seeds. The rows, the samplers and the classifiers of a seed are derived from its number
alone.

All arms run three seeds. The three best arms on validation with a generative sampler,
and the three best without, then run the other seven. This is one round of successive
halving (Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed bandits",
ICML 2013). So the arms that may be selected have ten seeds.

The arm is selected on validation over all seeds, and so is the best arm without a
generative sampler. The gain is their paired difference on the test images. No setting
was selected on the test images, except for the first defaults of `ConditionalGAN` (see
``generators``). Intervals hold for this pool of training images: in the largest sets of
rows, most images are in every seed.

Classifiers are the small CNN of `gen_augment.study`, in equal steps for all arms. A
trial stores a hash of the code that ran it. All networks are trained in mixed bfloat16.
Over twelve seeds at 100 images a class, on 10,000 validation images, the classifier had
0.10 points more than in 32 bits (standard error 0.05).
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from matplotlib.figure import Figure

from benchmarks.arrays import Data, load_data
from benchmarks.comparison import (
    Goal,
    arms_table,
    compared,
    gains_figure,
    judge,
    n_seeds,
    points,
    words,
)
from benchmarks.harness import WORK, Record, Trials, markdown
from benchmarks.protocol_records import study_result, to_record
from gen_augment.errors import InputError
from gen_augment.study import Study, StudyResult
from gen_augment.study.predictions import robustness
from gen_augment.training import keep_heap

__all__ = ["DEVICE", "PRECISION", "Protocol", "Setup", "images", "test_part"]

#: Number of seeds of all arms and of the finalists, and of finalists of each kind.
FIRST, SEEDS, FINALISTS = 3, 10, 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PRECISION = "bf16-mixed"
#: Samplers that interpolate between rows, as SMOTE does, are not generative models.
BASELINE_SAMPLERS = frozenset({"latent-smote"})


@dataclass(frozen=True)
class Setup:
    """One set of rows.

    Attributes
    ----------
    arms : tuple of str
        Arms in order.
    steps : dict of str to int
        Training steps of the "classifier" and of each sampler.
    """

    arms: tuple[str, ...]
    steps: Mapping[str, int]

    def quick(self) -> "Setup":
        """Return the same arms with very few steps."""
        return Setup(self.arms, dict.fromkeys(self.steps, 3))


@dataclass(frozen=True)
class Protocol:
    """Setups by name, and the function that creates the study of a seed.

    Attributes
    ----------
    name : str
    setups : dict of str to Setup
    make : callable
        ``make(rows, setup, seed, quick)`` returns a `Study` of one seed with the arms of the
        setup.
    published : sequence of (str, float or str)
        Published scores of other methods, in hundredths of the metric.
    source : str
        Source of the published scores, and how its set-up differs.
    goals : dict of str to Goal
        Goals by setup.
    first : int
        Number of seeds that all arms run.
    """

    name: str
    setups: Mapping[str, Setup]
    make: Callable[[str, Setup, int, bool], Study]
    published: Sequence[tuple[str, float | str]] = ()
    source: str = ""
    goals: Mapping[str, Goal] = field(default_factory=dict)
    first: int = FIRST

    def run(self, quick: bool) -> Record:
        """Run what is missing: all arms of each setup, then the finalists of each setup.

        A quick run has one seed of two setups.
        """
        trials = Trials(self.name, quick)
        setups = {rows: setup.quick() if quick else setup for rows, setup in self.setups.items()}
        for rows in list(setups)[: 2 if quick else None]:
            for seed in range(1 if quick else min(self.first, SEEDS)):
                self._complete(trials, rows, setups[rows], seed)
        for rows in () if quick else setups:
            finalists = Setup(self.finalists({"trials": trials.done}, rows), setups[rows].steps)
            for seed in range(self.first, SEEDS):
                self._complete(trials, rows, finalists, seed)
        return {"trials": trials.done}

    def _complete(self, trials: Trials, rows: str, setup: Setup, seed: int) -> None:
        """Run the missing arms of a seed, unless another process runs that seed."""
        keys = {
            arm: {"rows": rows, "seed": seed, "arm": arm, "steps": setup.steps}
            for arm in setup.arms
        }
        if all(map(trials.has, keys.values())):
            return
        with trials.claim({"rows": rows, "seed": seed}) as mine:
            lacking = tuple(arm for arm, key in keys.items() if not trials.has(key))
            if not mine or not lacking:
                return
            folder = (
                Path(mkdtemp())
                if trials.quick
                else WORK / self.name / f"{rows}-{seed}".replace(" ", "-")
            )
            found = self._seed(rows, Setup(lacking, setup.steps), seed, trials.quick, folder)
            trials.extend([keys[arm] | found[arm] for arm in lacking])
            shutil.rmtree(folder)

    def _seed(
        self, rows: str, setup: Setup, seed: int, quick: bool, folder: Path
    ) -> dict[str, Record]:
        folder.mkdir(parents=True, exist_ok=True)
        keep_heap()  # training is 5% faster
        study = self.make(rows, setup, seed, quick)
        result = study.run(folder / "study", on_trial=None if quick else _say)
        elsewhere = robustness(result)
        return {
            str(t["arm"]): to_record(result, t, elsewhere) for t in result.trials.to_dict("records")
        }

    def finalists(self, results: Record, rows: str) -> tuple[str, ...]:
        """Return the arms of a setup, in order, that run the remaining seeds.

        There are none until all arms have run the first seeds.
        """
        result = self.result(
            {"trials": [t for t in results["trials"] if t["seed"] < self.first]}, rows
        )
        if result is None or result.n_seeds < self.first:
            return ()
        means = result.scores("validation").mean().drop(list(result.controls), errors="ignore")
        kinds = [[arm for arm in means.index if result.arms[arm] == kind] for kind in (False, True)]
        best = {arm for kind in kinds for arm in means[kind].nlargest(FINALISTS).index}
        return tuple(arm for arm in result.arms if arm in best)

    def stages(self, results: Record) -> dict[str, dict[str, StudyResult]]:
        """Return the results of each setup that has any.

        The first is the result of all arms. The second is the result of the finalists,
        if they have more seeds.
        """
        found = dict[str, dict[str, StudyResult]]()
        for rows in self.setups:
            result, finalists = self.result(results, rows), self.finalists(results, rows)
            if result is not None:
                found[rows] = {rows: result}
            final = self.result(results, rows, finalists) if finalists else None
            if final is not None and final.n_seeds > self.first:
                found[rows][f"{rows}, finalists"] = final
        return found

    def result(
        self, results: Record, rows: str, arms: Sequence[str] | None = None
    ) -> StudyResult | None:
        """Return the result of all seeds of a setup that have every arm, or every arm in `arms`.

        It is None if there are no such seeds. Trials with other steps than the last
        trial are left out, since settings may have changed.
        """
        setup = self.setups[rows]
        arms = setup.arms if arms is None else arms
        mine = [t for t in results["trials"] if t["rows"] == rows]
        by_key = {(t["seed"], t["arm"]): t for t in mine if t["steps"] == mine[-1]["steps"]}
        seeds = [
            seed
            for seed in sorted({seed for seed, _ in by_key})
            if all((seed, arm) in by_key for arm in arms)
        ]
        if not seeds:
            return None
        return study_result(by_key, seeds, {arm: is_generative(arm, setup) for arm in arms})

    def table(self, results: Record) -> str:
        """Return the arms of each setup, the selected arms, the goal, and published scores."""
        parts = []
        for rows, stages in self.stages(results).items():
            parts += [
                f"**{title}**, {n_seeds(result)}\n\n{arms_table(result)}"
                for title, result in stages.items()
            ]
            parts.append(self._words(results, rows, last_of(stages)))
        if (n := len({trial.get("code") for trial in results["trials"]})) > 1:
            parts.append(
                f"The trials ran under {n} versions of the code. "
                "Trials without a version count as one."
            )
        return "\n\n".join([*parts, *self._words_of_others()])

    def summary(self, results: Record) -> str:
        """Return the same as `table`, for the finalists alone where they are known."""
        parts = []
        for rows, stages in self.stages(results).items():
            last, finalists = last_of(stages), self.finalists(results, rows)
            shown = (self.result(results, rows, finalists) if finalists else None) or last
            parts.append(
                f"**{rows}**, {n_seeds(shown)}\n\n{arms_table(shown)}\n\n"
                f"{self._words(results, rows, last)}"
            )
        return "\n\n".join([*parts, *self._words_of_others()])

    def _words(self, results: Record, rows: str, last: StudyResult) -> str:
        parts = [words(last)]
        if last.n_seeds > self.first:
            parts.append(self._words_of_fresh_seeds(results, rows, last))
        if rows in self.goals:
            parts.append(judge(self.goals[rows], last))
        return " ".join(parts)

    def _words_of_others(self) -> list[str]:
        lines = [[name, str(figure)] for name, figure in self.published]
        return (
            [f"Published: {self.source}\n\n{markdown(['method', 'published, %'], lines)}"]
            if lines
            else []
        )

    def _words_of_fresh_seeds(self, results: Record, rows: str, final: StudyResult) -> str:
        """Return the gain on the seeds that did not select the finalists."""
        fresh = {"trials": [t for t in results["trials"] if t["seed"] >= self.first]}
        result = self.result(fresh, rows, tuple(final.arms))
        arm, reference = final.best(generative=True), final.best(generative=False)
        if result is None or arm is None or reference is None:
            return ""
        gain = points(result.difference(arm, reference))
        return f"On the seeds after the first {self.first} alone, the gain is {gain}."

    def found(self, results: Record) -> list[list[str]]:
        """Return name, seeds, selected arms and gain of each setup."""
        last = {rows: last_of(stages) for rows, stages in self.stages(results).items()}
        return [[rows, str(result.n_seeds), *compared(result)] for rows, result in last.items()]

    def figures(self, results: Record) -> dict[str, Figure]:
        """Draw the gain of each arm over the best arm without a generative sampler."""
        return gains_figure(
            {rows: list(stages.values()) for rows, stages in self.stages(results).items()}
        )


def last_of(stages: Mapping[str, StudyResult]) -> StudyResult:
    """Return the final result, which decides."""
    *_, last = stages.values()
    return last


def is_generative(arm: str, setup: Setup) -> bool:
    """Return whether an arm uses a sampler with a learned density."""
    heads = {step.split(":")[0] for step in arm.split("+")}
    return bool(heads & (setup.steps.keys() - {"classifier", *BASELINE_SAMPLERS}))


@lru_cache(maxsize=1)
def images(name: str, quick: bool) -> Data:
    """Load a data set with its test part. A quick run uses a small part of it."""
    loaded = load_data(name)
    if not quick:
        return loaded
    small, test = loaded.head(40), Data(name, *test_part(loaded)).head(10)
    return Data(name, small.X, small.y, test=(test.X, test.y), mirror=loaded.mirror)


def test_part(data: Data) -> tuple[Any, Any]:
    """Return the test part of a data set, or raise an error."""
    if data.test is None:
        raise InputError(
            f"{data.name} has no test part: use a folder with the subfolders train and test."
        )
    return data.test


def _say(trial: Record, done: int, n: int) -> None:
    print(f"{done}/{n} {trial['arm']}", trial["error"] or "", flush=True)

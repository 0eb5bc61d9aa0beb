"""What the image protocols share: seeds run one at a time, kept as JSON, compared by `gen_augment.study`.

A protocol is a `Study` of one seed for each set of rows and each seed. A seed's trials go to ``results/NAME.json`` as
soon as all of its arms are done, and while they run, to ``benchmarks/work/NAME/``: a run that was stopped goes on with
the arm it was at, and a fresh checkout with the first seed that its JSON lacks; where an arm was added since, or
failed, it alone is run. Processes that run one protocol side by side divide its seeds. Everything that decides a seed
is derived from its number: the rows drawn, samplers and classifiers.

All arms run three seeds. The three best on validation with a generative sampler, and the three best without, then run
the other seven (successive halving in one round: Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed
bandits", ICML 2013), so that ten seeds go to the arms that may be chosen.

The arm is chosen on validation over all seeds, and its gain over the best arm without a generative sampler, chosen
likewise, is the paired difference on the test images, which no setting was chosen on, but for the first defaults of
`ConditionalGAN` (see ``generators``). Intervals are for this pool of training images: of the largest sets of rows, most
images are in every seed's. Classifiers are the small CNN of `gen_augment.study`, in equal steps for all arms. A trial
keeps a hash of the code that it ran under. All networks are trained in bfloat16, mixed: over twelve
seeds at 100 images a class, 10,000 validation images, the classifier had 0.10 points more than in 32 bits (standard
error 0.05).
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, clone
from torch import nn

from benchmarks.arrays import Data, load_data
from benchmarks.comparison import (
    METRIC,
    Goal,
    arms_table,
    compared,
    gains_figure,
    judge,
    n_seeds,
    points,
    words,
)
from benchmarks.harness import WORK, Record, Trials, markdown, pack, unpack
from gen_augment.data import LabelCodec, Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Image
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.rng import derive_seed
from gen_augment.samplers import ConditionalFlow, ConditionalGAN, ConditionalVAE, PairedVAE
from gen_augment.study import Arm, Conditions, Split, Study, StudyResult, Training, parse_arm
from gen_augment.study.arms import Pool
from gen_augment.study.findings import scores_left_out
from gen_augment.study.fitting import fit_predict
from gen_augment.study.metrics import METRICS
from gen_augment.study.predictions import class_recall, robustness
from gen_augment.study.trial import columns as trial_columns

__all__ = [
    "Fitted",
    "Protocol",
    "Setup",
    "coded",
    "image_samplers",
    "images",
    "one_seed",
    "test_part",
    "trained",
]

#: Seeds of all arms and of those that stay, and how many stay with and without a generative sampler.
FIRST, SEEDS, FINALISTS = 3, 10, 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PRECISION = "bf16-mixed"
#: They interpolate between rows, as SMOTE does, and are no generative models.
BASELINE_SAMPLERS = frozenset({"latent-smote"})
_KEPT = (
    "error", "code", "n_train", "n_synthetic", "train_balanced_accuracy", "validation_balanced_accuracy",
    "test_balanced_accuracy", "test_worst_class_recall", "test_macro_f1", "test_nll", "test_ece",
    "fit_seconds", "sample_seconds", "train_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """One set of rows.

    Attributes
    ----------
    arms : tuple of str
        In order.
    steps : dict of str to int
        Of the "classifier" and of each sampler.
    """

    arms: tuple[str, ...]
    steps: Mapping[str, int]

    def quick(self) -> "Setup":
        """As many arms, next to no steps."""
        return Setup(self.arms, dict.fromkeys(self.steps, 3))


@dataclass(frozen=True)
class Protocol:
    """Setups by name, and how a seed's study is made.

    Attributes
    ----------
    name : str
    setups : dict of str to Setup
    make : callable
        ``make(rows, setup, seed, quick)`` gives a `Study` of one seed, whose arms are the setup's.
    published : sequence of (str, float or str)
        What others report, in the metric's hundredths.
    source : str
        Of those, and how their set-up differs.
    goals : dict of str to Goal
        By setup.
    first : int
        Seeds that all arms run.
    """

    name: str
    setups: Mapping[str, Setup]
    make: Callable[[str, Setup, int, bool], Study]
    published: Sequence[tuple[str, float | str]] = ()
    source: str = ""
    goals: Mapping[str, Goal] = field(default_factory=dict)
    first: int = FIRST

    def run(self, quick: bool) -> Record:
        """What is not there yet: all arms of each setup, then the finalists of each; quickly, a seed of two setups."""
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
        """Run the arms that a seed lacks, unless another process is at that seed."""
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
        study = self.make(rows, setup, seed, quick)
        result = study.run(folder / "study", on_trial=None if quick else _say)
        elsewhere = robustness(result)
        return {
            str(t["arm"]): _record(result, t, elsewhere) for t in result.trials.to_dict("records")
        }

    def finalists(self, results: Record, rows: str) -> tuple[str, ...]:
        """Arms of a setup, in order, that go on after the first seeds; none while these are not whole."""
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
        """Of the setups that have any: the result of all arms, and of the finalists where they have more seeds."""
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
        """All seeds of a setup that have every arm, or those named, as a study's result; None where there are none.

        Trials of other steps than the last are left out: settings may have been changed.
        """
        arms = self.setups[rows].arms if arms is None else arms
        mine = [t for t in results["trials"] if t["rows"] == rows]
        by_key = {(t["seed"], t["arm"]): t for t in mine if t["steps"] == mine[-1]["steps"]}
        seeds = [
            seed
            for seed in sorted({seed for seed, _ in by_key})
            if all((seed, arm) in by_key for arm in arms)
        ]
        if not seeds:
            return None
        trials = [by_key[seed, arm] for seed in seeds for arm in arms]
        columns = {name: [trial.get(name) for trial in trials] for name in ("arm", "seed", *_KEPT)}
        names = trial_columns()
        table = pd.DataFrame({name: columns.get(name, [np.nan] * len(trials)) for name in names})
        scores = [name for name in names if name not in ("arm", "seed", "error", "code")]
        return StudyResult(
            table.astype(dict.fromkeys(scores, float)),
            {arm: is_generative(arm, self.setups[rows]) for arm in arms},
            (METRICS[METRIC],),
            {"n_seeds": len(seeds)},
            controls=frozenset(arm for arm in arms if "shuffled" in arm),
            left_out={
                arm: np.array([unpack(by_key[s, arm]["left_out"]) for s in seeds])
                for arm in arms
                if all(by_key[s, arm]["error"] is None for s in seeds)
            },
        )

    def table(self, results: Record) -> str:
        """Arms of each setup, what was chosen, the goal, and what others report."""
        parts = []
        for rows, stages in self.stages(results).items():
            parts += [
                f"**{title}**, {n_seeds(result)}\n\n{arms_table(result)}"
                for title, result in stages.items()
            ]
            parts.append(self._words(results, rows, last_of(stages)))
        if (n := len({trial.get("code") for trial in results["trials"]})) > 1:
            parts.append(
                f"The trials ran under {n} versions of the code; those that kept none count as one."
            )
        return "\n\n".join([*parts, *self._words_of_others()])

    def summary(self, results: Record) -> str:
        """As `table`, of the finalists alone where they are known."""
        parts = []
        for rows, stages in self.stages(results).items():
            last, finalists = last_of(stages), self.finalists(results, rows)
            shown = (self.result(results, rows, finalists) if finalists else None) or last
            parts.append(
                f"**{rows}**, {n_seeds(shown)}\n\n{arms_table(shown)}\n\n{self._words(results, rows, last)}"
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
        """The gain on the seeds that had no say in who the finalists are."""
        fresh = {"trials": [t for t in results["trials"] if t["seed"] >= self.first]}
        result = self.result(fresh, rows, tuple(final.arms))
        arm, reference = final.best(generative=True), final.best(generative=False)
        if result is None or arm is None or reference is None:
            return ""
        return f"Over the seeds after the first {self.first} alone it is {points(result.difference(arm, reference))}."

    def found(self, results: Record) -> list[list[str]]:
        """Of each setup its name, seeds, the chosen arms without and with synthetic rows, and the gain."""
        last = {rows: last_of(stages) for rows, stages in self.stages(results).items()}
        return [[rows, str(result.n_seeds), *compared(result)] for rows, result in last.items()]

    def figures(self, results: Record) -> dict[str, Figure]:
        """Gain of each arm over the best without a generative sampler, one panel a setup."""
        return gains_figure(
            {rows: list(stages.values()) for rows, stages in self.stages(results).items()}
        )


class Fitted(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A sampler that a subclass fits in a way of its own, with more than the training rows.

    Attributes
    ----------
    sampler : Sampler
        Not fitted.
    random_state : int
    fitted_ : Sampler
    """

    sampler: Any
    random_state: int
    fitted_: Any

    def fresh(self) -> Any:
        """The sampler to fit."""
        return clone(self.sampler).set_params(random_state=self.random_state)

    def generate(self, index: np.ndarray, y: np.ndarray) -> Any:
        """Rows by address."""
        return self.fitted_.generate(index, y)

    def vary(self, X: Any, y: np.ndarray, **how: Any) -> Any:
        """New versions of rows."""
        return self.fitted_.vary(X, y, **how)


def last_of(stages: Mapping[str, StudyResult]) -> StudyResult:
    """The result that decides."""
    *_, last = stages.values()
    return last


def is_generative(arm: str, setup: Setup) -> bool:
    """Whether a sampler with a learned density takes part in an arm."""
    heads = {step.split(":")[0] for step in arm.split("+")}
    return bool(heads & (setup.steps.keys() - {"classifier", *BASELINE_SAMPLERS}))


@lru_cache(maxsize=1)
def images(name: str, quick: bool) -> Data:
    """A data set with its test part; when all that counts is the machinery, a small part of it."""
    loaded = load_data(name)
    if not quick:
        return loaded
    small, test = loaded.head(40), Data(name, *test_part(loaded)).head(10)
    return Data(name, small.X, small.y, test=(test.X, test.y), mirror=loaded.mirror)


def test_part(data: Data) -> tuple[Any, Any]:
    """The test part that comes with the data, or an error."""
    if data.test is None:
        raise InputError(
            f"{data.name} has no test part: make it a folder that holds the folders train and test."
        )
    return data.test


def image_samplers(steps: Mapping[str, int], mirror: bool, quick: bool) -> dict[str, Any]:
    """Samplers that protocols share, those that `steps` names.

    "latent-smote" is a baseline, DeepSMOTE's idea: rows between the codes of an auto-encoder, which
    ``ConditionalVAE(beta=0, latent="interpolate")`` is. It lacks DeepSMOTE's permutation loss.
    """
    size: Any = {"precision": PRECISION} | ({"width": 4} if quick else {})
    flow: Any = {"n_steps": 1} if quick else {}
    known: dict[str, Callable[[int], Any]] = {
        "vae": lambda n: ConditionalVAE(max_steps=n, **size),
        "gan": lambda n: ConditionalGAN(max_steps=n, mirror=mirror, **size),
        "flow": lambda n: ConditionalFlow(max_steps=n, mirror=mirror, **size, **flow),
        "paired": lambda n: PairedVAE(max_steps=n, **size),
        "latent-smote": lambda n: ConditionalVAE(max_steps=n, beta=0, latent="interpolate", **size),
    }
    return {name: known[name](n) for name, n in steps.items() if name in known}


def coded(X: np.ndarray, codes: np.ndarray, n_classes: int | None = None) -> Rows:
    """Images with these class codes; by default those of all classes up to the highest."""
    n = int(codes.max()) + 1 if n_classes is None else n_classes
    return Rows(X, codes.astype(np.int64), LabelCodec(np.arange(n), "ndarray", "<i8"), Image())


def trained(
    real: Rows, recipe: str, seed: int, n_steps: int, model: Callable[[], nn.Module] | None = None
) -> Callable[[Any], np.ndarray]:
    """Class probabilities by the small CNN, trained on grey images alone, whose codes count all classes."""
    shape, n_classes = (1, *real.X.shape[1:]), real.n_classes
    training = Training(n_steps, device=DEVICE, precision=PRECISION)
    arm = parse_arm(recipe, {})
    model = model or (lambda: SmallCNN(shape, n_classes))
    return fit_predict(model, arm, Pool(real), real, seed, training)


def one_seed(
    data: Data, setup: Setup, samplers: Mapping[str, Any], seed: int, own_rows: Mapping[str, Any] | None = None,
    *, per_class: Any = None, validation_size: float = 0.2, shifted: Any = None, model: Any = None,
) -> Study:  # fmt: skip
    """A study of one seed, tested on the test part that comes with the data; `own_rows` are row steps by name."""
    arms: list[str | Arm] = []
    for name in setup.arms:
        head, *steps = name.split("+")
        rows = (own_rows or {}).get(head)
        arms.append(name if rows is None else Arm(name, rows=rows, batch_steps=tuple(steps)))
    split = Split(
        test=test_part(data),
        validation_size=validation_size,
        per_class=per_class,
        drop_duplicates=True,
    )
    return Study(
        data.X, data.y, arms=arms, add_real=False, samplers=samplers, n_seeds=1, model=model, split=split,
        training=Training(setup.steps["classifier"], precision=PRECISION),
        conditions=Conditions(shifted=shifted), random_state=derive_seed(seed, "protocol") % 2**31,
    )  # fmt: skip


def _say(trial: Record, done: int, n: int) -> None:
    print(f"{done}/{n} {trial['arm']}", trial["error"] or "", flush=True)


def _record(result: StudyResult, trial: Mapping[Any, Any], elsewhere: pd.DataFrame) -> Record:
    record: Record = {name: _plain(trial[name]) for name in _KEPT}
    if record["error"] is None:
        record["left_out"] = pack(scores_left_out(result, trial["arm"])[0])
        record["recall"] = pack(class_recall(result, trial["arm"]))
        if len(elsewhere.columns):
            record["robustness"] = pack(elsewhere.loc[trial["arm"]].to_numpy())
            parts = [scores_left_out(result, trial["arm"], name)[0] for name in elsewhere.columns]
            record["robustness_left_out"] = pack(
                np.mean(parts, axis=0)
            )  # of the mean over all conditions
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    number = float(value)
    return None if np.isnan(number) else round(number, 5)

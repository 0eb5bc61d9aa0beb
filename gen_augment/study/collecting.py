"""Outcomes of trials collected into a result."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.study.arms import Arm, describe_arm
from gen_augment.study.budget import Plan, minutes
from gen_augment.study.findings import Design
from gen_augment.study.metrics import all_scores
from gen_augment.study.preparation import PreparedStudy, corrupted_rows
from gen_augment.study.result import StudyResult
from gen_augment.study.statistics import spent_alpha
from gen_augment.study.trial import columns
from gen_augment.study.trial_store import Outcome, Trial

__all__ = ["FIRST_LOOK", "Collected"]

#: Seeds before the first look of a sequential study.
FIRST_LOOK = 3

Truth = Mapping[int, Mapping[str, np.ndarray]]


@dataclass
class Collected:
    """Outcomes of a study so far.

    Attributes
    ----------
    study : PreparedStudy
    running : dict of str to Arm
        Arms that are run, on training parts of all sizes.
    plan : Plan or None
        What is run to fit a budget.
    outcomes : dict of (seed, arm) to Outcome
    pictures : dict of str to bytes
        By sampler.
    """

    study: PreparedStudy
    running: dict[str, Arm]
    plan: Plan | None = None
    outcomes: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    _tested: dict[tuple[int, str], Trial] = field(default_factory=dict)

    @property
    def n_planned(self) -> int:
        """Number of seeds to run."""
        return self.study.spec.n_seeds if self.plan is None else self.plan.n_seeds

    @property
    def n_trials(self) -> int:
        """Number of trials to run."""
        return self.n_planned * len(self.running)

    def follow(self, plan: Plan) -> None:
        """Run only the arms of a plan."""
        self.plan, self.running = plan, plan.arms(self.running)

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of a trial that has just ended."""
        self.outcomes[outcome.trial["seed"], outcome.trial["arm"]] = outcome
        self.pictures = {**outcome.pictures, **self.pictures}

    def recall(self, stored: list[Outcome]) -> None:
        """Keep the trials of the arms as they are run, from the folder and from now; no others."""
        keys = self.keys
        self.outcomes = {
            (o.trial["seed"], o.trial["arm"]): o
            for o in (*stored, *self.outcomes.values())
            if o.trial["seed"] < self.n_planned and keys.get(o.trial["arm"]) == o.trial["arm_key"]
        }

    @property
    def keys(self) -> dict[str, str]:
        """Keys of the arms that are run, by name."""
        return {name: arm.key for name, arm in self.running.items()}

    def n_whole(self) -> int:
        """Return the number of seeds, from 0 on, that every arm has been tried with."""
        whole = 0
        while whole < self.n_planned and all((whole, arm) in self.outcomes for arm in self.running):
            whole += 1
        return whole

    def alpha(self, n_seeds: int) -> float:
        """Return the error of a verdict after so many seeds."""
        if not self.study.spec.sequential or not n_seeds:
            return 0.05
        return spent_alpha(n_seeds, self.n_planned, first=FIRST_LOOK)

    def is_decided(self, n_seeds: int) -> bool:
        """Return whether a sequential study may stop after so many seeds."""
        if n_seeds < FIRST_LOOK or n_seeds != self.n_whole():
            return False
        interval = self.result().comparison().interval
        return interval is not None and interval.p_value <= self.alpha(n_seeds)

    def result(self) -> StudyResult:
        """Return what has been found so far; this reads the labels of test rows.

        Seeds count that every arm has been tried with; all of them if there are none.
        """
        whole = self.n_whole()
        order = {name: number for number, name in enumerate(self.running)}
        sorted_keys = sorted(self.outcomes, key=lambda key: (key[0], order[key[1]]))
        kept = [self.outcomes[key] for key in sorted_keys if not whole or key[0] < whole]
        truth = {seed: self._truth(seed, kept) for seed in {o.trial["seed"] for o in kept}}
        trials = [self._with_test_scores(outcome, truth) for outcome in kept]
        return replace(
            self.untested(whole),
            trials=pd.DataFrame(trials, columns=columns(self.study.more_metrics)),
            predictions={(o.trial["arm"], o.trial["seed"]): o.predictions for o in kept},
            truth=truth,
        )

    def untested(self, whole: int = 0) -> StudyResult:
        """Return a result without trials, of so many whole seeds; this reads no test labels."""
        study = self.study
        arms = {name: arm for name, arm in self.running.items() if arm.size is None}
        used, test = {arm.row_step for arm in arms.values()}, study.task.test
        return StudyResult(
            pd.DataFrame(columns=columns(study.more_metrics)),
            {name: arm.is_generative for name, arm in arms.items()},
            study.metrics,
            self._protocol(whole, arms),
            Design(
                overlap=study.task.overlap,
                fixed_test=test is not None,
                margin=float(study.spec.margin),
                alpha=self.alpha(whole),
                sizes=study.sizes,
                test_groups=None if test is None else test.groups,
            ),
            controls=frozenset(name for name, arm in arms.items() if arm.is_control),
            examples={name: png for name, png in self.pictures.items() if name in used},
        )

    def _with_test_scores(self, outcome: Outcome, truth: Truth) -> Trial:
        """Add test scores to a trial: they are computed here, and nowhere before."""
        trial = outcome.trial
        if trial["error"] is not None:
            return trial
        key = trial["seed"], trial["arm"]
        if key not in self._tested:
            codes, p = truth[trial["seed"]]["test"], outcome.predictions["test"].astype(float)
            found = all_scores(codes, p, self.study.more_metrics)
            self._tested[key] = {f"test_{metric}": value for metric, value in found.items()}
        return trial | self._tested[key]

    def _truth(self, number: int, kept: list[Outcome]) -> dict[str, np.ndarray]:
        """Return the class codes of all rows that a seed is tested on, by name."""
        task = self.study.task
        codes = task.truth(self.study.seed(number))
        known = {"test": codes} | {name: rows.codes for name, rows in task.shifted.items()}
        corrupted = codes[corrupted_rows(len(codes))]
        for outcome in kept:
            if outcome.trial["seed"] == number:
                for name in outcome.predictions:
                    known.setdefault(name, corrupted)
        return known

    def _protocol(self, whole: int, arms: Mapping[str, Arm]) -> dict[str, Any]:
        study, plan = self.study, self.plan
        settings = study.settings()
        used = {arm.row_step for arm in study.arms.values()}
        samplers = {name: how for name, how in settings["samplers"].items() if name in used}
        settings["samplers"] = samplers
        settings["explained"] = {name: describe_arm(arm) for name, arm in arms.items()}
        if plan is not None:
            for name, described in samplers.items():
                described |= {"max_steps": steps} if (steps := plan.steps(name)) else {}
            settings |= {
                "arms": list(plan.arms(study.arms)),
                "n_seeds": plan.n_seeds,
                "budget": minutes(plan.budget),
                "given_up": plan.given_up(study.sized_arms) or None,
            }
        if 0 < whole < study.spec.n_seeds:
            settings |= {"n_seeds": whole, "n_seeds_planned": study.spec.n_seeds}
        return settings

"""What a study found, as data: scores by seed and arm, and paired differences between arms."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.errors import InputError
from gen_augment.study.metrics import Metric, score
from gen_augment.study.statistics import Interval, jackknife_variance, paired_interval
from gen_augment.study.trial_store import Predictions

__all__ = [
    "Design",
    "Findings",
    "differences",
    "predictions_of",
    "scores_left_out",
    "variance_over_tests",
]

#: Groups of test rows that the jackknife leaves out in turn, at most.
_GROUPS = 20


@dataclass(frozen=True, eq=False)
class Design:
    """How arms are compared.

    Attributes
    ----------
    overlap : float
        What seeds share, see `paired_interval`.
    fixed_test : bool
        Whether all seeds are tested on the same rows.
    margin : float
        The gain that would matter, in units of the metric.
    alpha : float
        Error of the verdict: 0.05, or what a sequential study spends on its last look.
    sizes : tuple of int
        Sizes of smaller training parts, in rows per class; their arms are as ``"gan@30"``.
    test_groups : ndarray of shape (n_test,), optional
        Groups of the rows of a fixed test part.
    interim : bool
        Whether trials are missing, and the test labels of the others were not read yet.
    """

    overlap: float = 0.0
    fixed_test: bool = True
    margin: float = 0.0
    alpha: float = 0.05
    sizes: tuple[int, ...] = ()
    test_groups: np.ndarray | None = None
    interim: bool = False

    @property
    def level(self) -> str:
        """Confidence level of the intervals, such as "95%"."""
        return f"{100 * (1 - self.alpha):.4g}%"


@dataclass(frozen=True, eq=False)
class Findings:
    """Trials of a study and paired differences between its arms.

    Attributes
    ----------
    trials : DataFrame
        One row for each arm and seed: validation and test scores, numbers of rows, seconds, and
        the error of a failed trial.
    arms : dict of str to bool
        Arms in order, and whether each has a sampler.
    metrics : tuple of Metric
        The first decides.
    protocol : dict
        Settings, versions and data, as JSON values.
    design : Design
    controls : frozenset of str
        Negative controls, which are never chosen.
    examples : dict of str to bytes
        PNG of real and synthetic rows, or JSON of lines of text, for each sampler.
    predictions : dict of (arm, seed) to dict of str to ndarray
        Probabilities (n, n_classes) of the test part, "test", and of other rows by name.
    truth : dict of seed to dict of str to ndarray
        Class codes of the rows in `predictions`.
    left_out : dict of str to ndarray of shape (n_seeds, n_groups)
        Test scores of an arm without one group of test rows each; computed from `predictions` if
        they are not given.
    """

    trials: pd.DataFrame
    arms: dict[str, bool]
    metrics: tuple[Metric, ...]
    protocol: dict[str, Any]
    design: Design = field(default_factory=Design)
    controls: frozenset[str] = frozenset()
    examples: dict[str, bytes] = field(default_factory=dict)
    predictions: Mapping[tuple[str, int], Predictions] = field(default_factory=dict)
    truth: Mapping[int, Predictions] = field(default_factory=dict)
    left_out: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def metric(self) -> Metric:
        """The metric that arms are chosen and compared by."""
        return self.metrics[0]

    @property
    def n_seeds(self) -> int:
        """Number of seeds that every arm should have run."""
        return int(self.protocol["n_seeds"])

    def scores(self, part: str = "test") -> pd.DataFrame:
        """Return `metric` on "validation" or "test", one row per seed.

        There is one column for each arm without a failed trial.

        Raises
        ------
        InputError
            There is no such part.
        """
        if part not in self._by_part:
            values = f"{part}_{self.metric.name}"
            if values not in self.trials:
                raise InputError(f"part={part!r}: choose from train, validation and test.")
            table = self.trials.pivot_table(index="seed", columns="arm", values=values)
            complete = [
                arm
                for arm in self.arms
                if arm in table and table[arm].notna().sum() == self.n_seeds
            ]
            self._by_part[part] = table[complete]
        return self._by_part[part].copy()

    @cached_property
    def _by_part(self) -> dict[str, pd.DataFrame]:
        return {}

    def best(self, *, generative: bool) -> str | None:
        """Return the arm, with or without a sampler, that is best on validation; None if none is.

        Arms with failed trials and controls are left out.
        """
        means = self.metric.sign * self.scores("validation").mean()
        allowed = [
            arm for arm in means.index if self.arms[arm] == generative and arm not in self.controls
        ]
        candidates = means[allowed]
        return None if candidates.empty else str(candidates.idxmax())

    def difference(self, arm: str, reference: str) -> Interval:
        """Return the paired test difference of `arm` to `reference`; positive is better.

        Raises
        ------
        InputError
            An arm is unknown, or one of its trials failed.
        """
        complete = self.scores().columns.tolist()
        for name in (arm, reference):
            if name not in complete:
                raise InputError(
                    f"{name!r} is no arm with a score for every seed: choose from {complete}."
                )
        return paired_interval(
            differences(self, arm, reference),
            overlap=self.design.overlap,
            test_variance=variance_over_tests(self, arm, reference),
            level=1 - self.design.alpha,
        )


def differences(found: Findings, arm: str, reference: str) -> list[float]:
    """Return the test difference of `arm` to `reference` for each seed; positive is better."""
    scores = found.scores()
    values: list[float] = (found.metric.sign * (scores[arm] - scores[reference])).tolist()
    return values


def variance_over_tests(found: Findings, arm: str, reference: str) -> float:
    """Return the variance of the mean difference over other test parts.

    It is 0 unless all seeds share one test part. The jackknife leaves out one of twenty groups of
    test rows at a time, the same for all seeds and both arms. Rows of one group stay together. It
    is infinite if there are no predictions, or a group left out leaves no score.
    """
    if not found.design.fixed_test:
        return 0.0
    first, second = (scores_left_out(found, name) for name in (arm, reference))
    if not first.size or first.shape != second.shape:
        return math.inf
    return jackknife_variance((first - second).mean(axis=0))


def scores_left_out(found: Findings, arm: str, part: str = "test") -> np.ndarray:
    """Return scores of an arm without one group of tested rows each: (n_seeds, n_groups).

    The array is empty if there are no predictions, or if seeds have different numbers of rows.
    """
    if part == "test" and arm in found.left_out:
        return found.left_out[arm]
    rows = predictions_of(found, arm, part)
    n = len(rows[0][0]) if rows else 0
    alike = n > 0 and all(len(codes) == n for codes, _ in rows)
    given = found.design.test_groups if part == "test" else None
    names, whole = np.unique(np.arange(n) if given is None else given, return_inverse=True)
    group = (np.random.default_rng(0).permutation(len(names)) % _GROUPS)[whole]
    left_out = [
        [_score_or_nan(found.metric, codes[group != g], p[group != g]) for g in np.unique(group)]
        for codes, p in rows
        if alike and found.metric.can_score
    ]
    scores = np.array(left_out)
    if part == "test":
        found.left_out[arm] = scores
    return scores


def _score_or_nan(metric: Metric, codes: np.ndarray, p: np.ndarray) -> float:
    """Return a score, or NaN where a scorer needs rows of more classes."""
    try:
        return score(metric, codes, p)
    except ValueError:
        return math.nan


def predictions_of(found: Findings, arm: str, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return class codes and probabilities of some tested rows, for each seed."""
    return [
        (found.truth[seed][name], made[name].astype(float))
        for (owner, seed), made in found.predictions.items()
        if owner == arm and name in made and seed in found.truth
    ]

"""What a study found: rows by seed and arm, the table, the verdict, the report."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes
from gen_augment.errors import InputError
from gen_augment.study.curve import learning_curve
from gen_augment.study.metrics import AREAS, METRICS, UNSCALED, scores
from gen_augment.study.statistics import (
    Interval,
    bca_interval,
    gain_probability,
    holm,
    jackknife_variance,
    paired_interval,
    power,
    seeds_needed,
    signed_rank_p,
)
from gen_augment.study.store import Predictions

__all__ = ["StudyResult", "check_metric"]

_GROUPS = 20
NOTHING = Interval(np.nan, np.nan, np.nan, np.nan, 0)


@dataclass(frozen=True)
class StudyResult:
    """Trials of a study and what follows from them.

    Attributes
    ----------
    trials : DataFrame
        One row for each arm and seed: validation and test scores, rows, seconds, and the error of a failed trial.
    arms : dict of str to bool
        Arms in order, and whether a sampler takes part in each.
    metric : str
        The score that arms are chosen and compared by.
    overlap : float
        See `paired_interval`.
    fixed_test : bool
        Whether all seeds are tested on the same rows.
    protocol : dict
        Settings, versions and data, for the report.
    examples : dict of str to bytes
        PNG of real beside synthetic images, for each sampler.
    controls : frozenset of str
        Arms that are there to be seen to fail, and are never chosen.
    margin : float
        The gain that would matter, in units of the metric.
    alpha : float
        Error that the verdict may make: 0.05, or what a sequential study spends on its last look.
    predictions : dict of (arm, seed) to dict of str to ndarray
        Probabilities (n, n_classes) of the rows tested on: "test", and shifted and corrupted ones by name.
    truth : dict of seed to dict of str to ndarray
        Their class numbers.
    left_out : dict of str to ndarray of shape (n_seeds, n_groups)
        By arm, `metric` on test without one of (up to) twenty groups of its rows, which all seeds share. Made from the
        predictions when it is asked for, where it is not given.
    sizes : tuple of int
        Of smaller training parts that arms were tried on too, as ``"gan@30"`` in `trials`.
    test_groups : ndarray of shape (n_test,), optional
        Numbers of the groups that the rows of a fixed test part are of.
    """

    trials: pd.DataFrame
    arms: dict[str, bool]
    metric: str
    overlap: float
    protocol: dict[str, Any]
    examples: dict[str, bytes] = field(default_factory=dict)
    controls: frozenset[str] = frozenset()
    margin: float = 0.0
    alpha: float = 0.05
    predictions: Mapping[tuple[str, int], Predictions] = field(default_factory=dict)
    truth: Mapping[int, Predictions] = field(default_factory=dict)
    left_out: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    sizes: tuple[int, ...] = ()
    fixed_test: bool = True
    test_groups: np.ndarray | None = None

    @property
    def higher_is_better(self) -> bool:
        """Of the metric itself; differences are turned so that positive is better."""
        return METRICS[self.metric][1]

    @property
    def metric_label(self) -> str:
        """The metric in words."""
        return METRICS[self.metric][0]

    @property
    def unit(self) -> str:
        """What differences are told in, after a space."""
        return "" if self.metric in UNSCALED else " points"

    @property
    def scale(self) -> float:
        """From a difference of scores to one in `unit`."""
        return 1 if self.metric in UNSCALED else 100

    @property
    def level(self) -> str:
        """Of the intervals, in words: "95%"."""
        return f"{100 * (1 - self.alpha):.4g}%"

    @property
    def n_seeds(self) -> int:
        """Seeds that every arm was to run."""
        return int(self.protocol["n_seeds"])

    def scores(self, part: str = "test") -> pd.DataFrame:
        """`metric` on "validation" or "test": one row a seed, one column for each arm that has no failed trial."""
        if part not in self._by_part:
            table = self.trials.pivot_table(
                index="seed", columns="arm", values=f"{part}_{self.metric}"
            )
            complete = [
                arm
                for arm in self.arms
                if arm in table and table[arm].notna().sum() == self.n_seeds
            ]
            self._by_part[part] = table[complete]
        return self._by_part[part].copy()

    @cached_property
    def _by_part(self) -> dict[str, pd.DataFrame]:
        """By part, as each is asked for: a table of many arms asks hundreds of times."""
        return {}

    def best(self, *, generative: bool) -> str | None:
        """The arm, with or without a sampler, that is best on validation; None if none is complete."""
        sign = 1 if self.higher_is_better else -1
        means = sign * self.scores("validation").mean()
        allowed = [
            arm for arm in means.index if self.arms[arm] == generative and arm not in self.controls
        ]
        candidates = means[allowed]
        return None if candidates.empty else str(candidates.idxmax())

    def difference(self, arm: str, reference: str) -> Interval:
        """Paired test difference of `arm` over `reference`; positive is better, whatever the metric."""
        return paired_interval(
            self._differences(arm, reference),
            overlap=self.overlap,
            test_variance=self.test_variance(arm, reference),
            level=1 - self.alpha,
        )

    def test_variance(self, arm: str, reference: str) -> float:
        """How much the mean difference would vary over other test parts, where all seeds share one; 0 otherwise.

        The jackknife leaves out one of twenty groups of test rows at a time, the same for all seeds and both arms;
        of rows that belong together, all or none.
        """
        scores = (
            [] if not self.fixed_test else [self.scores_left_out(name) for name in (arm, reference)]
        )
        if not scores or not scores[0].size or scores[0].shape != scores[1].shape:
            return 0.0
        return jackknife_variance((scores[0] - scores[1]).mean(axis=0))

    def scores_left_out(self, arm: str, part: str = "test") -> np.ndarray:
        """`left_out` of an arm, or likewise of other rows tested on.

        Empty where there are no predictions of them, or seeds differ in their number.
        """
        if part == "test" and arm in self.left_out:
            return self.left_out[arm]
        found = self._of(arm, part)
        n = len(found[0][0]) if found else 0
        alike = n > 0 and all(len(codes) == n for codes, _ in found)
        given = self.test_groups if part == "test" else None
        names, whole = np.unique(np.arange(n) if given is None else given, return_inverse=True)
        group = (np.random.default_rng(0).permutation(len(names)) % _GROUPS)[whole]
        left_out = [
            [self._score(codes, p, group != g) for g in np.unique(group)]
            for codes, p in found
            if alike
        ]
        scores = np.array(left_out)
        if part == "test":
            self.left_out[arm] = scores
        return scores

    def _score(self, codes: np.ndarray, probabilities: np.ndarray, kept: np.ndarray) -> float:
        areas = self.metric in AREAS
        return scores(codes[kept], probabilities[kept], areas=areas)[self.metric]

    def compared(self) -> Interval | None:
        """Of the best arm with synthetic rows over the best without, or None where one is missing."""
        reference, arm = self.best(generative=False), self.best(generative=True)
        return None if reference is None or arm is None else self.difference(arm, reference)

    def _differences(self, arm: str, reference: str) -> list[float]:
        sign = 1 if self.higher_is_better else -1
        found = self.scores()
        differences: list[float] = (sign * (found[arm] - found[reference])).tolist()
        return differences

    def table(self) -> pd.DataFrame:
        """One row an arm: mean scores, difference to the best arm without synthetic rows, interval, Holm's p, cost."""
        reference = self.best(generative=False)
        rows = [self._summary(arm, reference) for arm in self.arms]
        tested = [row for row in rows if not np.isnan(row["p_value"])]
        for row, p in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
            row["p_holm"] = p
        return pd.DataFrame(rows).set_index("arm")

    def learning_curve(self) -> pd.DataFrame:
        """Test scores against the size of the training part: a row for each arm that is complete there, and size.

        Returns
        -------
        DataFrame
            Columns ``arm``; ``size``, training rows for each class on average; ``n_train``, in all; ``n_seeds``;
            ``generative``; ``mean``, of `metric` over seeds, with its interval, ``low`` and ``high``; ``difference``
            to the arm without synthetic rows that is best on validation on the whole training part, at that size, with
            its paired interval, ``difference_low`` and ``difference_high``; positive is better.
        """
        return learning_curve(self)

    def verdict(self) -> str:
        """One sentence: whether synthetic rows helped, by how much, against what."""
        reference, arm = self.best(generative=False), self.best(generative=True)
        if reference is None or arm is None:
            missing = reference is not None
            words = "with" if missing else "without"
            if not any(self.arms[arm] == missing and arm not in self.controls for arm in self.arms):
                return (
                    f"No verdict: no arm {words} synthetic rows was asked for; name one in arms=."
                )
            return f"No verdict: no arm {words} synthetic rows finished all of its {self.n_seeds} trials."
        found = self.difference(arm, reference)
        label = self.metric_label
        change = f"{found.mean * self.scale:+.2f}{self.unit}"
        if found.n < 3:
            seeds = "one seed" if found.n == 1 else "two seeds"
            return (
                f"No verdict: {seeds} cannot tell. {arm} differs from {reference} by {change} of {label}; "
                "run 3 seeds or more, better 5."
            )
        against = (
            f"{reference}, the best arm without them "
            f"({self.level} interval {found.low * self.scale:+.2f} to {found.high * self.scale:+.2f}, "
            f"{found.n} paired seeds)."
        )
        amount = change.lstrip("+-")
        if found.low > 0:
            return f"Yes: synthetic rows helped. {arm} improves {label} by {amount} over {against}"
        if found.high < 0:
            return f"No: synthetic rows hurt. {arm} worsens {label} by {amount} against {against}"
        return f"No: no evidence that synthetic rows helped. {arm} changes {label} by {change} against {against}"

    def details(self) -> list[str]:
        """Sentences that go with the verdict: on the gain, on more seeds, on controls and on the code of the trials."""
        reference, arm = self.best(generative=False), self.best(generative=True)
        if reference is None or arm is None or len(self._differences(arm, reference)) < 3:
            return []
        differences = self._differences(arm, reference)
        spread = self.test_variance(arm, reference)
        sure = gain_probability(
            differences, margin=self.margin, overlap=self.overlap, test_variance=spread
        )
        more = (
            f"more than {self.margin * self.scale:g}{self.unit} better" if self.margin else "better"
        )
        given_up = self.protocol.get("given_up")
        said = [f"To fit the budget of {self.protocol['budget']}: {given_up}."] if given_up else []
        said += [
            f"The probability that {arm} is {more} than {reference}, given these seeds alone, is {100 * sure:.0f}%."
        ]
        found = self.difference(arm, reference)
        if found.low <= 0 <= found.high:
            said.append(self._words_of_power(differences, spread))
        said += [
            self._words_of_control(name, reference) for name in self.arms if name in self.controls
        ]
        if (n := self.trials["code"].nunique(dropna=False)) > 1:
            said.append(
                f"The trials ran under {n} versions of this package, which may differ in what they do: in a new folder "
                "they all run under one."
            )
        return said

    def _words_of_power(self, differences: list[float], test_variance: float) -> str:
        gain = self.margin or abs(float(np.mean(differences)))
        amount = f"{gain * self.scale:.2f}{self.unit}"
        if gain == 0:
            return "The arms do not differ at all: more seeds would show nothing else."
        deviation = float(np.std(differences, ddof=1))
        # What more seeds do nothing about.
        shared = self.overlap + (test_variance / deviation**2 if deviation else np.inf)
        n = (
            seeds_needed(gain, deviation, overlap=shared, alpha=self.alpha)
            if np.isfinite(shared)
            else None
        )
        if (
            n is None
            and np.isfinite(shared)
            and power(10**9, gain, deviation, overlap=shared, alpha=self.alpha) > 0.8
        ):
            return (
                f"To show a difference of {amount} four times in five takes more than 1,000 seeds."
            )
        if n is None:
            where = "to test on above all" if not self.overlap else "to train and to test on"
            return f"No number of seeds would show a difference of {amount}: it takes more rows, {where}."
        return f"To show a difference of {amount} four times in five takes {n} seeds, if they spread as these do."

    def _words_of_control(self, name: str, reference: str) -> str:
        if name not in self.scores():
            return f"The control {name} did not finish."
        found = self.difference(name, reference)
        hurt = (
            "hurts, as it should"
            if found.high < 0
            else "was not found to hurt: be careful with small effects"
        )
        return f"The control {name} {hurt} ({found.mean * self.scale:+.2f}{self.unit})."

    def confusion(self, arm: str) -> np.ndarray:
        """Test rows by true and predicted class, summed over seeds: ndarray of shape (n_classes, n_classes)."""
        found = self._of(arm, "test")
        n_classes = found[0][1].shape[1]
        pairs = np.concatenate([codes * n_classes + p.argmax(axis=1) for codes, p in found])
        return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)

    def class_recall(self, arm: str) -> np.ndarray:
        """Recall of each class on test, over all seeds; NaN for a class without rows: (n_classes,)."""
        counts = self.confusion(arm)
        n = counts.sum(axis=1)
        return np.where(n > 0, np.diagonal(counts) / np.maximum(n, 1), np.nan)

    def robustness(self) -> pd.DataFrame:
        """Mean `metric` on shifted and corrupted rows: a row an arm, a column a name or ``"corruption/severity"``."""
        names = [name for name in next(iter(self.truth.values()), {}) if name != "test"]
        rows = {
            arm: {
                name: np.mean([scores(codes, p)[self.metric] for codes, p in self._of(arm, name)])
                for name in names
            }
            for arm in self.scores().columns
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("arm")

    def _of(self, arm: str, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Class numbers and probabilities of each seed."""
        return [
            (self.truth[seed][name], found[name].astype(float))
            for (owner, seed), found in self.predictions.items()
            if owner == arm and name in found
        ]

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report, one file that needs nothing else."""
        from gen_augment.study.report import render  # matplotlib is slow to import

        write_bytes(path, render(self).encode())

    def to_markdown(self, path: str | os.PathLike[str]) -> None:
        """Write the verdict and the table of arms."""
        from gen_augment.study.report import render_markdown

        write_bytes(path, render_markdown(self).encode())

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the trials, one row each."""
        write_bytes(path, self.trials.to_csv(index=False).encode())

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the trials, one row each."""
        buffer = io.BytesIO()
        self.trials.to_parquet(buffer)
        write_bytes(path, buffer.getvalue())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write trials, verdict and protocol."""
        trials = self.trials.replace([np.inf, -np.inf], np.nan).astype(object)  # JSON has neither
        record = {
            "verdict": self.verdict(),
            "details": self.details(),
            "metric": self.metric,
            "arms": self.arms,
            "controls": sorted(self.controls),
            "overlap": self.overlap,
            "fixed_test": self.fixed_test,
            "margin": self.margin,
            "alpha": self.alpha,
            "examples": sorted(self.examples),
            "sizes": list(self.sizes),
            "protocol": self.protocol,
            "trials": trials.where(trials.notna(), None).to_dict("records"),
        }
        write_bytes(path, (json.dumps(record, indent=1) + "\n").encode())

    def _summary(self, arm: str, reference: str | None) -> dict[str, Any]:
        mine = self.trials[self.trials["arm"] == arm]
        failed = int(mine["error"].notna().sum())
        row: dict[str, Any] = {"arm": arm, "trials": len(mine) - failed, "failed": failed}
        row |= {metric: mine[f"test_{metric}"].mean() for metric in METRICS}
        row[f"validation_{self.metric}"] = mine[f"validation_{self.metric}"].mean()
        compared = reference is not None and arm != reference and arm in self.scores()
        found = self.difference(arm, reference) if compared and reference else NOTHING
        row |= {
            "difference": found.mean,
            "low": found.low,
            "high": found.high,
            "p_value": found.p_value,
            "p_holm": np.nan,
        }
        row |= self._second_opinions(arm, reference if compared else None)
        row["gap"] = (mine[f"train_{self.metric}"] - mine[f"test_{self.metric}"]).mean()
        seconds = ("fit_seconds", "sample_seconds", "train_seconds")
        return row | {name: mine[name].mean() for name in seconds}

    def _second_opinions(self, arm: str, reference: str | None) -> dict[str, float]:
        if reference is None:
            return dict.fromkeys(("low_bca", "high_bca", "p_wilcoxon", "gain_probability"), np.nan)
        differences = self._differences(arm, reference)
        low, high = bca_interval(differences, level=1 - self.alpha)
        spread = self.test_variance(arm, reference)
        sure = gain_probability(
            differences, margin=self.margin, overlap=self.overlap, test_variance=spread
        )
        return {
            "low_bca": low,
            "high_bca": high,
            "p_wilcoxon": signed_rank_p(differences),
            "gain_probability": sure,
        }


def check_metric(metric: str) -> None:
    """Raise `InputError` for a metric that is not one of `METRICS`."""
    if metric not in METRICS:
        raise InputError(f"metric={metric!r} is not one of {', '.join(METRICS)}.")

"""What a study found: rows by seed and arm, the table, the verdict, the report."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes
from gen_augment.errors import InputError
from gen_augment.study.metrics import METRICS
from gen_augment.study.statistics import Interval, holm, paired_interval

__all__ = ["StudyResult", "check_metric"]

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
    protocol : dict
        Settings, versions and data, for the report.
    examples : dict of str to bytes
        PNG of real beside synthetic images, for each sampler.
    """

    trials: pd.DataFrame
    arms: dict[str, bool]
    metric: str
    overlap: float
    protocol: dict[str, Any]
    examples: dict[str, bytes] = field(default_factory=dict)

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
        return "" if self.metric == "nll" else " points"

    @property
    def scale(self) -> float:
        """From a difference of scores to one in `unit`."""
        return 1 if self.metric == "nll" else 100

    @property
    def n_seeds(self) -> int:
        """Seeds that every arm was to run."""
        return int(self.protocol["n_seeds"])

    def scores(self, part: str = "test") -> pd.DataFrame:
        """`metric` on "validation" or "test": one row a seed, one column for each arm that has no failed trial."""
        table = self.trials.pivot_table(index="seed", columns="arm", values=f"{part}_{self.metric}")
        complete = [arm for arm in self.arms if arm in table and table[arm].notna().sum() == self.n_seeds]
        return table[complete]

    def best(self, *, generative: bool) -> str | None:
        """The arm, with or without a sampler, that is best on validation; None if none is complete."""
        sign = 1 if self.higher_is_better else -1
        means = sign * self.scores("validation").mean()
        candidates = means[[arm for arm in means.index if self.arms[arm] == generative]]
        return None if candidates.empty else str(candidates.idxmax())

    def difference(self, arm: str, reference: str) -> Interval:
        """Paired test difference of `arm` over `reference`; positive is better, whatever the metric."""
        sign = 1 if self.higher_is_better else -1
        scores = self.scores()
        return paired_interval((sign * (scores[arm] - scores[reference])).tolist(), overlap=self.overlap)

    def table(self) -> pd.DataFrame:
        """One row an arm: mean scores, difference to the best arm without synthetic rows, interval, Holm's p, cost."""
        reference = self.best(generative=False)
        rows = [self._summary(arm, reference) for arm in self.arms]
        tested = [row for row in rows if not np.isnan(row["p_value"])]
        for row, p in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
            row["p_holm"] = p
        return pd.DataFrame(rows).set_index("arm")

    def verdict(self) -> str:
        """One sentence: whether synthetic rows helped, by how much, against what."""
        reference, arm = self.best(generative=False), self.best(generative=True)
        if reference is None or arm is None:
            missing = "without" if reference is None else "with"
            return f"No verdict: no arm {missing} synthetic rows finished all of its {self.n_seeds} trials."
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
            f"(95% interval {found.low * self.scale:+.2f} to {found.high * self.scale:+.2f}, {found.n} paired seeds)."
        )
        amount = change.lstrip("+-")
        if found.low > 0:
            return f"Yes: synthetic rows helped. {arm} improves {label} by {amount} over {against}"
        if found.high < 0:
            return f"No: synthetic rows hurt. {arm} worsens {label} by {amount} against {against}"
        return f"No: no evidence that synthetic rows helped. {arm} changes {label} by {change} against {against}"

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report, one file that needs nothing else."""
        from gen_augment.study.report import render  # matplotlib is slow to import

        write_bytes(path, render(self).encode())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write trials, verdict and protocol."""
        trials = json.loads(self.trials.to_json(orient="records"))
        record = {"verdict": self.verdict(), "metric": self.metric, "protocol": self.protocol, "trials": trials}
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
        seconds = ("fit_seconds", "sample_seconds", "train_seconds")
        return row | {name: mine[name].mean() for name in seconds}


def check_metric(metric: str) -> None:
    """Raise `InputError` for a metric that is not one of `METRICS`."""
    if metric not in METRICS:
        raise InputError(f"metric={metric!r} is not one of {', '.join(METRICS)}.")

"""The verdict of a study: whether synthetic rows helped, as data and in words."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gen_augment.study.findings import Findings, differences, variance_over_tests
from gen_augment.study.statistics import (
    Interval,
    gain_probability,
    power,
    seeds_needed,
)

__all__ = ["MIN_SEEDS", "Comparison", "compare", "details", "verdict"]

#: Seeds that a verdict takes.
MIN_SEEDS = 3

Outcome = Literal["helped", "hurt", "no evidence", "too few seeds", "no arm", "interim"]


@dataclass(frozen=True)
class Comparison:
    """The two arms that a verdict is about.

    Attributes
    ----------
    outcome : str
        "helped" or "hurt" if the interval excludes 0, otherwise "no evidence"; "too few seeds";
        "no arm" if one of the arms is missing; "interim" if the study has not ended.
    arm, reference : str or None
        The best arms with and without synthetic rows, chosen on validation.
    interval : Interval or None
        Paired test difference of `arm` to `reference`; positive is better.
    """

    outcome: Outcome
    arm: str | None
    reference: str | None
    interval: Interval | None = None


def compare(found: Findings) -> Comparison:
    """Compare the best arms with and without synthetic rows."""
    arm, reference = found.best(generative=True), found.best(generative=False)
    if found.design.interim:
        return Comparison("interim", arm, reference)
    if arm is None or reference is None:
        return Comparison("no arm", arm, reference)
    interval = found.difference(arm, reference)
    outcome: Outcome = "no evidence"
    if interval.n < MIN_SEEDS:
        outcome = "too few seeds"
    elif interval.low > 0:
        outcome = "helped"
    elif interval.high < 0:
        outcome = "hurt"
    return Comparison(outcome, arm, reference, interval)


def verdict(found: Findings) -> str:
    """Say in a sentence whether synthetic rows helped, by how much, and against what."""
    result, metric = compare(found), found.metric
    if result.outcome == "interim":
        return _interim(found, result)
    interval, arm, reference = result.interval, result.arm, result.reference
    if interval is None:
        return _missing(found, result)
    label, scale = metric.label, metric.scale
    change = _change(found, interval)
    if result.outcome == "too few seeds":
        seeds = "one seed" if interval.n == 1 else "two seeds"
        return (
            f"No verdict: {seeds} cannot tell. {arm} differs from {reference} by {change} of "
            f"{label}; run 3 seeds or more, better 5."
        )
    ends = [interval.low * scale, interval.high * scale]
    if result.outcome == "no evidence":  # a change of the metric, not a gain
        ends = sorted(metric.sign * end for end in ends)
    sure = f"{found.design.level} interval {ends[0]:+.2f} to {ends[1]:+.2f}"
    if not np.isfinite(ends).all():
        sure = "no interval: too few test rows, or their predictions are missing"
    against = (
        f"{reference}, the best arm without them, chosen on validation"
        f"{_higher_on_test(found, str(reference))} ({sure}, {interval.n} paired seeds)."
    )
    amount = change.lstrip("+-")
    if result.outcome == "helped":
        return f"Yes: synthetic rows helped. {arm} improves {label} by {amount} over {against}"
    if result.outcome == "hurt":
        return f"No: synthetic rows hurt. {arm} worsens {label} by {amount} against {against}"
    return (
        f"No: no evidence that synthetic rows helped. {arm} changes {label} by {change} against "
        f"{against}"
    )


def _change(found: Findings, interval: Interval) -> str:
    """Say by how much the metric itself changes: a lower loss is a negative change."""
    metric = found.metric
    return f"{metric.sign * interval.mean * metric.scale:+.2f}{metric.unit}"


def _higher_on_test(found: Findings, reference: str) -> str:
    """Name the arm without synthetic rows that is best on test, if it is not `reference`."""
    means = found.metric.sign * found.scores().mean()
    others = [arm for arm in means.index if not found.arms[arm] and arm not in found.controls]
    best = str(means[others].idxmax())
    return f" ({best} is better on test)" if means[best] > means[reference] else ""


def _missing(found: Findings, result: Comparison) -> str:
    missing = result.reference is not None
    words = "with" if missing else "without"
    asked = [arm for arm in found.arms if found.arms[arm] == missing and arm not in found.controls]
    if not asked:
        return f"No verdict: no arm {words} synthetic rows was asked for; name one in arms=."
    return f"No verdict: no arm {words} synthetic rows finished all of its {found.n_seeds} trials."


def _interim(found: Findings, result: Comparison) -> str:
    n_planned = found.protocol.get("n_trials_planned", "?")
    n_ended = found.protocol.get("n_trials_ended", "?")
    text = f"No verdict yet: {n_ended} of {n_planned} trials have ended."
    means = found.scores("validation").mean() * found.metric.scale
    leaders = [
        f"{arm} ({means[arm]:.2f}) leads the arms {words} synthetic rows"
        for arm, words in ((result.arm, "with"), (result.reference, "without"))
        if arm is not None
    ]
    if leaders:
        text += f" On validation, by {found.metric.label}, {', and '.join(leaders)}."
    return f"{text} Test labels are read when the study ends: run the same study again to go on."


def details(found: Findings) -> list[str]:
    """Return sentences that go with the verdict: on the gain, more seeds, controls and code."""
    result = compare(found)
    arm, reference, interval = result.arm, result.reference, result.interval
    if interval is None or arm is None or reference is None or interval.n < MIN_SEEDS:
        return []
    design, metric = found.design, found.metric
    values, spread = differences(found, arm, reference), variance_over_tests(found, arm, reference)
    sure = gain_probability(
        values, margin=design.margin, overlap=design.overlap, test_variance=spread
    )
    more = f"more than {design.margin * metric.scale:g}{metric.unit} better"
    given_up = found.protocol.get("given_up")
    said = [f"To fit the budget of {found.protocol['budget']}: {given_up}."] if given_up else []
    said.append(
        f"The probability that {arm} is {more if design.margin else 'better'} than {reference}, "
        f"given these seeds alone, is {100 * sure:.0f}%."
    )
    if interval.low <= 0 <= interval.high:
        said.append(_power_words(found, values, spread))
    said += [
        _teacher_words(found, arm) if name == "teacher" else _control_words(found, name, reference)
        for name in found.arms
        if name in found.controls
    ]
    if (n := found.trials["code"].nunique(dropna=False)) > 1:
        said.append(
            f"The trials ran under {n} versions of this package, which may differ in what they do: "
            "in a new folder they all run under one."
        )
    return said


def _power_words(found: Findings, values: list[float], test_variance: float) -> str:
    design, metric = found.design, found.metric
    gain = design.margin or abs(float(np.mean(values)))
    amount = f"{gain * metric.scale:.2f}{metric.unit}"
    if gain == 0:
        return "The arms do not differ at all: more seeds would show nothing else."
    deviation = float(np.std(values, ddof=1))
    # The variance that more seeds do not reduce.
    shared = design.overlap + (test_variance / deviation**2 if deviation else np.inf)
    if np.isfinite(shared):
        n = seeds_needed(gain, deviation, overlap=shared, alpha=design.alpha)
        if n is not None:
            return (
                f"A study of {n} seeds would show a difference of {amount} with a probability of "
                "80%, if their spread is the same."
            )
        if power(10**9, gain, deviation, overlap=shared, alpha=design.alpha) > 0.8:
            return (
                f"Only a study of more than 1,000 seeds would show a difference of {amount} with a "
                "probability of 80%."
            )
    where = "more rows to train and to test on" if design.overlap else "more test rows"
    return (
        "More seeds would not settle it, because all seeds use the same rows. To show a "
        f"difference of {amount}, the study needs {where}."
    )


def _teacher_words(found: Findings, arm: str) -> str:
    """Say how much of the teacher's advantage over labels the best student has."""
    scores = found.metric.sign * found.scores()
    if "teacher" not in scores:
        return "The teacher did not finish."
    means = scores.mean()
    digits, sign = (2, "%") if found.metric.percent else (3, "")
    level = f"{abs(means['teacher']) * found.metric.scale:.{digits}f}{sign}"
    words = f"{found.metric.label.capitalize()} of the teacher is {level}"
    if "real" not in means or means["teacher"] <= means["real"]:
        return f"{words}."
    share = (means[arm] - means["real"]) / (means["teacher"] - means["real"])
    return f"{words}; {arm} has {100 * share:.0f}% of its advantage over real."


def _control_words(found: Findings, name: str, reference: str) -> str:
    if name not in found.scores():
        return f"The control {name} did not finish."
    interval = found.difference(name, reference)
    hurt = "was not found to hurt: be careful with small effects"
    if interval.high < 0:
        hurt = "hurts, as it should"
    return f"The control {name} {hurt} ({_change(found, interval)})."

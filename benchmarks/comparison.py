"""Reports of a study's result: the table of arms, the goal, and the figure of gains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.harness import markdown
from gen_augment.study import StudyResult
from gen_augment.study.report.plots import BASELINE, GENERATIVE
from gen_augment.study.statistics import Interval, jackknife_variance, paired_interval

__all__ = [
    "METRIC",
    "Goal",
    "arms_table",
    "compared",
    "gains_figure",
    "judge",
    "n_seeds",
    "paired",
    "points",
    "words",
]

METRIC = "balanced_accuracy"
_WORST = "test_worst_class_recall"


@dataclass(frozen=True)
class Goal:
    """What the selected arm with synthetic rows should reach, in points (hundredths).

    Attributes
    ----------
    gain : float
        Minimum gain over the best arm without synthetic rows. The interval must be above 0.
    score, worst_class : float or None
        Minimum balanced accuracy, and minimum gain of worst-class recall.
    """

    gain: float
    score: float | None = None
    worst_class: float | None = None


def judge(goal: Goal, result: StudyResult) -> str:
    """Return a sentence that says whether the selected arm reaches a goal, or what it misses."""
    arm, reference, gain = (
        result.best(generative=True),
        result.best(generative=False),
        result.comparison().interval,
    )
    if arm is None or reference is None or gain is None or gain.n < 3:
        return "The goal needs at least 3 seeds to be judged."
    score = 100 * _mean(result, arm, f"test_{METRIC}")
    worst = 100 * (_mean(result, arm, _WORST) - _mean(result, reference, _WORST))
    asked = [
        (
            f"a gain of {goal.gain:g} points (found {100 * gain.mean:+.2f})",
            100 * gain.mean >= goal.gain,
        ),
        (f"an interval above 0 (from {100 * gain.low:+.2f})", gain.low > 0),
    ]
    if goal.score is not None:
        asked.append(
            (f"a balanced accuracy of {goal.score:g}% (found {score:.1f})", score >= goal.score)
        )
    if goal.worst_class is not None:
        asked.append(
            (
                f"{goal.worst_class:+g} points of worst-class recall ({worst:+.1f})",
                worst >= goal.worst_class,
            )
        )
    missed = [words for words, reached in asked if not reached]
    if not missed:
        return f"The goal is reached: {', '.join(words for words, _ in asked)}."
    return f"The goal is missed: {', '.join(missed)}."


def gains_figure(found: Mapping[str, Sequence[StudyResult]]) -> dict[str, Figure]:
    """Draw the gain of each arm over the best arm without a generative sampler.

    Each set of rows has one panel. It has a result of all arms and may have a result of
    the finalists, which is drawn in bold.
    """
    shown = {rows: results for rows, results in found.items() if results[-1].best(generative=False)}
    if not shown:
        return {}
    arms = list(dict.fromkeys(arm for first, *_ in shown.values() for arm in first.arms))[::-1]
    figure = Figure(figsize=(2.6 + 2.6 * len(shown), 1.2 + 0.2 * len(arms)), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (rows, results) in zip(panels, shown.items(), strict=True):
        *_, last = results
        reference = str(last.best(generative=False))
        for result in results:
            bold = result is last and len(results) > 1
            for arm in result.scores().columns:
                if result is last or arm not in last.arms:
                    gain = result.difference(arm, reference)
                    _draw_gain(axes, gain, arms.index(arm), generative=result.arms[arm], bold=bold)
        axes.axvline(0, color="#1f2933", lw=0.8)
        seeds = "; bold: ".join(n_seeds(result) for result in results)
        axes.set_title(f"{rows}\n{seeds}", fontsize=9)
        axes.set_xlabel(f"gain over\n{reference}, points", fontsize=8, parse_math=False)
        axes.grid(axis="x", color="#d9dde1", lw=0.6)
    panels[0].set_ylim(-0.8, len(arms) - 0.2)
    panels[0].set_yticks(range(len(arms)), arms, fontsize=8, parse_math=False)
    return {"gains": figure}


def _draw_gain(axes: Axes, gain: Interval, height: int, *, generative: bool, bold: bool) -> None:
    colour, marker = (GENERATIVE, "D") if generative else (BASELINE, "o")
    axes.plot(100 * gain.mean, height, marker=marker, ms=6 if bold else 4, color=colour)
    if gain.low < gain.high < np.inf:  # the reference itself and a single seed have no interval
        axes.plot(
            [100 * gain.low, 100 * gain.high], [height, height], color=colour, lw=2.5 if bold else 1
        )


def n_seeds(result: StudyResult) -> str:
    """Return the number of seeds in words."""
    return "1 seed" if result.n_seeds == 1 else f"{result.n_seeds} paired seeds"


def arms_table(result: StudyResult) -> str:
    """Return a table with one line for each arm. The compared arms are bold."""
    table = result.table()
    chosen = (result.best(generative=False), result.best(generative=True))
    lines = []
    for arm, row in table.iterrows():
        gain = Interval(row["difference"], row["low"], row["high"], row["p_value"], result.n_seeds)
        lines.append([
            f"**{arm}**" if arm in chosen else str(arm),
            _percent(row[METRIC]), _percent(row[f"validation_{METRIC}"]),
            _percent(row["worst_class_recall"]),
            points(gain), "" if np.isnan(row["p_holm"]) else f"{row['p_holm']:.2g}",
            _whole(result, arm, "n_synthetic"), _whole(result, arm, "fit_seconds"),
        ])  # fmt: skip
    header = [
        "arm",
        "balanced accuracy, %",
        "on validation, %",
        "worst-class recall, %",
        f"gain over {chosen[0]}, points",
        "p (Holm)",
    ]
    return markdown([*header, "synthetic rows", "fit, s"], lines)


def compared(result: StudyResult) -> list[str]:
    """Return the selected arms without and with synthetic rows, their scores, and the gain."""
    chosen = [result.best(generative=generative) for generative in (False, True)]
    scores = [
        f"{arm}: {_percent(_mean(result, arm, f'test_{METRIC}'))}" if arm else "none"
        for arm in chosen
    ]
    gain = result.comparison().interval
    return [*scores, "" if gain is None else points(gain)]


def points(gain: Interval) -> str:
    """Return a difference and its interval, in points."""
    if np.isnan(gain.mean):
        return ""
    interval = f" [{100 * gain.low:+.2f}, {100 * gain.high:+.2f}]" if np.isfinite(gain.low) else ""
    return f"{100 * gain.mean:+.2f}{interval}"


def paired(
    result: StudyResult,
    values: Mapping[tuple[int, str], float],
    left_out: Mapping[tuple[int, str], np.ndarray],
    arm: str,
    reference: str,
) -> Interval:
    """Return the paired difference of two arms in any number that each trial has.

    All seeds must share the test rows. `left_out` has the same number without one group
    of test rows at a time.
    """
    seeds = result.scores().index
    other_rows = np.mean(
        [left_out[seed, arm] - left_out[seed, reference] for seed in seeds], axis=0
    )
    differences = [values[seed, arm] - values[seed, reference] for seed in seeds]
    return paired_interval(differences, test_variance=jackknife_variance(other_rows))


def _percent(value: float) -> str:
    return "failed" if np.isnan(value) else f"{100 * value:.1f}"


def _mean(result: StudyResult, arm: object, column: str) -> float:
    return float(result.trials.loc[result.trials["arm"] == arm, column].mean())


def _whole(result: StudyResult, arm: object, column: str) -> str:
    mean = _mean(result, arm, column)
    return "" if np.isnan(mean) else f"{mean:,.0f}"


def words(result: StudyResult) -> str:
    """Return the verdict, its certainty, and the errors of failed arms."""
    failed = result.trials[result.trials["error"].notna()].drop_duplicates("arm")
    errors = [f"{trial.arm} failed: {trial.error}" for trial in failed.itertuples()]
    return " ".join([result.verdict(), *result.details()[:1], *errors])

"""Tables and the figure of the benchmark of distillation on tables."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from benchmarks.distillation import CLASSIC, LEARNED, MIN_GAP, WITHOUT, students
from benchmarks.harness import Measured, Record, markdown, measured_figure

__all__ = ["figures", "table"]


def gains(results: Record, student: str) -> pd.DataFrame:
    """Return test scores of the arms selected on rows set aside, a row for each table and seed."""
    rows = []
    for one in results["trials"]:
        arms = one.get("scores", {}).get(student)
        if arms is None:
            continue
        groups = {
            "without": [a for a in arms if a in WITHOUT],
            "with": [a for a in arms if a not in WITHOUT],
            "learned": [a for a in arms if a.split(":")[0] in LEARNED],
            "classic": [a for a in arms if a.split(":")[0] in CLASSIC],
        }
        for name in (*LEARNED, *CLASSIC):
            groups[name] = [a for a in arms if a.split(":")[0] == name]
        chosen = {g: max(names, key=lambda a: arms[a][0]) for g, names in groups.items()}
        row = {"table": one["table"], "seed": one["seed"], "teacher": one["teacher"][1]}
        rows.append(row | {"hard": arms["hard"][1]} | {g: arms[a][1] for g, a in chosen.items()})
    return whole_seeds(pd.DataFrame(rows))


def whole_seeds(found: pd.DataFrame) -> pd.DataFrame:
    """Drop the seeds that lack some tables, unless every seed does."""
    if found.empty:
        return found
    counts = found.groupby("seed")["table"].nunique()
    whole = counts.index[counts == found["table"].nunique()]
    return found[found["seed"].isin(whole)] if len(whole) else found


def table(results: Record) -> str:
    """Return gains by student, by table for the deepest tree, and by sampler."""
    found = {student: gains(results, student) for student in students(0)}
    found = {student: rows for student, rows in found.items() if len(rows)}
    if not found:
        return "No trial has finished yet."
    head = [
        "student", "tables", "seeds", "gain, points", "tables with a gain", "Wilcoxon p",
        "learned minus classic samplers, points", "share of the teacher's lead, without", "with",
    ]  # fmt: skip
    parts = [markdown(head, [by_student(student, rows) for student, rows in found.items()])]
    if "tree 12" in found:
        means = found["tree 12"].groupby("table").mean(numeric_only=True)
        names = ["teacher", "hard", "without", "with"]
        lines = [[str(t), *(f"{100 * row[n]:.1f}" for n in names)] for t, row in means.iterrows()]
        parts.append(
            "Average precision of a tree of depth 12, %. Both arms were selected on rows set "
            "aside.\n\n"
            + markdown(
                ["table", "teacher", "hard labels", "best without", "best with synthetic rows"],
                lines,
            )
        )
        parts.append(
            "The same tree by sampler. The number of rows was selected on rows set aside. Gains "
            "are over the best arm without synthetic rows.\n\n"
            + markdown(["sampler", "gain, points", "mean rank", "tables with a gain"], ranks(means))
        )
    return "\n\n".join(parts)


def by_student(student: str, found: pd.DataFrame) -> list[str]:
    """Return a student's line: its gain over the best arm without synthetic rows, over tables."""
    means = found.groupby("table").mean(numeric_only=True)
    gain = 100 * (means["with"] - means["without"])
    advantage = means["teacher"] - means["hard"]
    shares = [
        ((means[a] - means["hard"]) / advantage)[advantage > MIN_GAP] for a in ("without", "with")
    ]
    p = stats.wilcoxon(gain).pvalue if len(gain) > 5 and gain.any() else np.nan
    return [
        student, str(len(means)), str(found["seed"].nunique()), f"{gain.mean():+.2f}",
        f"{(gain > 0).sum()} of {len(gain)}", f"{p:.4f}",
        f"{100 * (means['learned'] - means['classic']).mean():+.2f}",
        *(f"{share.median():.2f}" for share in shares),
    ]  # fmt: skip


def ranks(means: pd.DataFrame) -> list[list[str]]:
    """Return a line for each sampler, the best mean rank first."""
    scores = means[[*LEARNED, *CLASSIC]]
    order = scores.rank(axis=1, ascending=False).mean().sort_values()
    gain = 100 * scores.sub(means["without"], axis=0)
    return [
        [str(n), f"{gain[n].mean():+.2f}", f"{rank:.2f}", f"{(gain[n] > 0).sum()} of {len(gain)}"]
        for n, rank in order.items()
    ]


def figures(results: Record) -> dict[str, Figure]:
    """Draw the gain on each table for a tree of depth 12, with the range over seeds."""
    found = gains(results, "tree 12")
    if found.empty:
        return {}
    found["gain"] = 100 * (found["with"] - found["without"])
    by = found.groupby("table")["gain"]
    measured = {str(name): Measured(one.mean(), one.min(), one.max(), goal=1.5) for name, one in by}
    label = "gain by synthetic rows, points of average precision, range over seeds"
    return {"gains": measured_figure(measured, label, ratios=False)}

"""Plots of what a study found, as SVG."""

import io
import re
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gen_augment.study.arms_table import learning_curve
from gen_augment.study.findings import Findings
from gen_augment.study.predictions import class_recall, confusion

__all__ = [
    "BASELINE",
    "GENERATIVE",
    "WIDTH",
    "as_svg",
    "confusion_plot",
    "curve_plot",
    "difference_height",
    "difference_plot",
    "draw_differences",
    "ratio_plot",
    "ratios",
    "recall_plot",
]

BASELINE, GENERATIVE = "#52606d", "#b44d12"
WIDTH = 5.6  # inches: on a phone a picture, and its text, is shown at two thirds of its size
_MAX_CLASSES = 30
_MAX_NUMBERS = 12  # classes up to which a confusion matrix shows its numbers


def as_svg(figure: Figure) -> str:
    """Return the ``<svg>`` element of a figure."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def difference_plot(found: Findings, reference: str) -> str:
    """Draw the paired differences of all arms to `reference`, see `draw_differences`."""
    figure = Figure(figsize=(WIDTH, difference_height(found)), layout="constrained")
    label = draw_differences(figure.subplots(), found, reference)
    figure.supxlabel(label, fontsize=11, parse_math=False)
    return as_svg(figure)


def difference_height(found: Findings) -> float:
    """Return the height in inches of a plot of differences."""
    return 0.45 * (len(found.scores().columns) - 1) + 1


def draw_differences(axis: Axes, found: Findings, reference: str) -> str:
    """Draw each arm's paired test differences to `reference`: a dot per seed, mean and interval.

    Returns
    -------
    str
        The label of the horizontal axis.
    """
    scores, metric = found.scores(), found.metric
    arms = [arm for arm in scores.columns if arm != reference]
    for height, arm in enumerate(reversed(arms)):
        interval = found.difference(arm, reference)
        dots = metric.sign * (scores[arm] - scores[reference]) * metric.scale
        colour = GENERATIVE if found.arms[arm] else BASELINE
        below = np.full(len(dots), height - 0.22)
        axis.scatter(dots, below, s=22, color=colour, alpha=0.6, linewidths=0)
        if np.isfinite(interval.low):
            ends = [interval.low * metric.scale, interval.high * metric.scale]
            axis.plot(ends, [height, height], color=colour, lw=2.2)
        axis.plot(interval.mean * metric.scale, height, "D", color=colour, ms=6)
    axis.axvline(0, color="#1f2933", lw=1)
    axis.set_yticks(range(len(arms)), [_wrapped(a) for a in reversed(arms)], parse_math=False)
    axis.set_ylim(-0.6, len(arms) - 0.4)
    _plain(axis)
    axis.grid(visible=False, axis="y")
    unit = metric.unit and "," + metric.unit
    return f"{metric.label}{unit}:\ndifference to {_wrapped(reference)}, right is better"


def recall_plot(found: Findings, before: str, after: str) -> str:
    """Draw the test recall of each class in two arms; up to 30 classes, most changed first."""
    low, high = class_recall(found, before) * 100, class_recall(found, after) * 100
    names = [_short(name) for name in found.protocol["data"]["classes"]]
    order = np.argsort(-np.abs(np.nan_to_num(high - low)), kind="stable")[:_MAX_CLASSES]
    figure = Figure(figsize=(WIDTH, 0.32 * len(order) + 1.1), layout="constrained")
    axis = figure.subplots()
    for height, code in enumerate(reversed(order)):
        axis.plot([low[code], high[code]], [height, height], color="#c3c9cf", lw=2, zorder=1)
    heights = np.arange(len(order))[::-1]
    axis.scatter(low[order], heights, color=BASELINE, s=36, label=before, zorder=2)
    axis.scatter(high[order], heights, color=GENERATIVE, marker="D", s=36, label=after, zorder=3)
    axis.set_yticks(heights, [names[code] for code in order], parse_math=False)
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.set_xlabel("recall on test, %", fontsize=11)
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    _plain(axis)
    return as_svg(figure)


def confusion_plot(found: Findings, before: str, after: str) -> str:
    """Draw the confusion matrices of two arms, as shares of the true class."""
    names = [_short(name, 8) for name in found.protocol["data"]["classes"]]
    n = len(names)
    figure = Figure(figsize=(WIDTH, WIDTH / 2 + 0.7), layout="constrained")
    for axis, arm in zip(figure.subplots(1, 2, sharey=True), (before, after), strict=True):
        counts = confusion(found, arm)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(
            _short(arm, 26), fontsize=11, color=GENERATIVE if found.arms[arm] else BASELINE
        )
        axis.set_xlabel("predicted", fontsize=11)
        if n <= _MAX_NUMBERS:
            axis.set_xticks(
                range(n), names, rotation=90 if max(map(len, names)) > 2 else 0, parse_math=False
            )
            axis.set_yticks(range(n), names, parse_math=False)
            for (row, column), value in np.ndenumerate(100 * share):
                if value >= 0.5:
                    colour = "white" if value > 55 else "#1f2933"
                    axis.text(
                        column,
                        row,
                        f"{value:.0f}",
                        ha="center",
                        va="center",
                        fontsize=7.5,
                        color=colour,
                    )
    figure.axes[0].set_ylabel("true", fontsize=11)
    return as_svg(figure)


def ratios(found: Findings) -> dict[str, dict[float, str]]:
    """Return families of three or more arms that differ only in the ratio: arms by ratio."""
    families: dict[str, dict[float, str]] = {}
    for arm in found.scores().columns:
        head, plus, steps = arm.partition("+")
        words = head.split(":")
        numbers = [word for word in words[1:] if word[:1].isdigit()]
        if found.arms[arm] and len(numbers) == 1:
            rest = ":".join(word for word in words if word not in numbers) + plus + steps
            families.setdefault(rest, {})[float(numbers[0])] = arm
    return {name: dict(sorted(arms.items())) for name, arms in families.items() if len(arms) >= 3}


def ratio_plot(found: Findings, reference: str) -> str:
    """Draw the mean difference to `reference` against synthetic rows per real row."""
    families = ratios(found)
    figure = Figure(figsize=(WIDTH, 3), layout="constrained")
    axis = figure.subplots()
    colours = (GENERATIVE, "#2a6f97", "#5b8c2a", "#7b4b94")
    for number, (name, arms) in enumerate(families.items()):
        intervals = [found.difference(arm, reference) for arm in arms.values()]
        colour = colours[number % len(colours)]
        middle, low, high = (
            [getattr(interval, end) * found.metric.scale for interval in intervals]
            for end in ("mean", "low", "high")
        )
        axis.plot(list(arms), middle, marker="D", color=colour, label=name)
        if np.isfinite(low).all():
            axis.fill_between(list(arms), low, high, color=colour, alpha=0.13, linewidth=0)
    axis.axhline(0, color="#1f2933", lw=1)
    every = {ratio for arms in families.values() for ratio in arms}
    _log_scale(
        axis,
        every,
        "g",
        "synthetic rows per real row",
        f"difference to {_short(reference, 20)}",
    )
    return as_svg(figure)


def curve_plot(found: Findings, reference: str, best: str | None) -> str:
    """Draw the mean score of each arm against training rows, with intervals of two arms."""
    curve = learning_curve(found)
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axis = figure.subplots()
    for arm, line in curve.groupby("arm", sort=False):
        x, mean = line["n_train"], line["mean"] * found.metric.scale
        colour = GENERATIVE if found.arms[str(arm)] else BASELINE
        if arm not in (reference, best):
            axis.plot(x, mean, color=colour, lw=0.9, alpha=0.35)
            continue
        marker = "D" if arm == best else "o"
        axis.plot(x, mean, color=colour, lw=2.2, marker=marker, label=str(arm), zorder=3)
        if np.isfinite(line["low"]).all():
            low, high = line["low"] * found.metric.scale, line["high"] * found.metric.scale
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    label = f"{found.metric.label}{', %' if found.metric.unit else ''}"
    _log_scale(axis, set(curve["n_train"]), ",", "training rows", label)
    return as_svg(figure)


def _log_scale(axis: Axes, ticks: Iterable[float], form: str, x: str, y: str) -> None:
    """Finish a plot whose horizontal axis is logarithmic and has these values."""
    axis.set_xscale("log")
    values = sorted(ticks)
    axis.set_xticks(values, [format(value, form) for value in values])
    axis.minorticks_off()
    axis.set_xlabel(x, fontsize=11)
    axis.set_ylabel(y, fontsize=11)
    axis.legend(frameon=False, fontsize=10)
    _plain(axis)


def _plain(axis: Axes) -> None:
    axis.tick_params(labelsize=11, length=0)
    axis.grid(color="#d9dde1", lw=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _wrapped(name: str, length: int = 24) -> str:
    """Break the name of an arm into lines between its steps."""
    lines = [""]
    for part in re.split(r"(?<=[+:])", name):
        if len(lines[-1]) + len(part) > length and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _short(name: str, length: int = 15) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"

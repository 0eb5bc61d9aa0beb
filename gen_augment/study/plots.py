"""Plots of a study's result as SVG: recall of each class, confusions, scores against ratios and training rows."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from gen_augment.study.result import StudyResult

__all__ = [
    "BASELINE",
    "GENERATIVE",
    "WIDTH",
    "as_svg",
    "confusion_plot",
    "curve_plot",
    "ratio_plot",
    "ratios",
    "recall_plot",
]

BASELINE, GENERATIVE = "#52606d", "#b44d12"
WIDTH = 5.6  # inches: on a telephone a picture is shown at two thirds of its size, and its letters with it
_MAX_CLASSES = 30
_MAX_NUMBERS = 12  # classes up to which a confusion matrix has its counts written in


def as_svg(figure: Figure) -> str:
    """The ``<svg>`` element of a figure."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def recall_plot(result: "StudyResult", before: str, after: str) -> str:
    """SVG: recall of each class, on test, of two arms; the classes that change most come first, up to 30."""
    low, high = result.class_recall(before) * 100, result.class_recall(after) * 100
    names = [_short(name) for name in result.protocol["data"]["classes"]]
    order = np.argsort(-np.abs(np.nan_to_num(high - low)), kind="stable")[:_MAX_CLASSES]
    figure = Figure(figsize=(WIDTH, 0.32 * len(order) + 1.1), layout="constrained")
    axis = figure.subplots()
    for height, code in enumerate(reversed(order)):
        axis.plot([low[code], high[code]], [height, height], color="#c3c9cf", lw=2, zorder=1)
    heights = np.arange(len(order))[::-1]
    axis.scatter(low[order], heights, color=BASELINE, s=36, label=before, zorder=2)
    axis.scatter(high[order], heights, color=GENERATIVE, marker="D", s=36, label=after, zorder=3)
    axis.set_yticks(heights, [names[code] for code in order], parse_math=False)
    axis.set_xlabel("recall on test, %", fontsize=11)
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    _plain(axis)
    return as_svg(figure)


def confusion_plot(result: "StudyResult", before: str, after: str) -> str:
    """SVG: test rows by true and predicted class, as shares of the true class, of two arms."""
    names = [_short(name, 8) for name in result.protocol["data"]["classes"]]
    n = len(names)
    figure = Figure(figsize=(WIDTH, WIDTH / 2 + 0.7), layout="constrained")
    for axis, arm in zip(figure.subplots(1, 2, sharey=True), (before, after), strict=True):
        counts = result.confusion(arm)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(
            _short(arm, 26), fontsize=11, color=GENERATIVE if result.arms[arm] else BASELINE
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


def ratios(result: "StudyResult") -> dict[str, dict[float, str]]:
    """Arms that differ in the ratio alone: for each such family, arms by ratio; those with three or more."""
    families: dict[str, dict[float, str]] = {}
    for arm in result.scores().columns:
        head, plus, steps = arm.partition("+")
        words = head.split(":")
        numbers = [word for word in words[1:] if word[:1].isdigit()]
        if result.arms[arm] and len(numbers) == 1:
            rest = ":".join(word for word in words if word not in numbers) + plus + steps
            families.setdefault(rest, {})[float(numbers[0])] = arm
    return {name: dict(sorted(arms.items())) for name, arms in families.items() if len(arms) >= 3}


def ratio_plot(result: "StudyResult", reference: str) -> str:
    """SVG: mean difference to `reference`, with its interval, against synthetic rows for each real one."""
    figure = Figure(figsize=(WIDTH, 3), layout="constrained")
    axis = figure.subplots()
    colours = (GENERATIVE, "#2a6f97", "#5b8c2a", "#7b4b94")
    for number, (name, arms) in enumerate(ratios(result).items()):
        found = [result.difference(arm, reference) for arm in arms.values()]
        colour = colours[number % len(colours)]
        middle, low, high = (
            [getattr(f, end) * result.scale for f in found] for end in ("mean", "low", "high")
        )
        axis.plot(list(arms), middle, marker="D", color=colour, label=name)
        if np.isfinite(low).all():
            axis.fill_between(list(arms), low, high, color=colour, alpha=0.13, linewidth=0)
    axis.axhline(0, color="#1f2933", lw=1)
    every = {ratio for arms in ratios(result).values() for ratio in arms}
    _log_scale(
        axis,
        every,
        "g",
        "synthetic rows for each real one",
        f"difference to {_short(reference, 20)}",
    )
    return as_svg(figure)


def curve_plot(result: "StudyResult", reference: str, best: str | None) -> str:
    """SVG: mean score of each arm against training rows, with intervals of `reference` and `best`."""
    curve = result.learning_curve()
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axis = figure.subplots()
    for arm, line in curve.groupby("arm", sort=False):
        x, mean = line["n_train"], line["mean"] * result.scale
        colour = GENERATIVE if result.arms[str(arm)] else BASELINE
        if arm not in (reference, best):
            axis.plot(x, mean, color=colour, lw=0.9, alpha=0.35)
            continue
        marker = "D" if arm == best else "o"
        axis.plot(x, mean, color=colour, lw=2.2, marker=marker, label=str(arm), zorder=3)
        if np.isfinite(line["low"]).all():
            low, high = line["low"] * result.scale, line["high"] * result.scale
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    label = f"{result.metric_label}{', %' if result.unit else ''}"
    _log_scale(axis, set(curve["n_train"]), ",", "training rows", label)
    return as_svg(figure)


def _log_scale(axis: Axes, ticks: Iterable[float], form: str, x: str, y: str) -> None:
    """Finish a plot against the logarithm of a number, of which these values occur."""
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


def _short(name: str, length: int = 15) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"

"""Tables and figures of the benchmark of samplers against real rows."""

from collections.abc import Callable
from functools import partial
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.generators import AMOUNTS, NAMES, WAYS
from benchmarks.harness import Record, markdown

__all__ = ["figures", "summary", "table"]


def table(results: Record) -> str:
    """Return means over seeds, and each seed's accuracy."""
    trials = results["trials"]
    parts = []
    for rows in AMOUNTS:
        mine = [trial for trial in trials if trial["rows"] == rows]
        if mine:
            parts.append(f"**{rows}**\n\n{_fidelity_table(mine)}")
    for rows, labels in (
        ("partial labels", ("real", "labelled alone", "with unlabelled")),
        ("transfer", ("real", "from scratch", "from other classes")),
    ):
        mine = [trial for trial in trials if trial["rows"] == rows]
        if mine:
            lines = [
                [
                    name,
                    *(
                        _percent([t[label] for t in mine if t["trained_on"] == name])
                        for label in labels
                    ),
                ]
                for name in dict.fromkeys(trial["trained_on"] for trial in mine)
            ]
            parts.append(
                f"**{rows}**: test accuracy, %\n\n" + markdown(["sampler", *labels], lines)
            )
    return "\n\n".join(parts)


def summary(results: Record) -> str:
    """Return the test accuracy by training part and training rows, and points below real rows."""
    by_rows = {
        rows: _accuracies([t for t in results["trials"] if t["rows"] == rows]) for rows in AMOUNTS
    }
    by_rows = {rows: found for rows, found in by_rows.items() if "real" in found}
    lines = []
    for name in ("real", *NAMES):
        cells = [
            f"{100 * mean(found[name].values()):.1f}"
            + ("" if name == "real" else f" ({100 * _gap(found, name):.1f})")
            if name in found
            else ""
            for found in by_rows.values()
        ]
        lines.append([name, *cells])
    table = markdown(["trained on", *by_rows], lines)
    return f"Test accuracy, %, and points below real rows in brackets\n\n{table}"


def _accuracies(trials: list[Record]) -> dict[str, dict[int, float]]:
    """Return accuracies by training rows and seed."""
    names = dict.fromkeys(trial["trained_on"] for trial in trials)
    return {
        name: {t["seed"]: t["accuracy"] for t in trials if t["trained_on"] == name}
        for name in names
    }


def _gap(found: dict[str, dict[int, float]], name: str) -> float:
    return mean(
        found["real"][seed] - accuracy
        for seed, accuracy in found[name].items()
        if seed in found["real"]
    )


#: Columns after the accuracy: key, heading, and digits.
_COLUMNS = (
    ("frechet_distance", "Fréchet distance", 1), ("kernel_distance", "kernel distance", 3),
    ("precision", "precision", 2),
    ("recall", "recall", 2), ("density", "density", 2), ("coverage", "coverage", 2),
    ("memorisation", "memorised", 3), ("memorisation_of_test", "memorised, test images", 3),
    ("fit_seconds", "fit, s", 0), ("sample_seconds", "sample, s", 0),
)  # fmt: skip


def _fidelity_table(trials: list[Record]) -> str:
    lines, accuracies = [], _accuracies(trials)
    for name, by_seed in accuracies.items():
        mine, gap = (
            [trial for trial in trials if trial["trained_on"] == name],
            _gap(accuracies, name),
        )
        found = {key: [trial[key] for trial in mine if key in trial] for key, _, _ in _COLUMNS}
        figures = [
            f"{mean(found[key]):.{digits}f}" if found[key] else "" for key, _, digits in _COLUMNS
        ]
        steps = ", ".join(map(str, mine[0]["steps"]))
        lines.append([name, steps, _percent(list(by_seed.values())), f"{100 * gap:.1f}", *figures])
    return markdown(
        [
            "trained on",
            "steps",
            "test accuracy, %",
            "points below real rows",
            *(title for _, title, _ in _COLUMNS),
        ],
        lines,
    )


def _percent(values: list[float]) -> str:
    each = ", ".join(f"{100 * value:.1f}" for value in values)
    return each if len(values) == 1 else f"{100 * mean(values):.1f} ({each})"


def figures(results: Record) -> dict[str, Figure]:
    """Draw the quality against the settings of sampling.

    These are the flow's steps and guidance, the VAE's latent, and the strength of
    `vary`.
    """
    found = {}
    for name in WAYS:
        trials = [
            trial["ways"]
            for trial in results["trials"]
            if trial["rows"] == "ways" and trial["trained_on"] == name
        ]
        if trials:
            figure = Figure(figsize=(9, 3.2), layout="constrained")
            left, right = figure.subplots(1, 2)
            (_draw_flow if name == "flow" else _draw_latents)(left, trials)
            _draw(right, trials, "strength", lambda way: "strength" in way, f"vary of {name}")
            right.set_xlabel("strength")
            for axes in (left, right):
                axes.set_ylabel("test accuracy, %")
                axes.legend()
            found[name] = figure
    return found


def _draw(
    axes: Axes, trials: list[list[Record]], x: str, chosen: Callable[[Record], bool], label: str
) -> None:
    lines = [[way for way in ways if chosen(way)] for ways in trials]
    heights = [mean(100 * way["accuracy"] for way in at) for at in zip(*lines, strict=True)]
    axes.plot([way[x] for way in lines[0]], heights, marker="o", label=label)


def _has(key: str, value: float, way: Record) -> bool:
    return bool(way.get(key) == value)


def _draw_flow(axes: Axes, trials: list[list[Record]]) -> None:
    for guidance in dict.fromkeys(way["guidance"] for way in trials[0] if "guidance" in way):
        _draw(axes, trials, "n_steps", partial(_has, "guidance", guidance), f"guidance {guidance}")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("n_steps of Heun's method")


def _draw_latents(axes: Axes, trials: list[list[Record]]) -> None:
    _draw(axes, trials, "latent", lambda way: "latent" in way, "sample")
    axes.set_xlabel("latent")

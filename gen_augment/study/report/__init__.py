"""The report of a study: one HTML file that needs no network."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader

from gen_augment.study.metrics import METRICS, UNSCALED
from gen_augment.study.pictures import difference_plot
from gen_augment.study.plots import confusion_plot, curve_plot, ratio_plot, ratios, recall_plot

if TYPE_CHECKING:
    from gen_augment.study.result import StudyResult

__all__ = ["as_number", "as_words", "render", "render_markdown"]


#: Metrics in the table of arms, beside the one that decides.
SHOWN = ("balanced_accuracy", "accuracy", "worst_class_recall", "nll", "ece")
#: Settings that say nothing of other classifiers.
_OF_NETWORKS = ("n_steps", "batch_size", "lr", "precision")


def render(result: "StudyResult") -> str:
    """The report as HTML text."""
    environment = Environment(
        loader=PackageLoader("gen_augment.study.report", ""), autoescape=True, trim_blocks=True
    )
    environment.filters |= {"number": as_number, "words": as_words}
    reference = result.best(generative=False)
    best = result.best(generative=True)
    told = {arm for arm, _ in result.predictions}
    both = reference is not None and best is not None and {reference, best} <= told
    several = reference is not None and len(result.scores().columns) > 1
    network = str(result.protocol.get("model", "")).startswith("network ")
    return environment.get_template("report.html.j2").render(
        result=result,
        network=network,
        soft=any("soft" in step.split(":") for arm in result.arms for step in arm.split("+")),
        protocol={
            name: how
            for name, how in result.protocol.items()
            if network or name not in _OF_NETWORKS
        },
        verdict=result.verdict(),
        reference=reference,
        table=result.table().reset_index().to_dict("records"),
        digits=3 if result.metric in UNSCALED else 2,
        metrics={name: METRICS[name][0] for name in dict.fromkeys((*SHOWN, result.metric))},
        unscaled=UNSCALED,
        plot=difference_plot(result, reference) if several and reference else "",
        examples={
            name: base64.b64encode(png).decode() for name, png in sorted(result.examples.items())
        },
        details=result.details(),
        best=best,
        recall=recall_plot(result, reference, best) if both and reference and best else "",
        confusion=confusion_plot(result, reference, best) if both and reference and best else "",
        ratio=ratio_plot(result, reference) if reference and ratios(result) else "",
        curve=curve_plot(result, reference, best) if reference and result.sizes else "",
        sizes=result.learning_curve().groupby("size", sort=True) if result.sizes else [],
        every_metric={name: label for name, (label, _) in METRICS.items()},
        robustness=result.robustness().reset_index().to_dict("records") if result.truth else [],
        scores=result.trials.pivot_table(
            index="seed", columns="arm", values=f"test_{result.metric}"
        ).reindex(columns=list(result.arms)),
        failed=result.trials[result.trials["error"].notna()].to_dict("records"),
    )


def render_markdown(result: "StudyResult") -> str:
    """Verdict and table of arms as Markdown."""
    scale, unscaled = result.scale, result.metric in UNSCALED
    digits = 3 if unscaled else 2
    titles = [
        "arm",
        result.metric_label,
        "difference",
        f"{result.level} interval",
        "p (Holm)",
        "worst-class recall, %",
    ]
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    for arm, row in result.table().iterrows():
        ends = [as_number(row[name], digits, scale, True) for name in ("low", "high")]
        cells = [
            str(arm).replace("|", "\\|"),
            as_number(row[result.metric], digits, scale),
            as_number(row["difference"], digits, scale, True),
            "–" if "–" in ends else " to ".join(ends),
            as_number(row["p_holm"], 3),
            as_number(row["worst_class_recall"], 1, 100),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    words = "\n\n".join([f"**{result.verdict()}**", *result.details()])
    return f"# Did synthetic data help?\n\n{words}\n\n" + "\n".join(lines) + "\n"


def as_words(value: Any, pair: str = ": ", separator: str = "; ") -> str:
    """Settings as text; those that are None are left out."""
    if isinstance(value, Mapping):
        known = {name: item for name, item in value.items() if item is not None}
        return separator.join(
            f"{name}{pair}{as_words(item, '=', ', ')}" for name, item in known.items()
        )
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def as_number(value: Any, digits: int = 2, scale: float = 1, sign: bool = False) -> str:
    """A number with so many digits, or a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{float(value) * scale:{'+' if sign else ''}.{digits}f}"

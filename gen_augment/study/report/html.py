"""The report of a study as HTML."""

import base64
import json
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader

from gen_augment.study.arms_table import arms_table, learning_curve
from gen_augment.study.findings import Findings
from gen_augment.study.metrics import METRICS
from gen_augment.study.predictions import robustness
from gen_augment.study.report.glossary import words_used
from gen_augment.study.report.markdown import title
from gen_augment.study.report.next_steps import GUIDE, guide_url, next_steps
from gen_augment.study.report.plots import (
    confusion_plot,
    curve_plot,
    difference_plot,
    ratio_plot,
    ratios,
    recall_plot,
)
from gen_augment.study.report.wording import as_number, as_words, breakable
from gen_augment.study.statistics import smallest_signed_rank_p
from gen_augment.study.trial_store import is_png
from gen_augment.study.verdict import details, verdict

__all__ = ["render"]

#: Metrics in the table of arms, in addition to those of the study.
_SHOWN = ("balanced_accuracy", "worst_class_recall")
#: Settings that other classifiers than networks do not have.
_OF_NETWORKS = ("n_steps", "batch_size", "lr", "precision")
#: Keys of the protocol that the report shows elsewhere.
_ELSEWHERE = ("explained", "name")
#: Words of the glossary that all reports use.
_EVERYWHERE = (
    *("arm", "synthetic rows", "seed", "validation", "test", "interval", "p (Holm)"),
    *("bootstrap", "train minus test"),
)
#: The signed-rank test is shown if it can give a p-value this small.
_MAX_P = 0.05


def render(found: Findings) -> str:
    """Return the report as HTML text."""
    loader = PackageLoader("gen_augment.study.report", "")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"number": as_number, "words": as_words, "breakable": breakable}
    sections = {**_summary(found), **_tables(found), **_plots(found), **_settings(found)}
    return environment.get_template("report.html.j2").render(found=found, **sections)


def _summary(found: Findings) -> dict[str, Any]:
    reference, best = found.best(generative=False), found.best(generative=True)
    explained = found.protocol.get("explained", {})
    words = [*_EVERYWHERE, *(metric.label for metric in (*found.metrics, *METRICS.values()))]
    if smallest_signed_rank_p(found.n_seeds) <= _MAX_P:
        words.append("p (Wilcoxon)")
    return {
        "title": title(found),
        "verdict": verdict(found),
        "details": details(found),
        "reference": reference,
        "best": best,
        "explained": explained,
        "compared": [arm for arm in (best, reference) if arm in explained],
        "next_steps": next_steps(found),
        "guide": GUIDE,
        "guide_url": guide_url(),
        "glossary": words_used([*words, *found.arms]),
    }


def _tables(found: Findings) -> dict[str, Any]:
    known = METRICS | {metric.name: metric for metric in found.metrics}
    main = [metric.name for metric in found.metrics]
    interim, trials = found.design.interim, found.trials
    part = "validation" if interim else "test"
    by_seed = trials.pivot_table(
        index="seed", columns="arm", values=f"{part}_{found.metric.name}"
    ).reindex(columns=list(found.arms))
    smallest = smallest_signed_rank_p(found.n_seeds)
    return {
        "labels": {name: metric.label for name, metric in known.items()},
        "percent": {name: metric.percent for name, metric in known.items()},
        "part": part,
        "main": main if interim else list(dict.fromkeys((*main, *_SHOWN))),
        "table": arms_table(found).reset_index().to_dict("records"),
        "digits": 2 if found.metric.percent else 3,
        "smallest_p": smallest,
        "wilcoxon": smallest <= _MAX_P,
        "sizes": _by_size(found),
        "robustness": robustness(found).reset_index().to_dict("records") if found.truth else [],
        "scores": by_seed,
        "failed": trials[trials["error"].notna()].to_dict("records"),
    }


def _by_size(found: Findings) -> Any:
    """Return the learning curve, grouped by size; empty without one."""
    if not found.design.sizes or found.design.interim:
        return []
    curve: pd.DataFrame = learning_curve(found)
    return curve.groupby("size", sort=True)


def _plots(found: Findings) -> dict[str, Any]:
    """Return plots as SVG; empty text for those that have nothing to show."""
    plots = dict.fromkeys(("difference", "recall", "confusion", "ratio", "curve"), "")
    shown = sorted(found.examples.items())
    examples = {name: base64.b64encode(png).decode() for name, png in shown if is_png(png)}
    lines = {name: json.loads(text) for name, text in shown if not is_png(text)}
    reference, best = found.best(generative=False), found.best(generative=True)
    if reference is not None and not found.design.interim:
        if len(found.scores().columns) > 1:
            plots["difference"] = difference_plot(found, reference)
        if best is not None and {reference, best} <= {arm for arm, _ in found.predictions}:
            plots["recall"] = recall_plot(found, reference, best)
            plots["confusion"] = confusion_plot(found, reference, best)
        if ratios(found):
            plots["ratio"] = ratio_plot(found, reference)
        if found.design.sizes:
            plots["curve"] = curve_plot(found, reference, best)
    return {"plots": plots, "examples": examples, "lines": lines}


def _settings(found: Findings) -> dict[str, Any]:
    network = str(found.protocol.get("model", "")).startswith("network ")
    hidden = _ELSEWHERE if network else (*_ELSEWHERE, *_OF_NETWORKS)
    steps = [step.split(":") for arm in found.arms for step in arm.split("+")]
    return {
        "network": network,
        "soft": any("soft" in words for words in steps),
        "protocol": {name: how for name, how in found.protocol.items() if name not in hidden},
    }

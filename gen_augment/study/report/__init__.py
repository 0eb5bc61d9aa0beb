"""The report of a study: one HTML file that needs no network."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader

from gen_augment.study.metrics import METRICS
from gen_augment.study.pictures import difference_plot

if TYPE_CHECKING:
    from gen_augment.study.result import StudyResult

__all__ = ["as_number", "as_words", "render"]


def render(result: "StudyResult") -> str:
    """The report as HTML text."""
    environment = Environment(loader=PackageLoader("gen_augment.study.report", ""), autoescape=True, trim_blocks=True)
    environment.filters |= {"number": as_number, "words": as_words}
    reference = result.best(generative=False)
    several = reference is not None and len(result.scores().columns) > 1
    return environment.get_template("report.html.j2").render(
        result=result,
        verdict=result.verdict(),
        reference=reference,
        table=result.table().reset_index().to_dict("records"),
        digits=3 if result.metric == "nll" else 2,
        metrics={name: label for name, (label, _) in METRICS.items()},
        plot=difference_plot(result, reference) if several and reference else "",
        examples={name: base64.b64encode(png).decode() for name, png in sorted(result.examples.items())},
        scores=result.trials.pivot_table(index="seed", columns="arm", values=f"test_{result.metric}").reindex(
            columns=list(result.arms)
        ),
        failed=result.trials[result.trials["error"].notna()].to_dict("records"),
    )


def as_words(value: Any, pair: str = ": ", separator: str = "; ") -> str:
    """Settings as text; those that are None are left out."""
    if isinstance(value, Mapping):
        known = {name: item for name, item in value.items() if item is not None}
        return separator.join(f"{name}{pair}{as_words(item, '=', ', ')}" for name, item in known.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def as_number(value: Any, digits: int = 2, scale: float = 1, sign: bool = False) -> str:
    """A number with so many digits, or a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{float(value) * scale:{'+' if sign else ''}.{digits}f}"

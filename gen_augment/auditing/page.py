"""The page of an audit: one HTML file that needs no network."""

import base64
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader

from gen_augment.modalities.views import Figure
from gen_augment.study.report import as_number, as_words
from gen_augment.study.report.next_steps import GUIDE, guide_url

__all__ = ["render"]

_SHARE = "Do not pass these rows on before you know why they resemble training rows."
_GATE = "To leave out rows that are nearly copies, use FilteredSampler with Novelty."
_LABELS = "To leave out rows with doubtful labels, use FilteredSampler with LabelAgreement."
_TRAIN = "Fit again, with more rows or for another number of steps, and audit again."
#: Columns that are shown, those that differ most first.
MAX_COLUMNS = 50


def render(
    *,
    verdict: str,
    findings: list[str],
    figures: pd.DataFrame,
    meanings: Mapping[str, Figure],
    classes: pd.DataFrame,
    columns: pd.DataFrame | None,
    groups: pd.DataFrame | None,
    examples: pd.DataFrame | None,
    pictures: Mapping[str, bytes],
    card: Mapping[str, Any],
) -> str:
    """Return the page as HTML; the arguments are the parts of an `Audit`."""
    loader = ChoiceLoader(
        [PackageLoader("gen_augment.auditing", ""), PackageLoader("gen_augment.study.report", "")]
    )
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"number": as_number, "words": as_words}
    rows = [
        record | meanings[str(name)]._asdict() for name, record in figures.to_dict("index").items()
    ]
    return environment.get_template("audit.html.j2").render(
        title=_title(card),
        verdict=verdict,
        findings=findings,
        next_steps=_next_steps(findings),
        guide=GUIDE,
        guide_url=guide_url(),
        questions=[(name, list(group)) for name, group in groupby(rows, lambda r: r["question"])],
        classes=_records(classes),
        with_utility="synthetic_on_real" in classes,
        columns=None if columns is None else _records(columns.sort_values("shape")[:MAX_COLUMNS]),
        n_columns=0 if columns is None else len(columns),
        groups=_records(groups),
        examples=_records(examples),
        pictures={title: base64.b64encode(png).decode() for title, png in pictures.items()},
        card=card,
    )


def _title(card: Mapping[str, Any]) -> str:
    """Return the heading, with the names of the sampler and of the data set."""
    sampler, _, _ = str(card.get("sampler", "")).partition("(")
    of = f" of {sampler}" if sampler else ""
    on = f" on {card['name']}" if card.get("name") else ""
    return f"What are the synthetic rows{of}{on} like?"


def _next_steps(findings: list[str]) -> list[str]:
    """Return what helps against the findings."""
    said = []
    if any(word in text for text in findings for word in ("copie", "training row")):
        said += [_SHARE, _GATE]
    if any("labels" in text for text in findings):
        said.append(_LABELS)
    return [*said, _TRAIN] if findings else said


def _records(table: pd.DataFrame | None) -> Any:
    return None if table is None else table.reset_index().to_dict("records")

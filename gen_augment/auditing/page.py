"""The page of an audit: one HTML file that needs no network."""

import base64
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader

from gen_augment.modalities.views import Figure
from gen_augment.study.report import as_number, as_words

__all__ = ["render"]

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
        verdict=verdict,
        findings=findings,
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


def _records(table: pd.DataFrame | None) -> Any:
    return None if table is None else table.reset_index().to_dict("records")

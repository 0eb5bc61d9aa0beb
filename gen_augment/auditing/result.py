"""The result of an audit."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd

from gen_augment.archive import write_bytes, write_json
from gen_augment.auditing.figures import FIGURES, Figures
from gen_augment.auditing.page import render
from gen_augment.metrics import Bias
from gen_augment.modalities.views import Figure

__all__ = ["Audit"]


@dataclass(frozen=True)
class Audit:
    """The result of `audit`.

    Attributes
    ----------
    findings : list of str
        What differs from real rows by more than chance explains, in words.
    figures : dict of str to (float, float)
        Each figure of synthetic rows, and the same figure of real rows; NaN if there is
        none.
    per_class : DataFrame
        One row per class: number of ``real`` and ``synthetic`` rows; ``label_agreement``,
        and ``reference_agreement`` of real rows; ``precision``, ``recall``,
        ``reference_recall`` and ``memorisation``. With unseen rows: their recall after
        training on synthetic and on as many real rows.
    per_column : DataFrame or None
        One row per column: ``shape`` is the similarity of the distributions and
        ``reference`` the same for real rows, see `column_shapes`. ``lost`` is the share of
        values that the encoding changes. ``copied`` is the share of values copied from a
        column that identifies rows, and ``reference_copied`` the same for unseen rows.
    groups : Bias or None
        Figures of the groups that were asked for.
    hardest : DataFrame
        The synthetic rows whose label classifiers of real rows doubt most: ``address``,
        ``label`` and ``score``, the margin of `LabelAgreement`. ``sampler.generate(
        [address], label, seed=card["synthetic_seed"])`` generates such a row again.
    examples : DataFrame or None
        ``class``, ``real`` and ``synthetic`` rows as short texts; None for rows that have
        pictures.
    card : dict
        Sampler, data, versions and date, as JSON values.
    pictures : dict of str to bytes
        PNG by title; drawn when first used.
    meanings : dict of str to Figure
        All figures in words, by name, in the order in which they are shown.
    """

    findings: list[str]
    figures: Figures
    per_class: pd.DataFrame
    per_column: pd.DataFrame | None
    groups: Bias | None
    hardest: pd.DataFrame
    examples: pd.DataFrame | None
    card: dict[str, Any]
    draw: Callable[[], dict[str, bytes]] = field(default=dict, repr=False)
    meanings: Mapping[str, Figure] = field(default_factory=lambda: FIGURES, repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """One row per figure: ``synthetic``, ``reference`` and ``ideal``, its best value."""
        rows = {
            name: (*self.figures[name], figure.ideal)
            for name, figure in self.meanings.items()
            if name in self.figures
        }
        table = pd.DataFrame.from_dict(rows, "index", columns=["synthetic", "reference", "ideal"])
        return table.rename_axis("figure")

    @property
    def verdict(self) -> str:
        """The number of findings as a sentence."""
        n, rows = len(self.findings), self.card["synthetic_rows"]
        problems = {0: "No problems were", 1: "1 problem was"}.get(n, f"{n} problems were")
        said = f"{problems} found in {rows} synthetic rows."
        if not self.card.get("unseen_rows"):
            said += " Give unseen real rows to compare the figures with (holdout=, or --unseen)."
        return said

    @cached_property
    def pictures(self) -> dict[str, bytes]:  # noqa: D102 # documented above
        return self.draw()

    def __repr__(self) -> str:
        return f"<Audit: {self.verdict}>"

    def __str__(self) -> str:
        table = self.table.round(3).to_string(na_rep="–")
        return "\n".join([self.verdict, *(f"* {text}" for text in self.findings), "", table])

    def _repr_html_(self) -> str:
        """Return verdict, findings, pictures and figures, as notebooks show them."""
        findings = "".join(f"<li>{escape(text)}</li>" for text in self.findings)
        table = self.table.round(3).to_html()
        pictures = "".join(
            f'<figure><figcaption>{title}</figcaption><img alt="{title}" style="max-width: 40em" '
            f'src="data:image/png;base64,{base64.b64encode(png).decode()}"/></figure>'
            for title, png in self.pictures.items()
        )
        verdict = f"<p><strong>{escape(self.verdict)}</strong></p>"
        return f"{verdict}<ol>{findings}</ol>{pictures}{table}"

    def to_json(
        self, path: str | os.PathLike[str], *, export: Mapping[str, float] | None = None
    ) -> None:
        """Write figures, findings and card to a JSON file, to be kept with an archive.

        `export` are the bounds that the figures met, if the sampler was exported.

        Raises
        ------
        ArchiveError
            The file cannot be written.
        """
        tables = {
            "figures": self.table.drop(columns="ideal"),
            "classes": self.per_class,
            "columns": self.per_column,
            "groups": None if self.groups is None else self.groups.by_group,
            "hardest": self.hardest,
        }
        record = self.card | {"findings": self.findings}
        if export is not None:
            record["export"] = dict(export)
        record |= {name: _as_json(table) for name, table in tables.items() if table is not None}
        write_json(path, record)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write a page that contains its styles and pictures.

        Raises
        ------
        ArchiveError
            The file cannot be written.
        """
        page = render(
            verdict=self.verdict,
            findings=self.findings,
            figures=self.table,
            meanings=self.meanings,
            classes=self.per_class,
            columns=self.per_column,
            groups=None if self.groups is None else self.groups.by_group,
            examples=self.examples,
            pictures=self.pictures,
            card=self.card,
        )
        write_bytes(path, page.encode())


def _as_json(table: pd.DataFrame) -> Any:
    named = table.rename(index=str)  # may make two names equal, such as 1 and "1"
    if named.index.is_unique:
        return json.loads(named.to_json(orient="index"))
    return json.loads(named.reset_index().to_json(orient="records"))

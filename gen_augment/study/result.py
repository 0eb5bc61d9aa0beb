"""The result of a study: what was found, the verdict, and reports."""

import io
import os
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes, write_json
from gen_augment.study.arms_table import arms_table, learning_curve
from gen_augment.study.findings import Findings
from gen_augment.study.verdict import Comparison, compare, details, verdict

__all__ = ["StudyResult", "as_record"]

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class StudyResult(Findings):
    """The result of a study; see `Findings` for its data."""

    def comparison(self) -> Comparison:
        """Return the verdict as data."""
        return compare(self)

    def verdict(self) -> str:
        """Return one sentence: whether synthetic rows helped, by how much, against what."""
        return verdict(self)

    def details(self) -> list[str]:
        """Return sentences that go with the verdict."""
        return details(self)

    def table(self) -> pd.DataFrame:
        """Return one row per arm: scores, difference to the reference arm, and costs."""
        return arms_table(self)

    def learning_curve(self) -> pd.DataFrame:
        """Return test scores against the size of the training part."""
        return learning_curve(self)

    def _repr_html_(self) -> str:
        """Return verdict and table of arms, as notebooks show them."""
        words = "".join(f"<p>{escape(text)}</p>" for text in self.details())
        shown = [f"validation_{self.metric.name}"] if self.design.interim else [self.metric.name]
        table = self.table()[[*shown, "difference", "low", "high", "p_holm"]]
        return f"<p><strong>{escape(self.verdict())}</strong></p>{words}{table.round(4).to_html()}"

    def to_html(self, path: PathLike) -> None:
        """Write the report: one file that needs nothing else."""
        from gen_augment.study.report import render  # matplotlib is slow to import

        write_bytes(path, render(self).encode())

    def to_markdown(self, path: PathLike) -> None:
        """Write the verdict and the table of arms."""
        from gen_augment.study.report import render_markdown

        write_bytes(path, render_markdown(self).encode())

    def to_csv(self, path: PathLike) -> None:
        """Write the trials, one row each."""
        write_bytes(path, self.trials.to_csv(index=False).encode())

    def to_parquet(self, path: PathLike) -> None:
        """Write the trials, one row each."""
        buffer = io.BytesIO()
        self.trials.to_parquet(buffer)
        write_bytes(path, buffer.getvalue())

    def to_json(self, path: PathLike) -> None:
        """Write trials, verdict and protocol."""
        trials = self.trials.replace([np.inf, -np.inf], np.nan).astype(object)  # not in JSON
        compared = self.comparison()
        record = {
            "verdict": self.verdict(),
            "outcome": compared.outcome,
            "best_with_synthetic_rows": compared.arm,
            "best_without": compared.reference,
            "details": self.details(),
            **as_record(self),
            "trials": trials.where(trials.notna(), None).to_dict("records"),
        }
        write_json(path, record)


def as_record(found: Findings) -> dict[str, Any]:
    """Return everything but trials, predictions, truth and pictures as JSON values."""
    design = found.design
    return {
        "metrics": [
            {"name": m.name, "label": m.label, "percent": m.percent, "is_known": m.labels is None}
            for m in found.metrics
        ],
        "arms": found.arms,
        "controls": sorted(found.controls),
        "overlap": design.overlap,
        "fixed_test": design.fixed_test,
        "margin": design.margin,
        "alpha": design.alpha,
        "sizes": list(design.sizes),
        "examples": sorted(found.examples),
        "protocol": found.protocol,
    }

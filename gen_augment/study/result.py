"""The result of a study: what was found, the verdict, and reports."""

import io
import os
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes, write_json
from gen_augment.errors import InputError
from gen_augment.study.arms_table import arms_table, learning_curve
from gen_augment.study.findings import Findings
from gen_augment.study.verdict import Comparison, compare, details, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the paired difference of each arm to the best arm without synthetic rows.

        Each dot is a seed; diamonds and lines are means and their intervals.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure of pyplot.

        Raises
        ------
        InputError
            The study has not ended, or fewer than two arms finished.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from gen_augment import KDESampler, Study
        >>> study = Study(*load_wine(return_X_y=True), model=GaussianNB(), n_seeds=3,
        ...               samplers=[KDESampler()], arms=["real", "kde"])
        >>> axes = study.run().plot(ax=Figure().subplots())
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['kde']
        """
        from gen_augment.study.report.plots import WIDTH, difference_height, draw_differences

        reference = self.best(generative=False)
        if reference is None or len(self.scores().columns) < 2:
            raise InputError("nothing to plot: fewer than two arms have finished all seeds.")
        if ax is None:
            from matplotlib import pyplot as plt

            size = WIDTH, difference_height(self)
            ax = plt.subplots(figsize=size, layout="constrained")[1]
        ax.set_xlabel(draw_differences(ax, self, reference), parse_math=False)
        return ax

    def __repr__(self) -> str:
        return f"<StudyResult of {len(self.arms)} arms and {self.n_seeds} seeds: {self.verdict()}>"

    def __str__(self) -> str:
        return f"{self.verdict()}\n\n{self._short_table().round(4).to_string()}"

    def _short_table(self) -> pd.DataFrame:
        score = f"validation_{self.metric.name}" if self.design.interim else self.metric.name
        return self.table()[[score, "difference", "low", "high", "p_holm"]]

    def _repr_html_(self) -> str:
        """Return verdict, differences and table of arms, as notebooks show them."""
        from gen_augment.study.report.plots import difference_plot

        words = "".join(f"<p>{escape(text)}</p>" for text in self.details())
        reference = self.best(generative=False)
        several = reference is not None and len(self.scores().columns) > 1
        plot = difference_plot(self, str(reference)) if several else ""
        verdict = f"<p><strong>{escape(self.verdict())}</strong></p>"
        return f"{verdict}{words}{plot}{self._short_table().round(4).to_html()}"

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

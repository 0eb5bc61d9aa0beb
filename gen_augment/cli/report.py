"""``gen-augment report``: the report of a study in another form."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gen_augment.cli.terminal import check_writable, err, out, tell

__all__ = ["FORMATS", "ReportOption", "check_format", "print_result", "report"]

#: The method of a result that writes a report, by the suffix of the file.
FORMATS: dict[str, Callable[[Any, Path], None]] = {
    ".html": lambda result, path: result.to_html(path),
    ".md": lambda result, path: result.to_markdown(path),
    ".csv": lambda result, path: result.to_csv(path),
    ".parquet": lambda result, path: result.to_parquet(path),
    ".json": lambda result, path: result.to_json(path),
}
ReportOption = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="REPORT",
        help="File to write: .html, .md, .csv, .parquet or .json.",
    ),
]


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="TRIALS",
            help="The folder that study wrote next to its report.",
            show_default=False,
        ),
    ],
    output: ReportOption,
) -> None:
    """Write the report of a study again, in another form.

    A study that was killed gives an interim report of the trials that it finished.

    Examples
    --------
    `gen-augment report digits-trials -o digits.md`
    """
    from gen_augment.study import load_result

    check_format(output, *folder.glob("*.json"))
    result = load_result(folder)
    FORMATS[output.suffix](result, output)  # first: standard output may be closed
    print_result(result)
    tell(out, f"Report: {output}")


def check_format(output: Path, *inputs: str | Path) -> None:
    """Fail before a study, not after, if its report cannot be written."""
    from gen_augment.errors import InputError

    if output.suffix not in FORMATS and not output.is_dir():
        raise InputError(
            f"{output}: a report is written to a file that ends in {', '.join(FORMATS)}."
        )
    check_writable(output, inputs)


def print_result(result: Any) -> None:
    """Print the table of arms, the trials that failed, and the verdict."""
    out.print(_arm_table(result))
    failed = result.trials[result.trials["error"].notna()]
    for _, trial in failed.iterrows():
        tell(err, f"failed: {trial['arm']}, seed {trial['seed']}: {trial['error']}")
    out.print(result.verdict(), style="bold", markup=False, soft_wrap=True)
    for words in result.details():
        out.print(words, markup=False, highlight=False, soft_wrap=True)


def _arm_table(result: Any) -> Table:
    reference = result.best(generative=False)
    metric, interim = result.metric, result.design.interim
    part, name = ("validation", f"validation_{metric.name}") if interim else ("test", metric.name)
    table = Table(
        title=f"{metric.label} on {part}, {result.n_seeds} paired seeds", title_justify="left"
    )
    table.add_column("arm", overflow="fold")
    better = "" if metric.sign > 0 else ", positive is better"
    for title in (
        "mean",
        f"difference to {reference}{better}",
        f"{result.design.level} interval",
        "worst-class recall",
        "fit + train, s",
    ):
        table.add_column(title, justify="right")
    for arm, row in result.table().iterrows():
        style = "bold" if arm == reference else ""
        table.add_row(str(arm), *_cells(row, name, metric.scale), style=style)
    return table


def _cells(row: Any, metric: str, scale: float) -> list[str]:
    """Return one arm's figures as text; NaN means that a figure does not apply."""
    parts = [row[name] for name in ("fit_seconds", "sample_seconds", "train_seconds")]
    seconds = sum(part for part in parts if part == part)
    recall = row["worst_class_recall"]
    known = row["difference"] == row["difference"]
    return [
        f"{row[metric] * scale:.2f}",
        f"{row['difference'] * scale:+.2f}" if known else "",
        f"{row['low'] * scale:+.2f} to {row['high'] * scale:+.2f}" if known else "",
        f"{recall * 100:.1f}" if recall == recall else "",
        f"{seconds:.1f}",
    ]

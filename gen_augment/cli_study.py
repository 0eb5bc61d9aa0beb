"""The command line of studies: ``gen-augment study | report``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gen_augment.data.sources import load_data
from gen_augment.errors import InputError
from gen_augment.filters import FilteredSampler
from gen_augment.samplers import CLASSICAL, SAMPLERS
from gen_augment.study import (
    Conditions,
    Recommendation,
    Split,
    Study,
    StudyInterrupted,
    StudyResult,
    Training,
    load_result,
    save_result,
)
from gen_augment.study.arms import DEFAULT_SAMPLERS, ROW_STEPS
from gen_augment.study.models import load_model
from gen_augment.terminal import (
    DataArgument,
    DeviceOption,
    PerClassOption,
    PrecisionOption,
    SeedOption,
    TargetOption,
    check_writable,
    err,
    out,
    progress_bar,
    tell,
)
from gen_augment.training.placement import make_fabric

__all__ = ["report", "study"]

#: A report by the suffix of its file.
FORMATS = {
    ".html": StudyResult.to_html,
    ".md": StudyResult.to_markdown,
    ".csv": StudyResult.to_csv,
    ".parquet": StudyResult.to_parquet,
    ".json": StudyResult.to_json,
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


def study(
    data: DataArgument,
    output: ReportOption = Path("study.html"),
    target: TargetOption = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated, such as real,shift+mixup,gan:0.5,gan:agreement+shift+mixup."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Classifier: sklearn.linear_model.LogisticRegression, or net.py:make_net."
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Of a table: what rows are of, such as a patient; never split up.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Paired repetitions.")] = 5,
    per_class: PerClassOption = None,
    metric: Annotated[
        str, typer.Option(help="Score that arms are chosen and compared by.")
    ] = "balanced_accuracy",
    margin: Annotated[
        float, typer.Option(help="The gain that would matter, in units of the metric.")
    ] = 0.0,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="End in time, such as 20m or 1.5h: fewer seeds, sampler steps and arms.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for as many as there are cores.")] = 1,
    sequential: Annotated[
        bool,
        typer.Option(
            "--sequential", help="Stop as soon as the verdict is certain, at the same error rate."
        ),
    ] = False,
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="N,...",
            help="Rows of each class, such as 10,30: a learning curve up to all of them.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Training steps of a network; otherwise, more for more rows."),
    ] = None,
    sampler_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training steps of each sampler; otherwise its default, or what fits the budget.",
        ),
    ] = None,
    recommend: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Search for the best use of the samplers; save that sampler here, if any.",
        ),
    ] = None,
    corruptions: Annotated[
        bool, typer.Option("--corruptions", help="Test under common corruptions of images too.")
    ] = False,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Leave out rows that occur twice.")
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
) -> None:
    """Find out whether synthetic rows help a classifier on this data, and by how much.

    Trials are kept in a folder beside the report as they end: the same command run again goes on where it stopped.

    Examples
    --------
    `gen-augment study digits --per-class 30 --sampler-steps 500 -o digits.html`

    `gen-augment study fashion-mnist --per-class 100 --budget 20m --jobs 2 -o fashion.html`

    `gen-augment study customers.csv --target churned --metric worst_class_recall -o churn.html`

    `gen-augment study digits --sizes 10,20,40 --sampler-steps 500 -o curve.html`

    `gen-augment study fashion-mnist --per-class 100 --recommend best.safetensors -o search.html`
    """
    _check_format(output)
    if recommend is not None:
        check_writable(recommend)
    minutes = None if budget is None else _minutes(budget)
    loaded = load_data(data, target=target)
    X, of_group = (loaded.X, None) if groups is None else _apart(loaded.X, groups)
    place: dict[str, Any] = (
        {"device": device} if precision is None else {"device": device, "precision": precision}
    )
    trained = {
        name: SAMPLERS[name](**place) for name in (DEFAULT_SAMPLERS if arms is None else SAMPLERS)
    }
    for sampler in trained.values():
        if sampler_steps is not None:
            sampler.set_params(max_steps=sampler_steps)
        make_fabric(
            sampler.device, sampler.precision
        )  # a device that cannot be used is found before the first trial
    densities = ("kde", "mixture") if hasattr(loaded.X, "columns") else ()
    others = {
        name: CLASSICAL[name]()
        for name in (densities if arms is None else CLASSICAL)
        if name not in ROW_STEPS
    }
    samplers = trained | others
    named = None if arms is None else [arm.strip() for arm in arms.split(",")]
    if recommend is not None and named is not None:  # search among those that are named, if any are
        heads = {step.split(":")[0] for arm in named for step in arm.split("+")}
        samplers = {
            name: sampler for name, sampler in samplers.items() if name in heads
        } or samplers
    run = Study(
        X, loaded.y, model=None if model is None else load_model(model), arms=named, mirror=loaded.mirror,
        samplers=samplers, n_seeds=seeds, metric=metric, margin=margin, sequential=sequential, sizes=_sizes(sizes),
        split=Split(
            test=loaded.test, groups=of_group, per_class=per_class, drop_duplicates=drop_duplicates
        ),
        training=Training(steps, **place), conditions=Conditions(corruptions=corruptions), random_state=seed,
        name=loaded.name,
    )  # fmt: skip
    folder = output.with_name(output.stem + "-trials")
    interrupted, found = False, None
    try:
        with progress_bar() as progress:
            task = progress.add_task("trials", total=None, last="")
            run_or_search = run.run if recommend is None else run.recommend
            found = run_or_search(
                folder,
                n_jobs=jobs,
                budget=minutes,
                shorten=sampler_steps is None,
                on_plan=lambda words: tell(err, words),
                on_trial=lambda trial, done, total: progress.update(
                    task,
                    completed=done,
                    total=total,
                    last=f"{trial['arm']}, seed {trial['seed']}{' failed' if trial['error'] else ''}",
                ),
            )
    except StudyInterrupted as stop:
        interrupted, found = True, stop.result
    result = found.result if isinstance(found, Recommendation) else found
    if result is None or not len(result.trials) or (interrupted and recommend is not None):
        raise KeyboardInterrupt
    if recommend is None:
        save_result(result, folder)  # a search has its results in folders of this one
    _print_result(result)
    if isinstance(found, Recommendation) and recommend is not None:
        _save_recommended(found, recommend)
    FORMATS[output.suffix](result, output)
    kept = (
        folder if recommend is None else folder / "confirmation"
    )  # of a search, what the report is of
    tell(out, f"Report: {output}\nTrials: {kept}")
    if interrupted:
        tell(err, "interrupted: the same command goes on with the trials that are left.")
        raise KeyboardInterrupt


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="TRIALS",
            help="The folder that study wrote beside its report.",
            show_default=False,
        ),
    ],
    output: ReportOption,
) -> None:
    """Write the report of a study anew, in another form.

    Examples
    --------
    `gen-augment report digits-trials -o digits.md`
    """
    _check_format(output)
    result = load_result(folder)
    _print_result(result)
    FORMATS[output.suffix](result, output)
    tell(out, f"Report: {output}")


def _check_format(output: Path) -> None:
    if output.suffix not in FORMATS and not output.is_dir():
        raise InputError(
            f"{output}: a report is written to a file that ends in {', '.join(FORMATS)}."
        )
    check_writable(output)


def _apart(X: Any, column: str) -> tuple[Any, Any]:
    """A table without this column, and the column."""
    if column not in getattr(X, "columns", ()):
        found = (
            f"columns: {', '.join(map(str, X.columns))}"
            if hasattr(X, "columns")
            else "images have no columns"
        )
        raise InputError(f"--groups {column!r}: there is no such column; {found}.")
    return X.drop(columns=column), X[column]


def _minutes(text: str) -> float:
    """``20m``, ``1.5h``, ``90s``, or a number of minutes."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "m")
    try:
        return float(number) * {"s": 1 / 60, "m": 1.0, "h": 60.0}[unit]
    except ValueError as error:
        raise InputError(f"--budget {text!r}: give a time such as 20m, 1.5h or 90s.") from error


def _save_recommended(found: Recommendation, path: Path) -> None:
    if found.use is None:
        tell(out, "Use none: no use of these samplers was found to help.")
        return
    source = found.sampler
    filtered = isinstance(source, FilteredSampler)
    (source.sampler if filtered else source).save(path)
    counts = ", ".join(f"{label}: {n}" for label, n in (found.counts or {}).items())
    tell(
        out, f"Use {found.use}, fitted on all rows: {path}\nSynthetic rows of each label: {counts}"
    )
    if filtered:
        tell(
            out,
            "Its rows are to go through these filters, which are not saved: fit them again, as in FilteredSampler.",
        )


def _sizes(text: str | None) -> list[int]:
    try:
        return [int(size) for size in text.split(",")] if text else []
    except ValueError as error:
        raise InputError(
            f"--sizes {text!r}: give rows of each class, such as 10,30,100."
        ) from error


def _print_result(result: StudyResult) -> None:
    reference = result.best(generative=False)
    table = Table(
        title=f"{result.metric.label} on test, {result.n_seeds} paired seeds", title_justify="left"
    )
    table.add_column("arm", overflow="fold")
    for title in (
        "mean",
        f"difference to {reference}",
        f"{result.design.level} interval",
        "worst-class recall",
        "fit + train, s",
    ):
        table.add_column(title, justify="right")
    scale = result.metric.scale
    for arm, row in result.table().iterrows():
        known = row["difference"] == row["difference"]
        seconds = sum(
            row[name]
            for name in ("fit_seconds", "sample_seconds", "train_seconds")
            if row[name] == row[name]
        )
        table.add_row(
            str(arm),
            f"{row[result.metric.name] * scale:.2f}",
            f"{row['difference'] * scale:+.2f}" if known else "",
            f"{row['low'] * scale:+.2f} to {row['high'] * scale:+.2f}" if known else "",
            f"{row['worst_class_recall'] * 100:.1f}",
            f"{seconds:.1f}",
            style="bold" if arm == reference else "",
        )
    out.print(table)
    failed = result.trials[result.trials["error"].notna()]
    for _, trial in failed.iterrows():
        tell(err, f"failed: {trial['arm']}, seed {trial['seed']}: {trial['error']}")
    out.print(result.verdict(), style="bold", markup=False, soft_wrap=True)
    for words in result.details():
        out.print(words, markup=False, highlight=False, soft_wrap=True)

"""The command line: ``gen-augment fit | sample | bank | audit | study``."""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from sklearn.base import clone

from gen_augment.bank import SampleBank
from gen_augment.data import DATASETS, load_data
from gen_augment.errors import ArchiveError, DivergedError, GenAugmentError, InputError
from gen_augment.export import check_new, write_parts
from gen_augment.samplers import CLASSICAL, SAMPLERS, load_sampler, sample_parts
from gen_augment.study import Study, StudyResult
from gen_augment.study.arms import DEFAULT_SAMPLERS, default_arms
from gen_augment.study.models import load_model
from gen_augment.training import Callback, Checkpoint, SampleGrid
from gen_augment.training.placement import make_fabric

__all__ = ["app", "main"]

app = typer.Typer(
    name="gen-augment",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Fit a conditional generator, draw synthetic rows, and learn whether they help a classifier.",
)
out, err = Console(), Console(stderr=True)

ALL_SAMPLERS: dict[str, Any] = {**SAMPLERS, **CLASSICAL}
#: Synthetic rows that are made and written at a time.
PART_ROWS = 1 << 16

# Typer before 0.20 takes this class from click, and later brings its own.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

DATA_HELP = (
    f"One of {', '.join(DATASETS)}; a folder of class folders of images; or a CSV or Parquet file with --target."
)
DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)]
TargetOption = Annotated[str | None, typer.Option(help="Column of the labels, for a CSV or Parquet file.")]
PerClassOption = Annotated[int | None, typer.Option(min=1, help="Use so many rows of each class.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]


@app.command()
def fit(
    data: DataArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="MODEL", help="File to write, such as model.safetensors.")
    ],
    sampler: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(ALL_SAMPLERS)}; flow, or what --init is, otherwise.")
    ] = None,
    target: TargetOption = None,
    per_class: PerClassOption = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps; the sampler's default otherwise.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows in a step.")] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Start from this fitted sampler, with its parameters.")
    ] = None,
    grid: Annotated[Path | None, typer.Option(help="Folder for a picture of samples every 250 steps.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from MODEL.partial, which an interrupted fit leaves.")
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Fit a sampler on labelled data and save it.

    Examples
    --------
    `gen-augment fit fashion-mnist --sampler flow --per-class 1000 -o flow.safetensors`

    `gen-augment fit more/ --init flow.safetensors --steps 1000 -o more.safetensors`

    `gen-augment fit customers.csv --target churned -o customers.safetensors`
    """
    start = None if init is None else load_sampler(init, device=device)
    model = _choose_sampler(sampler)() if sampler or start is None else clone(start)
    _check_writable(output)
    partial = output.with_name(output.name + ".partial")
    checkpoint = Checkpoint(partial, every=250, resume=resume)
    callbacks: list[Callback] = [checkpoint, *([SampleGrid(grid, every=250)] if grid else [])]
    known, asked = model.get_params(deep=False), {"max_steps": steps, "batch_size": batch_size}
    settings = {"random_state": seed, "device": device, "verbose": True, "callbacks": callbacks}
    model.set_params(**{name: value for name, value in settings.items() if name in known})
    _set_asked(model, asked | {"init": start, "resume": resume or None})
    loaded = load_data(data, target=target)
    if per_class is not None:
        loaded = loaded.head(per_class, seed)
    try:
        model.fit(loaded.X, loaded.y, **({} if start is None else {"init": start}))
    except KeyboardInterrupt:
        if partial.exists():
            done = f"{getattr(model, 'n_steps_', 0)} of {model.max_steps}"
            _tell(err, f"interrupted at step {done}: the same command with --resume goes on from {partial}.")
        raise
    model.save(output)
    partial.unlink(missing_ok=True)
    trained = f" in {model.n_steps_} steps" if hasattr(model, "n_steps_") else ""
    _tell(out, f"{type(model).__name__} fitted on {len(loaded.y)} rows of {loaded.name}{trained}: {output}")


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that fit wrote.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT", help="New folder for images; new .csv or .parquet file for tables."
        ),
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="How many rows; of each --label, if any are given.")] = 100,
    label: Annotated[
        list[str] | None, typer.Option(help="Draw this label; may be given several times. The class prior otherwise.")
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Draw synthetic rows from a fitted sampler: images as a folder of class folders, tables as a file.

    Examples
    --------
    `gen-augment sample gan.safetensors -n 500 --label 3 -o synthetic/`

    `gen-augment sample customers.safetensors -n 10000 -o synthetic.parquet`
    """
    sampler = load_sampler(model, device=device)
    check_new(output, sampler.codec_.kind)
    wanted = None if not label else {_find_label(sampler.classes_, text): n for text in label}
    write_parts(output, sample_parts(sampler, None if wanted else n, wanted, seed, PART_ROWS), sampler)
    _tell(out, f"{n * len(wanted or [0])} synthetic rows: {output}")


@app.command()
def bank(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that fit wrote.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="BANK", help="Folder to build, or to go on with.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many rows; of each --label, if any are given.")],
    label: Annotated[
        list[str] | None, typer.Option(help="Draw this label; may be given several times. The class prior otherwise.")
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="I/N", help="Build the i-th of n parts only, from 1: n processes build one bank.")
    ] = "1/1",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Names the table of rows; the sampler's own otherwise.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Generate rows into a bank, which DataLoader workers can read. The same command goes on where it was stopped.

    Examples
    --------
    `gen-augment bank gan.safetensors -n 100000 -o digits-bank`

    `gen-augment bank gan.safetensors -n 5000 --label 3 --label 8 --part 1/2 -o digits-bank`
    """
    sampler = load_sampler(model, device=device)
    wanted: Any = n if not label else {_find_label(sampler.classes_, text): n for text in label}
    number, _, of = part.partition("/")
    if not (number.isdecimal() and of.isdecimal()):
        raise InputError(f"--part {part!r}: give I/N, such as 1/4.")
    with _progress() as progress:
        task = progress.add_task("blocks", total=None, last="")
        whole = SampleBank.build_part(
            sampler, wanted, output, (int(number) - 1, int(of)), seed=seed,
            on_block=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    if whole:
        built = SampleBank(output)
        _tell(out, f"{len(built)} rows: {output}")
    else:
        _tell(out, f"part {part} is there; the others are not yet: {output}")


@app.command()
def audit(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that fit wrote.", show_default=False)],
    data: DataArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAGE", help="HTML file to write.")],
    target: TargetOption = None,
    per_class: PerClassOption = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Synthetic rows to look at.")] = 5000,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Look at a sampler's rows: how near to real ones, how varied, how rightly labelled, and whether they are copies.

    DATA, --per-class and --seed are those of `fit`. A test part that comes with the data serves as rows that the
    sampler has not seen. A sheet of the figures, PAGE with the suffix .json, is written beside the page.

    Examples
    --------
    `gen-augment audit flow.safetensors fashion-mnist --per-class 1000 -o flow.html`
    """
    from gen_augment.auditing import audit as look_at  # matplotlib is slow to import

    _check_writable(output)
    sampler = load_sampler(model, device=device)
    loaded = load_data(data, target=target)
    if per_class is not None:
        loaded = loaded.head(per_class, seed)
    found = look_at(sampler, loaded.X, loaded.y, holdout=loaded.test, n_samples=n, random_state=seed)
    found.to_html(output)
    found.to_json(output.with_suffix(".json"))
    for finding in found.findings or [f"Nothing stands out among {found.card['synthetic_rows']} synthetic rows."]:
        out.print(finding, style="bold", markup=False, soft_wrap=True)
    _tell(out, f"Page: {output}\nSheet: {output.with_suffix('.json')}")


@app.command()
def study(
    data: DataArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="REPORT", help="HTML file to write.")],
    target: TargetOption = None,
    arms: Annotated[
        str | None, typer.Option(help="Comma-separated, such as real,shift+mixup,gan,gan+shift+mixup.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Classifier: sklearn.linear_model.LogisticRegression, or net.py:make_net.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Paired repetitions.")] = 5,
    per_class: PerClassOption = None,
    metric: Annotated[str, typer.Option(help="Score that arms are chosen and compared by.")] = "balanced_accuracy",
    steps: Annotated[int, typer.Option(min=1, help="Training steps of a network.")] = 600,
    sampler_steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps of each sampler; its default otherwise.")
    ] = None,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Leave out rows that occur twice.")
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Find out whether synthetic rows help a classifier on this data, and by how much.

    Trials are kept in a folder beside the report as they end: the same command run again goes on where it stopped.

    Examples
    --------
    `gen-augment study digits --per-class 30 --sampler-steps 500 -o digits.html`

    `gen-augment study customers.csv --target churned --metric worst_class_recall -o churn.html`
    """
    _check_writable(output)
    loaded = load_data(data, target=target)
    samplers = {name: SAMPLERS[name](device=device) for name in (DEFAULT_SAMPLERS if arms is None else SAMPLERS)}
    if sampler_steps is not None:
        samplers = {name: sampler.set_params(max_steps=sampler_steps) for name, sampler in samplers.items()}
    for sampler in samplers.values():
        make_fabric(sampler.device, sampler.precision)  # a device that cannot be used is found before the first trial
    kind_arms = None if arms is None else [arm.strip() for arm in arms.split(",")]
    if kind_arms is None and loaded.mirror and model is None:
        kind_arms = default_arms("image", samplers, mirror=True)
    run = Study(
        loaded.X, loaded.y, model=None if model is None else load_model(model), arms=kind_arms, samplers=samplers,
        n_seeds=seeds, test=loaded.test, per_class=per_class, drop_duplicates=drop_duplicates, metric=metric,
        n_steps=steps, random_state=seed, device=device,
    )  # fmt: skip
    folder = output.with_name(output.stem + "-trials")
    interrupted = False
    try:
        with _progress() as progress:
            task = progress.add_task("trials", total=seeds * len(run.arms), last="")
            run.run(
                folder,
                on_trial=lambda trial, done, total: progress.update(
                    task,
                    completed=done,
                    last=f"{trial['arm']}, seed {trial['seed']}{' failed' if trial['error'] else ''}",
                ),
            )
    except KeyboardInterrupt:
        interrupted = True
    result = run.result()
    if not len(result.trials):
        raise KeyboardInterrupt
    _print_result(result)
    result.to_html(output)
    result.to_json(folder / "result.json")
    _tell(out, f"Report: {output}\nTrials: {folder}")
    if interrupted:
        _tell(err, "interrupted: the same command goes on with the trials that are left.")
        raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends in exit code 2 and one line."""
    # Deprecations inside libraries are no news to the user of a command.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        code = app(arguments, standalone_mode=False)
    except _UsageError as error:
        _fail(error.format_message(), 2)  # type: ignore[attr-defined]
    except GenAugmentError as error:
        _fail(str(error), 1 if isinstance(error, DivergedError) else 2)
    except OSError as error:  # a full disk, a name too long
        _fail(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    sys.exit(code or 0)


def _fail(message: str, code: int) -> None:
    if message:  # there is none where help was shown instead
        print(f"error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _tell(console: Console, message: str) -> None:
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def _choose_sampler(name: str | None) -> Any:
    name = name or "flow"
    if name not in ALL_SAMPLERS:
        raise InputError(f"sampler {name!r} is not one of {', '.join(ALL_SAMPLERS)}.")
    return ALL_SAMPLERS[name]


def _set_asked(model: Any, asked: dict[str, Any]) -> None:
    """Set parameters that were asked for; `init` and `resume` are given to `fit`, but are for trained samplers too."""
    known = model.get_params(deep=False)
    for name, value in asked.items():
        if value is None:
            continue
        if "max_steps" not in known:
            raise InputError(f"{type(model).__name__} is not trained, so it takes no {name}: leave it out.")
        if name in known:
            model.set_params(**{name: value})


def _check_writable(path: Path) -> None:
    """Fail before hours of work, not after."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write.")
    parent = path.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        probe = parent / f".{path.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ArchiveError(f"cannot write {path}: {error.strerror}. Choose a folder that can be written.") from error


def _find_label(classes: Any, text: str) -> Any:
    for label in classes.tolist():
        if str(label) == text:
            return label
    raise InputError(f"label {text!r} was not seen in fit; known labels: {', '.join(map(str, classes.tolist()))}.")


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # where no bar can move, nothing but messages is written
    )


def _print_result(result: StudyResult) -> None:
    reference = result.best(generative=False)
    table = Table(title=f"{result.metric_label} on test, {result.n_seeds} paired seeds", title_justify="left")
    table.add_column("arm")
    for title in ("mean", f"difference to {reference}", "95% interval", "worst-class recall", "fit + train, s"):
        table.add_column(title, justify="right")
    scale = result.scale
    for arm, row in result.table().iterrows():
        known = row["difference"] == row["difference"]
        seconds = sum(
            row[name] for name in ("fit_seconds", "sample_seconds", "train_seconds") if row[name] == row[name]
        )
        table.add_row(
            str(arm),
            f"{row[result.metric] * scale:.2f}",
            f"{row['difference'] * scale:+.2f}" if known else "",
            f"{row['low'] * scale:+.2f} to {row['high'] * scale:+.2f}" if known else "",
            f"{row['worst_class_recall'] * 100:.1f}",
            f"{seconds:.1f}",
            style="bold" if arm == reference else "",
        )
    out.print(table)
    failed = result.trials[result.trials["error"].notna()]
    for _, trial in failed.iterrows():
        _tell(err, f"failed: {trial['arm']}, seed {trial['seed']}: {trial['error']}")
    out.print(result.verdict(), style="bold", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()

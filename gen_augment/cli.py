"""The command line: ``gen-augment fit | sample | bank | audit | study | report``."""

import io
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from sklearn.base import clone

from gen_augment.bank import SampleBank
from gen_augment.cli_study import report, study
from gen_augment.codecs import read_conditions
from gen_augment.data.export import check_new, write_parts
from gen_augment.data.sources import load_data
from gen_augment.errors import DivergedError, GenAugmentError, InputError
from gen_augment.samplers import CLASSICAL, SAMPLERS, load_sampler, sample_parts
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
from gen_augment.training import Callback, Checkpoint, SampleGrid

__all__ = ["app", "main"]

app = typer.Typer(
    name="gen-augment",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Fit a conditional generator, draw synthetic rows, and learn whether they help a classifier.",
)

ALL_SAMPLERS: dict[str, Any] = {**SAMPLERS, **CLASSICAL}
#: Synthetic rows that are made and written at a time.
PART_ROWS = 1 << 16

# Typer before 0.20 takes this class from click, and later brings its own.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


@app.command()
def fit(
    data: DataArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="MODEL", help="File to write, such as model.safetensors."
        ),
    ],
    sampler: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(ALL_SAMPLERS)}; flow, or what --init is, otherwise."),
    ] = None,
    target: TargetOption = None,
    per_class: PerClassOption = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps; the sampler's default otherwise.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows in a step.")] = None,
    init: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Start from this fitted sampler, with its parameters."),
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(help="Folder for a picture of samples every 250 steps.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from MODEL.partial, which an interrupted fit leaves."),
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
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
    check_writable(output)
    partial = output.with_name(output.name + ".partial")
    checkpoint = Checkpoint(partial, every=250, resume=resume)
    callbacks: list[Callback] = [checkpoint, *([SampleGrid(grid, every=250)] if grid else [])]
    known = model.get_params(deep=False)
    asked = {"max_steps": steps, "batch_size": batch_size, "precision": precision}
    settings = {"random_state": seed, "device": device, "verbose": True, "callbacks": callbacks}
    model.set_params(**{name: value for name, value in settings.items() if name in known})
    _set_asked(model, asked | {"init": start, "resume": resume or None, "grid": grid})
    loaded = load_data(data, target=target)
    if per_class is not None:
        loaded = loaded.head(per_class, seed)
    try:
        model.fit(loaded.X, loaded.y, **({} if start is None else {"init": start}))
    except KeyboardInterrupt:
        if partial.exists():
            done = f"{getattr(model, 'n_steps_', 0)} of {model.max_steps}"
            tell(
                err,
                f"interrupted at step {done}: the same command with --resume goes on from {partial}.",
            )
        raise
    model.save(output)
    partial.unlink(missing_ok=True)
    trained = f" in {model.n_steps_} steps" if hasattr(model, "n_steps_") else ""
    tell(
        out,
        f"{type(model).__name__} fitted on {len(loaded.y)} rows of {loaded.name}{trained}: {output}",
    )


@app.command()
def sample(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A file that fit wrote.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="New folder for images; new .csv or .parquet file for tables.",
        ),
    ],
    n: Annotated[
        int, typer.Option("-n", min=1, help="How many rows; of each --label, if any are given.")
    ] = 100,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw this label; may be given several times. The class prior otherwise."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="Of a table, rows like that; may be given several times."
        ),
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Draw synthetic rows from a fitted sampler: images as a folder of class folders, tables as a file.

    --where takes COLUMN=VALUE, COLUMN=LOW..HIGH of numbers or dates (both belong to it; LOW.. and ..HIGH have an open
    end), and COLUMN= for a missing value. Of one column they are alternatives; of several, all have to be met. As many
    rows are written as were asked for, or none where they are too rare.

    Examples
    --------
    `gen-augment sample gan.safetensors -n 500 --label 3 -o synthetic/`

    `gen-augment sample customers.safetensors -n 10000 -o synthetic.parquet`

    `gen-augment sample customers.safetensors -n 500 --where country=NO --where age=60..80 -o older.csv`
    """
    sampler = load_sampler(model, device=device)
    check_new(output, sampler.codec_.modality)
    wanted = None if not label else {_find_label(sampler.classes_, text): n for text in label}
    conditions = read_conditions(sampler.codec_, where) if where else None
    parts = sample_parts(sampler, None if wanted else n, wanted, seed, PART_ROWS, conditions)
    write_parts(output, parts, sampler.codec_)
    tell(out, f"{n * len(wanted or [0])} synthetic rows: {output}")


@app.command()
def bank(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A file that fit wrote.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="BANK", help="Folder to build, or to go on with."),
    ],
    n: Annotated[
        int, typer.Option("-n", min=1, help="How many rows; of each --label, if any are given.")
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw this label; may be given several times. The class prior otherwise."
        ),
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            metavar="I/N",
            help="Build the i-th of n parts only, from 1: n processes build one bank.",
        ),
    ] = "1/1",
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Names the table of rows; the sampler's own otherwise."),
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
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise InputError(f"--part {part!r}: give I/N, such as 1/4, with I from 1 to N.")
    with progress_bar() as progress:
        task = progress.add_task("blocks", total=None, last="")
        whole = SampleBank.build_part(
            sampler, wanted, output, (int(number) - 1, int(of)), seed=seed,
            on_block=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    if whole:
        built = SampleBank(output)
        tell(out, f"{len(built)} rows: {output}")
    else:
        tell(out, f"part {part} is there; the others are not yet: {output}")


@app.command()
def audit(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A file that fit wrote.", show_default=False)
    ],
    data: DataArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PAGE", help="HTML file to write.")
    ],
    target: TargetOption = None,
    per_class: PerClassOption = None,
    unseen: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Rows that the sampler has not seen, as DATA is given."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a table: compare the groups that it names."),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            help="Where images are compared: auto, values, or a torchvision model that is downloaded."
        ),
    ] = "auto",
    n: Annotated[int, typer.Option("-n", min=1, help="Synthetic rows to look at.")] = 5000,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Look at a sampler's rows: how near to real ones, how varied, how rightly labelled, and whether they are copies.

    DATA, --per-class and --seed are those of `fit`. A test part that comes with the data serves as rows that the
    sampler has not seen, unless --unseen names others. A sheet of the figures, PAGE with the suffix .json, is written
    beside the page.

    Examples
    --------
    `gen-augment audit flow.safetensors fashion-mnist --per-class 1000 -o flow.html`

    `gen-augment audit vae.safetensors train.csv --target churned --unseen test.csv --group region -o churn.html`
    """
    from gen_augment.auditing import audit as look_at  # matplotlib is slow to import

    check_writable(output)
    sampler = load_sampler(model, device=device)
    loaded = load_data(data, target=target)
    if per_class is not None:
        loaded = loaded.head(per_class, seed)
    holdout = loaded.test
    if unseen is not None:
        other = load_data(unseen, target=target)
        holdout = other.X, other.y
    found = look_at(
        sampler,
        loaded.X,
        loaded.y,
        holdout=holdout,
        group=group,
        features=features,
        n_samples=n,
        random_state=seed,
    )
    found.to_html(output)
    found.to_json(output.with_suffix(".json"))
    for finding in found.findings or [
        f"Nothing stands out among {found.card['synthetic_rows']} synthetic rows."
    ]:
        out.print(finding, style="bold", markup=False, soft_wrap=True)
    tell(out, f"Page: {output}\nSheet: {output.with_suffix('.json')}")


app.command()(study)
app.command()(report)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends in exit code 2 and one line."""
    # Deprecations inside libraries are no news to the user of a command.
    warnings.filterwarnings("ignore", category=FutureWarning)
    for stream in (
        sys.stdout,
        sys.stderr,
    ):  # a label that the terminal's encoding has not is no failure
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
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


def _choose_sampler(name: str | None) -> Any:
    name = name or "flow"
    if name not in ALL_SAMPLERS:
        raise InputError(f"sampler {name!r} is not one of {', '.join(ALL_SAMPLERS)}.")
    return ALL_SAMPLERS[name]


def _set_asked(model: Any, asked: dict[str, Any]) -> None:
    """Set parameters that were asked for; what else is asked for is given to `fit`, but is for trained samplers too."""
    known = model.get_params(deep=False)
    for name, value in asked.items():
        if value is None:
            continue
        if "max_steps" not in known:
            raise InputError(
                f"{type(model).__name__} is not trained, so it takes no {name}: leave it out."
            )
        if name in known:
            model.set_params(**{name: value})


def _find_label(classes: Any, text: str) -> Any:
    for label in classes.tolist():
        if str(label) == text:
            return label
    raise InputError(
        f"label {text!r} was not seen in fit; known labels: {', '.join(map(str, classes.tolist()))}."
    )


if __name__ == "__main__":
    main()

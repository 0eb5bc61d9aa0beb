"""What commands have in common: options, messages, a progress bar, and a look at where a file is to go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gen_augment import archive
from gen_augment.data.sources import DATASETS
from gen_augment.errors import InputError

__all__ = [
    "DataArgument",
    "DeviceOption",
    "PerClassOption",
    "PrecisionOption",
    "SeedOption",
    "TargetOption",
    "check_writable",
    "err",
    "out",
    "progress_bar",
    "tell",
]

out, err = Console(), Console(stderr=True)

DATA_HELP = f"One of {', '.join(DATASETS)}; a folder of class folders of images; or a CSV, Parquet or ARFF file with --target."
DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)]
TargetOption = Annotated[
    str | None, typer.Option(help="Column of the labels, for a table in a file.")
]
PerClassOption = Annotated[int | None, typer.Option(min=1, help="Use so many rows of each class.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        help="Of networks in training: 32-true, or bf16-mixed, faster on a processor that knows bfloat16."
    ),
]


def tell(console: Console, message: str) -> None:
    """Print a line as it is."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def check_writable(path: Path) -> None:
    """Fail before hours of work, not after."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write.")
    archive.check_writable(path)


def progress_bar() -> Progress:
    """A bar with the time that is left."""
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

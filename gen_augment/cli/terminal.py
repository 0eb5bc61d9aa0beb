"""Messages, progress and checks that all commands share."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from gen_augment.progress import Update, progress_bar

__all__ = [
    "check_is_page",
    "check_writable",
    "err",
    "out",
    "progress",
    "progress_lines",
    "read_model",
    "tell",
]

out, err = Console(), Console(stderr=True)

#: Seconds between two lines of progress where there is no terminal.
LINE_SECONDS = 30.0


def tell(console: Console, message: str) -> None:
    """Print a line as it is."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def check_writable(
    path: Path,
    inputs: Iterable[str | Path | None] = (),
    *,
    reader: Callable[[Path], Any] | None = None,
) -> None:
    """Fail before hours of work, not after, if a file cannot be written or should be kept.

    An input of the command is never replaced, under any name. With a `reader`, a file that exists
    is replaced only if the reader accepts it, and the command says so.
    """
    from gen_augment import archive
    from gen_augment.errors import GenAugmentError, InputError

    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write.")
    archive.check_writable(path)
    if not path.exists():
        return
    for source in [Path(given) for given in inputs if given is not None]:
        # A folder of Parquet files is one table, so each file in it is an input.
        is_part = path.suffix == ".parquet" and source.resolve() in path.resolve().parents
        if is_part or (source.exists() and path.samefile(source)):
            raise InputError(
                f"{path} is an input of this command, and is not replaced: choose another name for "
                "the output."
            )
    if reader is None:
        return
    try:
        if path.stat().st_size:  # an empty file holds nothing to lose
            reader(path)
    except GenAugmentError as error:
        raise InputError(
            f"{path} exists and is not a file that this command wrote: choose another name, or "
            "remove it first."
        ) from error
    tell(err, f"{path} exists, and will be replaced.")


def check_is_page(path: Path) -> None:
    """Fail if a page would be written to a file that browsers do not open as one."""
    from gen_augment.errors import InputError

    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: a page is written to a file that ends in .html.")


def read_model(path: Path) -> Any:
    """Read the header of a sampler, as a `reader` of `check_writable`."""
    from gen_augment import archive

    return archive.read(path, with_tensors=False)


@contextmanager
def progress(what: str) -> Iterator[Update]:
    """Show progress on standard error: a bar in a terminal, a line now and then elsewhere."""
    if not err.is_terminal:
        yield progress_lines(what)
        return
    with progress_bar(what, err) as update:
        yield update


def progress_lines(what: str) -> Update:
    """Return a function that prints a line at most every `LINE_SECONDS`."""
    start = told = time.monotonic()

    def update(done: int, total: int, last: str = "") -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < LINE_SECONDS:
            return
        told = now
        tail = f", last: {last}" if last else ""
        tell(err, f"{what}: {done} of {total} after {(now - start) / 60:.1f} min{tail}")

    return update

"""Messages, progress and checks that all commands share."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from gen_augment.progress import Update, progress_bar

__all__ = ["check_writable", "err", "out", "progress", "progress_lines", "tell"]

out, err = Console(), Console(stderr=True)

#: Seconds between two lines of progress where there is no terminal.
LINE_SECONDS = 30.0


def tell(console: Console, message: str) -> None:
    """Print a line as it is."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def check_writable(path: Path, *, is_model: bool = False) -> None:
    """Fail before hours of work, not after; say so if a model is going to be replaced."""
    from gen_augment import archive
    from gen_augment.errors import InputError

    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write.")
    archive.check_writable(path)
    if is_model and path.exists():
        tell(err, f"{path} exists, and will be replaced.")


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

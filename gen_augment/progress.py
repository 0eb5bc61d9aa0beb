"""A progress bar with counts and times, for commands and studies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Update", "progress_bar"]


class Update(Protocol):
    """Shows how far the work is."""

    def __call__(self, done: int, total: int, last: str = "") -> None:
        """Show that `done` of `total` are done; `last` names the last one."""


@contextmanager
def progress_bar(what: str, console: Console) -> Iterator[Update]:
    """Show a bar that disappears when the work is done.

    Parameters
    ----------
    what : str
        Name of the work, which begins the line.
    console : Console
        A terminal.

    Yields
    ------
    Update
    """
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, last="")
        yield lambda done, total, last="": bar.update(task, completed=done, total=total, last=last)

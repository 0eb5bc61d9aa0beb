"""Progress of a study on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from gen_augment.progress import progress_bar

__all__ = ["progress"]

OnTrial = Callable[[dict[str, Any], int, int], None]
#: Where no bar can move, a line is written each time this share of the trials has ended.
_SHARE = 0.1


@contextmanager
def progress(*, shown: bool, console: Console | None = None) -> Iterator[OnTrial | None]:
    """Show trials as they end: a bar on a terminal, and otherwise a line now and then.

    Parameters
    ----------
    shown : bool
        Whether to show anything.
    console : Console, optional
        Standard error by default.

    Yields
    ------
    callable or None
        Takes each trial, the number of trials that have ended, and the number of all.
    """
    if not shown:
        yield None
        return
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    with progress_bar("trials", console) as update:
        yield lambda trial, done, total: update(done, total, _words(trial))


class _Lines:
    """Writes a line for the first, the last and each tenth of the trials."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.written = -1

    def __call__(self, trial: dict[str, Any], done: int, total: int) -> None:
        step = int(done / max(1.0, _SHARE * total))
        if step > self.written or done == total:
            self.written = step
            line = f"trials: {done} of {total}; last: {_words(trial)}"
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _words(trial: dict[str, Any]) -> str:
    return f"{trial['arm']}, seed {trial['seed']}{' failed' if trial['error'] else ''}"

"""Progress of a study on standard error."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from gen_augment.progress import progress_bar

__all__ = ["progress"]

OnTrial = Callable[[dict[str, Any], int, int], None]
#: Where no bar can move, a line is written each time this share of the trials has ended.
_SHARE = 0.1
#: A line is written after so many seconds without one, also within a long trial.
SECONDS = 120.0


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
        lines, ended = _Lines(console), threading.Event()
        thread = threading.Thread(target=lines.remind, args=(ended,), daemon=True)
        thread.start()
        try:
            yield lines
        finally:
            ended.set()
            thread.join()
        return
    with progress_bar("trials", console) as update:
        yield lambda trial, done, total: update(done, total, _words(trial))


class _Lines:
    """Writes a line for the first, the last and each tenth of the trials, and after a long time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.written = -1
        self.begun = self.told = time.monotonic()
        self.latest = "none has ended"

    def __call__(self, trial: dict[str, Any], done: int, total: int) -> None:
        step = int(done / max(1.0, _SHARE * total))
        self.latest = f"{done} of {total}; last: {_words(trial)}"
        if step > self.written or done == total:
            self.written = step
            self._tell(f"trials: {self.latest}")

    def remind(self, ended: threading.Event) -> None:
        """Write that the study is at work, until it has ended."""
        while not ended.wait(max(0.0, self.told + SECONDS - time.monotonic())):
            minutes = (time.monotonic() - self.begun) / 60
            if time.monotonic() - self.told >= SECONDS:
                self._tell(f"trials: {self.latest}; at work for {minutes:.1f} min")

    def _tell(self, line: str) -> None:
        self.told = time.monotonic()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _words(trial: dict[str, Any]) -> str:
    return f"{trial['arm']}, seed {trial['seed']}{' failed' if trial['error'] else ''}"

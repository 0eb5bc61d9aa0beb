"""Calls in this process or, through joblib, in others; and the time that is left."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import joblib
from joblib.parallel import get_active_backend

from gen_augment.errors import InputError
from gen_augment.validation import check_range

__all__ = ["OVERTIME", "Clock", "Jobs"]

#: Of the budget, up to which the seeds that a verdict takes may go on.
OVERTIME = 1.2


class Jobs:
    """Runs calls, and gives what they return as they end.

    Parameters
    ----------
    n_jobs : int or None
        As joblib counts: -1 for all cores; None for what `joblib.parallel_config` says, or 1.

    Attributes
    ----------
    on_end : callable
        Called after each call, such as to note the time.
    """

    on_end: Callable[[], object]

    def __init__(self, n_jobs: int | None) -> None:
        whole = n_jobs is None or (
            isinstance(n_jobs, int) and not isinstance(n_jobs, bool) and n_jobs != 0
        )
        if not whole:
            raise InputError(
                f"n_jobs={n_jobs!r}: give a number of processes, or -1 for as many as there are cores."
            )
        self.n_jobs = n_jobs
        self.on_end = lambda: None
        self.n = max(1, joblib.effective_n_jobs(n_jobs))
        backend, _ = get_active_backend()
        self._streams = bool(backend.supports_return_generator)  # ray's does not
        if self.many and getattr(backend, "supports_sharedmem", False):
            raise InputError(
                f"joblib's backend {type(backend).__name__} runs trials in threads, which share torch's one random "
                "generator: use one with processes, such as loky, dask or ray."
            )

    @property
    def many(self) -> bool:
        """Whether other processes work."""
        return bool(self.n > 1)

    def share_out(self, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
        """Parts of so many seeds that every process has work."""
        for start in range(0, len(numbers), self.n):
            yield numbers[start : start + self.n]

    def run(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """What each ``(function, *arguments)`` returns: in order here, in the order of ending in other processes."""
        for found in self._results(calls):
            self.on_end()
            yield found

    def _results(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        if not self.many:
            yield from (function(*arguments) for function, *arguments in calls)
            return
        delayed = [joblib.delayed(function)(*arguments) for function, *arguments in calls]
        if self._streams:
            yield from joblib.Parallel(self.n_jobs, return_as="generator_unordered")(delayed)
            return
        with joblib.Parallel(self.n_jobs) as parallel:  # whose processes are made once
            for start in range(0, len(delayed), self.n):  # so that a kill costs no more than these
                yield from parallel(delayed[start : start + self.n])


class Clock:
    """Minutes that may be spent, and whether another lap fits in.

    Parameters
    ----------
    budget : float or None
        Minutes; None for no limit.
    """

    def __init__(self, budget: float | None) -> None:
        self.minutes = (
            math.inf if budget is None else check_range("budget", budget, 0, open_low=True)
        )
        self._start = time.monotonic()
        self._slowness = 1.0  # of laps, against what was expected of them

    def spend(self, seconds: float) -> None:
        """Count seconds that were spent before."""
        self._start -= seconds

    @property
    def elapsed(self) -> float:
        """Seconds spent so far."""
        return time.monotonic() - self._start

    @contextmanager
    def lap(self, expected: float) -> Iterator[None]:
        """Time what is done within, and compare it with the seconds that it was to take."""
        begun = self.elapsed
        yield
        if expected:
            self._slowness = max(self._slowness, (self.elapsed - begun) / expected)

    def has_time(self, expected: float, *, overtime: bool = False) -> bool:
        """Whether a lap of so many seconds, or as many more as any took, would end in time.

        With `overtime`, no later than a fifth of the budget after it.
        """
        return self.elapsed + self._slowness * expected <= 60 * self.minutes * (
            OVERTIME if overtime else 1
        )

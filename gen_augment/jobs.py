"""Calls in this process or, through joblib, in other processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import joblib
from joblib.parallel import get_active_backend

from gen_augment.errors import InputError, LostProcessError

__all__ = ["Jobs"]

#: Number of groups of calls for each process: few to send, and many to end at the same time.
GROUPS = 8


class Jobs:
    """Runs calls and yields what they return as they end.

    Parameters
    ----------
    n_jobs : int or None
        As joblib counts: -1 for all cores; None for the setting of `joblib.parallel_config`, or 1.

    Attributes
    ----------
    n : int
        Number of processes.
    on_end : callable
        Called after each call, for example to record the time.

    Raises
    ------
    InputError
        `n_jobs` is not a number of processes, or joblib's backend runs threads.
    LostProcessError
        By `run`: one of the processes was killed.
    """

    on_end: Callable[[], object]

    def __init__(self, n_jobs: int | None) -> None:
        whole = isinstance(n_jobs, int) and not isinstance(n_jobs, bool) and n_jobs != 0
        if n_jobs is not None and not whole:
            raise InputError(
                f"n_jobs={n_jobs!r}: give a number of processes, or -1 for as many as there are "
                "cores."
            )
        self.n_jobs = n_jobs
        self.on_end = lambda: None
        self.n = max(1, joblib.effective_n_jobs(n_jobs))
        backend, _ = get_active_backend()
        self._streams = bool(backend.supports_return_generator)  # the backend of ray does not
        if self.many and getattr(backend, "supports_sharedmem", False):
            raise InputError(
                f"joblib's backend {type(backend).__name__} uses threads, which share torch's one "
                "random generator: use one with processes, such as loky, dask or ray."
            )

    @property
    def many(self) -> bool:
        """Whether calls run in other processes."""
        return bool(self.n > 1)

    def share_out(self, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield groups of seeds, one seed for each process."""
        for start in range(0, len(numbers), self.n):
            yield numbers[start : start + self.n]

    def group_size(self, n_calls: int) -> int:
        """Return how many small calls one process makes at a time: 1 in this process."""
        return max(1, n_calls // (GROUPS * self.n)) if self.many else 1

    def run(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield the result of each ``(function, *arguments)``.

        Results come in order from this process, and as they end from other processes.
        """
        for found in self._results(calls):
            self.on_end()
            yield found

    def _results(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        if not self.many:
            yield from (function(*arguments) for function, *arguments in calls)
            return
        delayed = [joblib.delayed(function)(*arguments) for function, *arguments in calls]
        try:
            if self._streams:
                yield from joblib.Parallel(self.n_jobs, return_as="generator_unordered")(delayed)
                return
            with joblib.Parallel(self.n_jobs) as parallel:  # processes start once
                for start in range(0, len(delayed), self.n):  # a kill costs one group at most
                    yield from parallel(delayed[start : start + self.n])
        except BrokenProcessPool as error:
            raise LostProcessError(
                f"one of {self.n} processes was killed, as happens where memory runs out: run the "
                "same again with fewer processes; what is in the folder is kept."
            ) from error

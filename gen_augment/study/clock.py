"""The time that is left of a budget."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gen_augment.validation import check_range

__all__ = ["OVERTIME", "Clock"]

#: The minimum number of seeds may exceed the budget by this factor.
OVERTIME = 1.2


class Clock:
    """Measures the time of a budget, and whether another lap fits in.

    Parameters
    ----------
    budget : float or None
        Minutes; None for no limit.
    """

    def __init__(self, budget: float | None) -> None:
        self.minutes = math.inf
        if budget is not None:
            self.minutes = check_range("budget", budget, 0, open_low=True)
        self._start = time.monotonic()
        self._slowness = 1.0  # the largest ratio of measured to expected seconds of a lap

    def spend(self, seconds: float) -> None:
        """Count seconds that were spent in earlier runs."""
        self._start -= seconds

    @property
    def elapsed(self) -> float:
        """Seconds spent so far."""
        return time.monotonic() - self._start

    @contextmanager
    def lap(self, expected: float) -> Iterator[None]:
        """Time the block, and compare it with the expected seconds."""
        begun = self.elapsed
        yield
        if expected:
            self._slowness = max(self._slowness, (self.elapsed - begun) / expected)

    def has_time(self, expected: float, *, overtime: bool = False) -> bool:
        """Return whether a lap of so many seconds would end in time, if it is as slow as others.

        With `overtime`, it may end when `OVERTIME` times the budget is spent.
        """
        limit = 60 * self.minutes * (OVERTIME if overtime else 1)
        return self.elapsed + self._slowness * expected <= limit

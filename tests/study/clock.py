"""A clock that only tests move, with samplers and classifiers that move it."""

from typing import Any, Self

import numpy as np
from sklearn.naive_bayes import GaussianNB

from tests.study.toys import Copies, Log


class Tick:
    """A clock that only `pass_by` moves. `pace` is the factor of a slower machine."""

    now, pace = 0.0, 1.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds * self.pace


TICK = Tick()


class Trained(Copies):
    """Takes 2 s to start, `seconds` for each step, and 0.01 s for each row."""

    def __init__(
        self,
        log: Log | None = None,
        random_state: int = 0,
        max_steps: int = 3000,
        seconds: float = 0.1,
    ) -> None:
        super().__init__(log, random_state)
        self.max_steps = max_steps
        self.seconds = seconds

    def fit(self, X: Any, y: Any) -> Self:
        TICK.pass_by(2 + self.seconds * self.max_steps)
        if self.log is not None:
            self.log.append(self.max_steps)
            if len(self.log) == getattr(self.log, "stop", None):
                raise KeyboardInterrupt
        self.X_, self.y_ = X, np.asarray(y)
        return self

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        TICK.pass_by(0.01 * len(labels))
        return super().draw(labels, rng)


class SlowBayes(GaussianNB):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        TICK.pass_by(10)
        return super().fit(X, y, sample_weight)


WARM_UP = [1, 2, 18]

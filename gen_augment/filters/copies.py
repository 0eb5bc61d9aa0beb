"""A gate that stops an injection of copies."""

from typing import Any

import numpy as np
import torch

from gen_augment.errors import LeakError
from gen_augment.filters.novelty import Novelty
from gen_augment.metrics.features import Features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.rng import RandomState
from gen_augment.validation import check_range

__all__ = ["CopyGate"]


class CopyGate(Novelty):
    """Stop at copies of training rows, or of other rows that must not come in, rather than refuse them one by one.

    A generator that copies is better mended than filtered: its other rows are likely to be copies with small changes.

    Parameters
    ----------
    forbidden : rows, optional
        Rows that must not come in either, such as the test part: they are compared with, and nothing is learned of
        them.
    max_copies : int
        Copies that are let go, and refused, in all calls since `fit` together.
    threshold : float
        A row whose score, that of `Novelty`, is below is a copy.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        As in `Novelty`. The default compares columns or pixels: features may be alike where rows are not.
    random_state : int, RandomState or None
        As in `Novelty`.

    Attributes
    ----------
    n_copies_ : int
        Copies met since `fit`.

    Examples
    --------
    >>> gate = CopyGate(forbidden=[[7.0]]).fit([[0.0], [1.0], [3.0]], [0, 1, 1])
    >>> gate.keep([[0.5], [2.2]], [0, 0]).tolist()
    [True, True]
    >>> gate.keep([[7.0]], [0])
    Traceback (most recent call last):
    ...
    gen_augment.errors.LeakError: ...
    """

    def __init__(
        self,
        *,
        forbidden: Any = None,
        max_copies: int = 0,
        threshold: float = 0.01,
        features: Features = "values",
        random_state: RandomState = 0,
    ) -> None:
        super().__init__(threshold=threshold, features=features, random_state=random_state)
        self.forbidden = forbidden
        self.max_copies = max_copies

    def _fit(self, real: LabelledRows) -> None:
        check_range("max_copies", self.max_copies, 0)
        super()._fit(real)
        if self.forbidden is not None:
            self._keep_apart(torch.cat([self._rows, self._vectors(self.forbidden)]))
        self.n_copies_ = 0

    def keep(self, X: Any, y: Any) -> np.ndarray:
        """Which rows pass, as long as copies are no more than `max_copies`.

        Raises
        ------
        LeakError
            There are more.
        """
        scores = self.score_samples(X, y)
        copies = np.flatnonzero(scores < self.threshold)
        self.n_copies_ += len(copies)
        if self.n_copies_ > self.max_copies:
            first = np.broadcast_to(np.asarray(y), len(scores)).tolist()[copies[0]]
            raise LeakError(
                f"{len(copies)} of {len(scores)} synthetic rows are copies of rows that must not come in, the first "
                f"one with label {first!r}; {self.n_copies_} since the gate was fitted, and max_copies is "
                f"{self.max_copies}. Fit the sampler on more rows or for fewer steps, or drop copies one by one with "
                "Novelty."
            )
        return scores >= self.threshold

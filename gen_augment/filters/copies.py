"""A gate that raises an error when a sampler copies rows."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.containers import concatenate
from gen_augment.data.rows import Rows
from gen_augment.errors import LeakError
from gen_augment.filters.novelty import Novelty, relative_distance
from gen_augment.metrics.features import Features
from gen_augment.neighbours import nearest
from gen_augment.rng import RandomState
from gen_augment.validation import check_range

__all__ = ["CopyGate"]


class CopyGate(Novelty):
    """Raise an error at copies of training rows, or of other rows that must not be used.

    The other rows of a generator that copies are likely to be copies with small changes,
    so it is better to improve the generator than to refuse single rows.

    Parameters
    ----------
    forbidden : rows, optional
        Further rows that must not be copied, such as the test part. Nothing is learned from
        them: the distance that counts as near is that of the training rows there.
    max_copies : int
        Number of copies that are refused without an error, over all calls since `fit`.
    threshold : float
        A row with a smaller score, as in `Novelty`, is a copy.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        As in `Realism`. By default values are compared, since different rows may have the
        same learned features.
    random_state : int, RandomState or None
        As in `Novelty`.

    Attributes
    ----------
    n_copies_ : int
        Number of copies found since `fit`.

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

    def _fit(self, real: Rows) -> None:
        check_range("max_copies", self.max_copies, 0)
        super()._fit(real)
        self.n_copies_ = 0
        self._forbidden: Any = None
        if self.forbidden is None:
            return
        if self._own is not None:
            self._own = real.modality.views.novelty(concatenate([real.X, self.forbidden]))
        else:
            vectors = self.features_(self.forbidden)
            nearest_row = nearest(vectors, self._rows)[1][:, 0]
            self._forbidden = vectors, self._spacing[nearest_row]

    def _distance(self, vectors: Tensor) -> Tensor:
        distance = super()._distance(vectors)
        if self._forbidden is None:
            return distance
        return torch.minimum(distance, relative_distance(vectors, *self._forbidden))

    def keep(self, X: Any, y: Any) -> np.ndarray:
        """Decide which rows pass, unless there are more than `max_copies` copies.

        Parameters
        ----------
        X : n rows, in the form of the real rows
        y : label or array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n,), bool

        Raises
        ------
        LeakError
            There are more copies.
        """
        scores = self.score_samples(X, y)
        copies = np.flatnonzero(scores < self.threshold)
        self.n_copies_ += len(copies)
        if self.n_copies_ > self.max_copies:
            first = np.broadcast_to(np.asarray(y), len(scores)).tolist()[copies[0]]
            raise LeakError(
                f"{len(copies)} of {len(scores)} synthetic rows are copies of training or "
                f"forbidden rows, the first with label {first!r} ({self.n_copies_} since fit, "
                f"max_copies={self.max_copies}). Fit the sampler on more rows or for fewer steps, "
                "or refuse single copies with Novelty."
            )
        return scores >= self.threshold

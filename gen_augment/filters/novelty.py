"""Rows that are no copies of training rows."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.filters.base import DistanceFilter
from gen_augment.metrics.features import Features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.neighbours import nearest
from gen_augment.rng import RandomState

__all__ = ["Novelty"]


class Novelty(DistanceFilter):
    """Keep rows that are not too near to a training row, of whatever class.

    The score is a row's distance to the nearest training row, divided by that row's distance to its own nearest other:
    0 for a copy, around 1 for a new row of the same distribution.

    Parameters
    ----------
    threshold : float
        Lowest score that passes.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        Where distances are taken. "auto": for images in the features of a small classifier trained on the real rows,
        for tables between scaled columns. "values": between columns or pixels. A network: between what it makes of
        encoded rows, and of torchvision's what comes before the last layer, see `metrics.torchvision_features`. A
        callable: between the vectors ``features(X)``.
    random_state : int, RandomState or None
        Seeds that classifier.

    Notes
    -----
    Training rows that occur more than once are counted once.

    Examples
    --------
    >>> gate = Novelty().fit([[0.0], [1.0], [3.0]], [0, 1, 1])
    >>> gate.score_samples([[0.0], [0.5], [5.0]], [0, 0, 1]).tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self, *, threshold: float = 0.3, features: Features = "auto", random_state: RandomState = 0
    ) -> None:
        self.threshold = threshold
        self.features = features
        self.random_state = random_state

    def _fit(self, real: LabelledRows) -> None:
        self._keep_apart(self._learn_vectors(real))

    def _keep_apart(self, vectors: Tensor) -> None:
        """Take these for the rows that others must not be too near to."""
        self._rows = torch.unique(vectors, dim=0)
        self._apart = nearest(self._rows, self._rows, min(2, len(self._rows)))[0].amax(dim=1)

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        distance, which = nearest(self._vectors(X), self._rows)
        return (distance / self._apart[which].clamp(min=1e-12))[:, 0].double().numpy()

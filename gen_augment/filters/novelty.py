"""Filter for rows that are not copies of training rows."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.data.rows import Rows
from gen_augment.filters.base import RowFilter
from gen_augment.filters.space import FeatureSpace
from gen_augment.metrics.features import Features
from gen_augment.neighbours import nearest
from gen_augment.rng import RandomState

__all__ = ["Novelty", "relative_distance"]


class Novelty(RowFilter):
    """Refuse rows that are too near to a training row of any class.

    The score is a row's distance to the nearest training row, divided by the distance from
    that row to its own nearest neighbour: 0 for a copy, and about 1 for a new row of the
    same distribution. Training rows that occur more than once count once. A modality may have
    a measure of its own: the score of a text is the share of its words outside the longest span
    that some training row has too.

    Parameters
    ----------
    threshold : float
        Lowest score that passes.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        As in `Realism`; "auto" is the measure of the modality, if it has one.
    random_state : int, RandomState or None
        Seeds the classifier that "auto" trains for images.

    Attributes
    ----------
    features_ : callable
        Maps rows to vectors: Tensor of shape (n, d).

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

    def _fit(self, real: Rows) -> None:
        self._own = real.modality.views.novelty(real.X) if self.features == "auto" else None
        if self._own is None:
            self.features_ = FeatureSpace(self.features, real, self.random_state)
            self._rows = torch.unique(self.features_(real.X), dim=0)
            self._spacing = nearest(self._rows, self._rows, min(2, len(self._rows)))[0].amax(dim=1)

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        if self._own is not None:
            return self._own(X)
        return self._distance(self.features_(X)).double().numpy()

    def _distance(self, vectors: Tensor) -> Tensor:
        return relative_distance(vectors, self._rows, self._spacing)


def relative_distance(vectors: Tensor, rows: Tensor, spacing: Tensor) -> Tensor:
    """Return distances to the nearest of some rows, divided by the spacing of that row."""
    distance, which = nearest(vectors, rows)
    return (distance / spacing[which].clamp(min=1e-12))[:, 0]

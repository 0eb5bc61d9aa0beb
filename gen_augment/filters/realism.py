"""Filter for rows on the manifold of real rows.

Reference: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing
Generative Models", 2019 (arXiv:1904.06991): a row is realistic if it lies in a ball around
a real row that reaches to that row's k-th neighbour.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.data.rows import Rows
from gen_augment.filters.base import RowFilter
from gen_augment.filters.space import FeatureSpace
from gen_augment.metrics.features import Features
from gen_augment.neighbours import PART_SIZE, nearest
from gen_augment.rng import RandomState
from gen_augment.validation import check_positive_int

__all__ = ["Realism"]

#: A depth below this share of a ball's squared radius is rounding error of float32.
SURFACE = 1e-6


class Realism(RowFilter):
    """Keep rows near to real rows of their class.

    A ball around each real row reaches to the row's k-th neighbour in its class. The score
    of a row is its depth in the deepest ball of its class, ``max (radius^2 - distance^2)``,
    in units of the median ``radius^2`` of the class. It is 0 on the surface of the union
    of the balls.

    Parameters
    ----------
    k : int
        Number of neighbours; a larger k makes the balls larger.
    threshold : float
        Lowest score that passes. Below 0, rows outside the balls pass as well.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        The space in which distances are computed. "values": encoded values, such as
        scaled columns or pixels. "auto": for images, features of a small classifier
        trained on the real rows; for tables, values. A torchvision model, or its name:
        the input of its last layer, see `metrics.torchvision_features`. Another module:
        its output for encoded rows. A callable: the vectors ``features(X)``.
    random_state : int, RandomState or None
        Seeds the small classifier.

    Attributes
    ----------
    features_ : callable
        Maps rows to vectors: Tensor of shape (n, d).

    Examples
    --------
    >>> X, y = [[0.0], [1.0], [2.0], [10.0], [11.0], [13.0]], [0, 0, 0, 1, 1, 1]
    >>> gate = Realism(k=1).fit(X, y)
    >>> gate.keep([[1.5], [1.5], [12.0], [16.0]], [0, 1, 1, 1]).tolist()
    [True, False, True, False]
    """

    def __init__(
        self,
        *,
        k: int = 5,
        threshold: float = 0.0,
        features: Features = "auto",
        random_state: RandomState = 0,
    ) -> None:
        self.k = k
        self.threshold = threshold
        self.features = features
        self.random_state = random_state

    def _fit(self, real: Rows) -> None:
        k = check_positive_int("k", self.k)
        self.features_ = FeatureSpace(self.features, real, self.random_state)
        vectors = self.features_(real.X)
        self._balls = []
        for code in range(real.n_classes):
            # Rows that repeat count once: a ball around k equal rows would hold nothing else.
            centres = torch.unique(vectors[torch.from_numpy(real.codes == code)], dim=0)
            # The nearest row is the row itself, and a class may have fewer than k others.
            reach = nearest(centres, centres, min(k + 1, len(centres)))[0].amax(dim=1).square()
            self._balls.append((centres, reach, reach.median().clamp(min=1e-12)))

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        vectors = self.features_(X)
        scores = vectors.new_empty(len(codes))
        for code in np.unique(codes).tolist():
            here = torch.from_numpy(codes == code)
            centres, reach, unit = self._balls[code]
            middle = centres.mean(dim=0)
            rows, centres = vectors[here] - middle, centres - middle
            # |x - c|^2 - r^2 is one matrix product, apart from the constant |x|^2.
            offsets = centres.square().sum(dim=1) - reach
            parts = torch.split(rows, max(1, 4 * PART_SIZE // len(centres)))
            best = torch.cat(
                [torch.addmm(offsets, part, centres.T, alpha=-2).argmin(dim=1) for part in parts]
            )
            scores[here] = _depth((rows - centres[best]).square().sum(dim=1), reach[best]) / unit
        return scores.double().numpy()


def _depth(distance: Tensor, reach: Tensor) -> Tensor:
    """Return the depth inside a ball, from squares; exactly 0 near the surface.

    In a table with few distinct rows many rows lie on a surface, and rounding would decide
    which of them pass.
    """
    depth = reach - distance
    return torch.where(depth.abs() <= SURFACE * reach, 0.0, depth)

"""Rows on the manifold of real ones.

Reference: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019
(arXiv:1904.06991): a row is realistic if it lies in a ball around a real row that reaches to that row's k-th neighbour.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.filters.base import DistanceFilter
from gen_augment.metrics.features import Features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.neighbours import PART_SIZE, nearest
from gen_augment.rng import RandomState
from gen_augment.validation import check_positive_int

__all__ = ["Realism"]

#: Some roundings of float32, of a radius squared.
SURFACE = 1e-6


class Realism(DistanceFilter):
    """Keep rows near to real rows of their class.

    The score is the depth of a row in the deepest of the balls around real rows of its class, each of which reaches to
    that row's k-th neighbour in the class: ``max (radius^2 - distance^2)``, in units of the class's median
    ``radius^2``. At 0 a row lies on the surface of all balls together.

    Parameters
    ----------
    k : int
        Neighbours; more make larger balls.
    threshold : float
        Lowest score that passes; below 0 rows farther out pass as well.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        Where distances are taken. "auto": for images in the features of a small classifier trained on the real rows,
        for tables between scaled columns. "values": between columns or pixels. A network: between what it makes of
        encoded rows, and of torchvision's what comes before the last layer, see `metrics.torchvision_features`. A
        callable: between the vectors ``features(X)``.
    random_state : int, RandomState or None
        Seeds that classifier.

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

    def _fit(self, real: LabelledRows) -> None:
        k = check_positive_int("k", self.k)
        vectors = self._learn_vectors(real)
        self._balls = []
        for code in range(real.n_classes):
            mine = vectors[torch.from_numpy(real.codes == code)]
            # The nearest of all is the row itself, and a class may have fewer rows.
            reach = nearest(mine, mine, min(k + 1, len(mine)))[0].amax(dim=1).square()
            self._balls.append((mine, reach, reach.median().clamp(min=1e-12)))

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        vectors = self._vectors(X)
        scores = vectors.new_empty(len(codes))
        for code in np.unique(codes).tolist():
            here = torch.from_numpy(codes == code)
            centres, reach, unit = self._balls[code]
            middle = centres.mean(dim=0)
            rows, centres = vectors[here] - middle, centres - middle
            # |x - c|^2 - r^2, but for |x|^2, is one product.
            offsets = centres.square().sum(dim=1) - reach
            parts = torch.split(rows, max(1, 4 * PART_SIZE // len(centres)))
            best = torch.cat(
                [
                    torch.addmm(offsets, part, centres.T, alpha=-2).min(dim=1).indices
                    for part in parts
                ]
            )
            scores[here] = _depth((rows - centres[best]).square().sum(dim=1), reach[best]) / unit
        return scores.double().numpy()


def _depth(distance: Tensor, reach: Tensor) -> Tensor:
    """How deep inside a ball, from squares; what is on its surface but for rounding is on its surface.

    In a table of few different rows that is where many lie, and a product would leave it to rounding which of them.
    """
    depth = reach - distance
    return torch.where(depth.abs() <= SURFACE * reach, 0.0, depth)

"""Filter for rows that are unusual for their class.

Reference: Liu, Ting and Zhou, "Isolation Forest", 2008 (ICDM): unusual rows are isolated
by few random splits.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest

from gen_augment.data.rows import Rows
from gen_augment.filters.base import RowFilter
from gen_augment.filters.space import FeatureSpace
from gen_augment.metrics.features import Features
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_range

__all__ = ["Outliers"]


class Outliers(RowFilter):
    """Refuse rows that an isolation forest of their class finds unusual.

    The score is the forest's score minus the quantile `contamination` of the scores of the
    real rows. The filter is faster than `Realism` for many real rows, and coarser: it
    considers single columns or features, and few combinations of them.

    Parameters
    ----------
    contamination : float in [0, 1)
        Share of the real rows that would themselves be refused.
    threshold : float
        Lowest score that passes.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        As in `Realism`.
    random_state : int, RandomState or None
        Seeds the forests, and the classifier that "auto" trains for images.

    Attributes
    ----------
    features_ : callable
        Maps rows to vectors: Tensor of shape (n, d).

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> gate = Outliers().fit(X, np.zeros(200))
    >>> gate.keep([[0.0, 0.0], [9.0, 9.0]], 0).tolist()
    [True, False]
    """

    def __init__(
        self,
        *,
        contamination: float = 0.05,
        threshold: float = 0.0,
        features: Features = "auto",
        random_state: RandomState = 0,
    ) -> None:
        self.contamination = contamination
        self.threshold = threshold
        self.features = features
        self.random_state = random_state

    def _fit(self, real: Rows) -> None:
        check_range("contamination", self.contamination, 0, 1, open_high=True)
        self.features_ = FeatureSpace(self.features, real, self.random_state)
        vectors = self.features_(real.X).numpy()
        seed = derive_seed(resolve_seed(self.random_state), "outliers") % 2**32
        self._forests, self._quantiles = [], []
        for code in range(real.n_classes):
            rows = vectors[real.codes == code]
            forest = IsolationForest(random_state=seed).fit(rows)
            self._forests.append(forest)
            self._quantiles.append(np.quantile(forest.score_samples(rows), self.contamination))

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        vectors = self.features_(X).numpy()
        scores = np.empty(len(codes))
        for code in np.unique(codes):
            here = codes == code
            scores[here] = self._forests[code].score_samples(vectors[here]) - self._quantiles[code]
        return scores

"""Filter for rows that a sampler generates repeatedly."""

from typing import Any

import numpy as np
import torch

from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.filters.base import SamplerFilter
from gen_augment.filters.space import FeatureSpace
from gen_augment.metrics.features import Features
from gen_augment.neighbours import nearest
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Duplicates"]


class Duplicates(SamplerFilter):
    """Refuse near-duplicates among the rows of a sampler.

    `fit` generates `n_reference` rows of each class from a random stream that is used for
    nothing else. The score of a row is its distance to the nearest reference row of its
    class, divided by the median nearest-neighbour distance of the real rows of the class.
    It is near 0 for rows that the sampler generates repeatedly.

    Parameters
    ----------
    n_reference : int
        Number of reference rows per class. A row that makes up ``1 / n_reference`` of the
        samples is found in most cases. A larger number refuses more; in few dimensions it
        refuses good rows too, as they are close together there.
    threshold : float
        Lowest score that passes.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        As in `Realism`.
    random_state : int, RandomState or None
        Seeds the reference rows, and the classifier that "auto" trains for images.

    Attributes
    ----------
    features_ : callable
        Maps rows to vectors: Tensor of shape (n, d).

    Notes
    -----
    All rows of a cluster of duplicates are refused, instead of all but the first. Which row
    is the first would depend on the order of calls, and a row by address must not. If a
    class has only duplicates, sampling ends in an `ExhaustedError` that names it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import KDESampler
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = KDESampler(random_state=0).fit(X, y)
    >>> gate = Duplicates(n_reference=50).fit(X, y, sampler=sampler)
    >>> X_new, y_new = sampler.sample(20)
    >>> bool(gate.keep(X_new, y_new).all())
    True
    """

    def __init__(
        self,
        *,
        n_reference: int = 500,
        threshold: float = 0.1,
        features: Features = "auto",
        random_state: RandomState = 0,
    ) -> None:
        self.n_reference = n_reference
        self.threshold = threshold
        self.features = features
        self.random_state = random_state

    def _fit(self, real: Rows) -> None:
        n = check_positive_int("n_reference", self.n_reference)
        self.features_ = FeatureSpace(self.features, real, self.random_state)
        vectors = self.features_(real.X)
        # The nearest row is the row itself.
        spacing = nearest(vectors, vectors, min(2, len(vectors)))[0].amax(dim=1).numpy()
        self._unit = np.array(
            [np.median(spacing[real.codes == code]) for code in range(real.n_classes)]
        )
        if not self._unit.all():
            label = real.classes[self._unit == 0].tolist()[0]
            raise InputError(
                f"half of the real rows with label {label!r} occur more than once, so synthetic "
                "rows may repeat too: leave Duplicates out."
            )
        rows, _ = self._reference(real, n, resolve_seed(self.random_state))
        self._known = self.features_(rows).view(real.n_classes, n, -1)

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        vectors, scores = self.features_(X), np.empty(len(codes))
        for code in np.unique(codes):
            here = codes == code
            distance, _ = nearest(vectors[torch.from_numpy(here)], self._known[code])
            scores[here] = distance[:, 0].numpy() / self._unit[code]
        return scores

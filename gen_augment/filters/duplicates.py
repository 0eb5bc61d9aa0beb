"""Rows that a sampler does not make again and again."""

from typing import Any

import numpy as np
import torch

from gen_augment.errors import InputError
from gen_augment.filters.base import DistanceFilter
from gen_augment.metrics.features import Features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.neighbours import nearest
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Duplicates"]


class Duplicates(DistanceFilter):
    """Refuse rows that a sampler makes again and again: near-duplicates among synthetic rows themselves.

    A row is compared with `n_reference` others of its class that the sampler makes when the filter is fitted, and that
    are in no table of rows of yours. The score is its distance to the nearest of them, divided by the median distance
    of the class's real rows to their nearest others: near 0 for what comes again and again.

    Parameters
    ----------
    n_reference : int
        Rows of each class to compare with. What is as frequent as one row in so many is found more often than not;
        more refuse more, in few dimensions good rows too: there they lie dense.
    threshold : float
        Lowest score that passes.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        As in `Realism`.
    random_state : int, RandomState or None
        Seeds the rows to compare with, and the classifier that "auto" trains for images.

    Notes
    -----
    All rows of a cluster of duplicates are refused, rather than all but the first: which one is the first would depend
    on the order of calls, and a row by address must not. A class of which nothing else is made ends in an
    `ExhaustedError` that names it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = ConditionalVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> gate = Duplicates(n_reference=50).fit(X, y, sampler=sampler)
    >>> X_new, y_new = sampler.sample(20)
    >>> bool(gate.keep(X_new, y_new).all())
    True
    """

    judges_sampler = True

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

    def _fit(self, real: LabelledRows) -> None:
        n, seed = (
            check_positive_int("n_reference", self.n_reference),
            resolve_seed(self.random_state),
        )
        vectors = self._learn_vectors(real)
        # The nearest of all is the row itself.
        apart = nearest(vectors, vectors, min(2, len(vectors)))[0].amax(dim=1).numpy()
        self._unit = np.array(
            [np.median(apart[real.codes == code]) for code in range(real.n_classes)]
        )
        if not self._unit.all():
            label = real.labels.classes[self._unit == 0].tolist()[0]
            raise InputError(
                f"half of the real rows with label {label!r} occur more than once: where rows repeat themselves, "
                "synthetic ones may, so leave Duplicates out."
            )
        rows, _ = self._reference(real, n, seed)
        self._known = self._vectors(rows).view(real.n_classes, n, -1)

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        vectors, scores = self._vectors(X), np.empty(len(codes))
        for code in np.unique(codes):
            here = codes == code
            distance, _ = nearest(vectors[torch.from_numpy(here)], self._known[code])
            scores[here] = distance[:, 0].numpy() / self._unit[code]
        return scores

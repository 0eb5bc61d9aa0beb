"""How an arm uses a sampler: how many synthetic rows, of which classes, through which filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gen_augment.data.counts import allocate
from gen_augment.filters import (
    DiscriminatorRejection,
    Duplicates,
    LabelAgreement,
    Novelty,
    Outliers,
    Realism,
)

__all__ = ["FILTERS", "LABEL_MIXES", "Synthetic", "synthetic_counts"]

#: Filters by their names in arms.
FILTERS: Mapping[str, type] = {
    "agreement": LabelAgreement,
    "realism": Realism,
    "novelty": Novelty,
    "outliers": Outliers,
    "duplicates": Duplicates,
    "rejection": DiscriminatorRejection,
}
LABEL_MIXES = ("prior", "balanced", "effective")


@dataclass(frozen=True)
class Synthetic:
    """How an arm uses a sampler.

    Attributes
    ----------
    ratio : float or None
        Synthetic rows per real row. None for as many as give all classes the same size and make
        at least half of the rows synthetic.
    labels : {"prior", "balanced", "effective"} or None
        Labels of the synthetic rows: as frequent as in the training part, equally frequent, or by
        the inverse of each class's effective number. None with a ratio means "balanced".
    filters : tuple of str
        Names in `FILTERS`; a row must pass all of them.
    vary : float, tuple of float, or None
        Strength in [0, 1] of new versions of real rows, or several, which the rows of a class take
        in turn; None for new rows.
    guidance : float or None
        Guidance instead of the sampler's own.
    shuffled : bool
        A control: labels are shuffled among the synthetic rows.
    pretrain : bool
        Half of the training steps on synthetic rows only, the other half on real rows only.
    soft : bool
        Labels of the synthetic rows are the probabilities predicted by a network that was trained
        on the real rows, in as many steps (Hinton, Vinyals and Dean 2015, arXiv:1503.02531).
    share : float or None
        Share in (0, 1] of synthetic rows among those that the classifier sees: rows are drawn, or
        weighted, accordingly. None for equal weights of all rows.
    """

    ratio: float | None = None
    labels: str | None = None
    filters: tuple[str, ...] = ()
    vary: float | tuple[float, ...] | None = None
    guidance: float | None = None
    shuffled: bool = False
    pretrain: bool = False
    soft: bool = False
    share: float | None = None

    def counts(self, real: np.ndarray) -> np.ndarray:
        """Return the synthetic rows of each class for `real` training rows of each."""
        return synthetic_counts(real, self.ratio, self.labels)

    def weights(self, n_real: int, n_synthetic: int) -> np.ndarray | None:
        """Return weights of real rows, then synthetic ones, with a mean of 1; None if all equal.

        Examples
        --------
        >>> Synthetic(share=0.25).weights(2, 3).round(3).tolist()
        [1.875, 1.875, 0.417, 0.417, 0.417]
        """
        if self.share is None or not n_synthetic:
            return None
        n = n_real + n_synthetic
        each = [(1 - self.share) * n / n_real, self.share * n / n_synthetic]
        return np.repeat(each, [n_real, n_synthetic])

    @property
    def drawn_as(self) -> tuple[Any, ...]:
        """What decides the rows; arms that differ only in their use share them."""
        return self.ratio, self.labels, self.filters, self.vary, self.guidance


def synthetic_counts(
    real: np.ndarray, ratio: float | None = None, labels: str | None = None
) -> np.ndarray:
    """Return the synthetic rows of each class.

    Without a ratio, as many as give all classes the same size and make at least half of the rows
    synthetic. With one, that many rows per real row: divided by the classes' shares ("prior"),
    equally ("balanced"), or by the inverse of the effective number ``(1 - b^n) / (1 - b)`` with
    ``b = 1 - 1 / N`` ("effective").

    References
    ----------
    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", 2019
    (arXiv:1901.05555), section 3.

    Examples
    --------
    >>> synthetic_counts(np.array([50, 50])).tolist(), synthetic_counts(np.array([90, 10])).tolist()
    ([50, 50], [10, 90])
    >>> [synthetic_counts(np.array([90, 10]), 0.5, mix).tolist() for mix in LABEL_MIXES]
    [[45, 5], [25, 25], [7, 43]]
    """
    n = int(real.sum())
    if ratio is None and labels is None:
        target = max(int(real.max()), -(-2 * n // len(real)))
        return target - real
    shares = real / n if labels == "prior" else np.ones(len(real))
    if labels == "effective":
        beta = 1 - 1 / n
        shares = (1 - beta) / (1 - beta ** real.astype(float))
    return allocate(round((1.0 if ratio is None else ratio) * n), shares)

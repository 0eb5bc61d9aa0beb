"""Paired differences between arms, with intervals that know that training parts overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Interval", "holm", "paired_interval"]


@dataclass(frozen=True)
class Interval:
    """A mean difference, its confidence interval, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    p_value: float
    n: int


def paired_interval(differences: Sequence[float], *, overlap: float = 0.0, level: float = 0.95) -> Interval:
    """Student's interval for the mean of paired differences.

    Parameters
    ----------
    differences : sequence of float
        One for each seed.
    overlap : float
        Test rows divided by training rows where every seed splits the same rows anew: their differences are
        then correlated, and the variance of the mean is ``s^2 (1/n + overlap)`` instead of ``s^2 / n``.
        0 for a test part apart.
    level : float
        In (0, 1).

    Returns
    -------
    Interval
        Unbounded, with p = 1, for fewer than two differences.

    References
    ----------
    Nadeau and Bengio, "Inference for the Generalization Error", 2003 (Machine Learning 52), section 3.

    Examples
    --------
    >>> paired_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    mean = float(d.mean()) if n else float("nan")
    if n < 2:
        return Interval(mean, -np.inf, np.inf, 1.0, n)
    error = float(d.std(ddof=1)) * (1 / n + overlap) ** 0.5
    if error == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0, n)
    half = stats.t.ppf(0.5 + level / 2, n - 1) * error
    p_value = 2 * stats.t.sf(abs(mean) / error, n - 1)
    return Interval(mean, float(mean - half), float(mean + half), float(p_value), n)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number, controlling the family-wise error (Holm 1979).

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty_like(p)
    out[order] = np.minimum(adjusted, 1)
    return [float(value) for value in out]

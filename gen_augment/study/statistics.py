"""Paired differences between arms: intervals, tests, how sure a gain is, and how many seeds it takes to see one.

Student's interval, corrected where training parts overlap, decides; the bootstrap and the signed ranks stand beside it,
as they assume less of the differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = [
    "Interval",
    "bca_interval",
    "gain_probability",
    "holm",
    "paired_interval",
    "power",
    "seeds_needed",
    "signed_rank_p",
    "spent_alpha",
]


@dataclass(frozen=True)
class Interval:
    """A mean difference, its confidence interval, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    p_value: float
    n: int


def paired_interval(
    differences: Sequence[float],
    *,
    overlap: float = 0.0,
    test_variance: float = 0.0,
    level: float = 0.95,
) -> Interval:
    """Student's interval for the mean of paired differences.

    Parameters
    ----------
    differences : sequence of float
        One for each seed.
    overlap : float
        Of seeds whose rows are drawn from the same ones, and whose differences are correlated for that: the variance of
        the mean is ``s^2 (1/n + overlap)`` instead of ``s^2 / n``. Nadeau and Bengio's is test rows divided by training
        rows, where every seed splits anew; 0 for seeds that have no rows in common.
    test_variance : float
        Where all seeds are tested on the same rows: how much the mean would vary over other test parts of that size.
        It is added to the variance of the mean, as more seeds do nothing about it.
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
    error = _standard_error(d, overlap, test_variance)
    if error == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0, n)
    half = stats.t.ppf(0.5 + level / 2, n - 1) * error
    p_value = 2 * stats.t.sf(abs(mean) / error, n - 1)
    return Interval(mean, float(mean - half), float(mean + half), float(p_value), n)


def _standard_error(d: np.ndarray, overlap: float, test_variance: float) -> float:
    return float((d.var(ddof=1) * (1 / len(d) + overlap) + test_variance) ** 0.5)


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


def bca_interval(
    differences: Sequence[float], *, level: float = 0.95, n_resamples: int = 9999, seed: int = 0
) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval for the mean of paired differences.

    It follows the skew that Student's interval does not know of, but takes the differences for independent, and is too
    short for few seeds.

    Parameters
    ----------
    differences : sequence of float
    level : float
        In (0, 1).
    n_resamples : int
    seed : int

    Returns
    -------
    low, high : float
        Unbounded for fewer than two differences.

    References
    ----------
    Efron, "Better Bootstrap Confidence Intervals", 1987 (JASA 82), section 2 and equation 6.6.

    Examples
    --------
    >>> low, high = bca_interval([0.1, 0.2, 0.3, 0.9])
    >>> bool(0.1 < low < 0.375 < high < 0.9)
    True
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < 2:
        return -np.inf, np.inf
    if np.ptp(d) == 0:
        return float(d[0]), float(d[0])
    means = np.random.default_rng(seed).choice(d, (n_resamples, n)).mean(axis=1)
    share = ((means < d.mean()).mean() + (means <= d.mean()).mean()) / 2  # half of the ties
    bias = stats.norm.ppf(share)
    left_out = (d.sum() - d) / (n - 1)
    deviation = left_out.mean() - left_out
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    low, high = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def signed_rank_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test; differences of 0 are left out, and 1 if no others are there.

    Five seeds cannot give less than 0.0625, and six not less than 0.03125.

    References
    ----------
    Wilcoxon, "Individual Comparisons by Ranking Methods", 1945 (Biometrics Bulletin 1).

    Examples
    --------
    >>> signed_rank_p([1.0, 2.0, 3.0, 4.0, 5.0])
    0.0625
    """
    d = np.asarray(differences, dtype=float)
    d = d[d != 0]
    return float(stats.wilcoxon(d).pvalue) if len(d) else 1.0


def gain_probability(
    differences: Sequence[float],
    *,
    margin: float = 0.0,
    overlap: float = 0.0,
    test_variance: float = 0.0,
) -> float:
    """Probability that the true mean difference exceeds `margin`, given the differences and no knowledge before them.

    The posterior is Student's t around the mean, with the standard error of `paired_interval`.

    References
    ----------
    Corani and Benavoli, "A Bayesian approach for comparing cross-validated algorithms on multiple data sets", 2015
    (Machine Learning 100), equation 5.

    Examples
    --------
    >>> gain_probability([1.0, 2.0, 3.0], margin=2.0)
    0.5
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < 2:
        return float("nan")
    error = _standard_error(d, overlap, test_variance)
    if error == 0:
        return 0.5 if d.mean() == margin else float(d.mean() > margin)
    return float(stats.t.sf((margin - d.mean()) / error, n - 1))


def power(
    n: int, gain: float, deviation: float, *, overlap: float = 0.0, alpha: float = 0.05
) -> float:
    """Chance that `n` seeds show a true gain, by the two-sided test of `paired_interval`.

    Parameters
    ----------
    n : int
        At least 2.
    gain, deviation : float
        True mean of the differences, and their standard deviation over seeds.
    overlap, alpha : float
        As in `paired_interval`; the error that is allowed.

    Examples
    --------
    >>> round(power(34, 0.5, 1.0), 3)
    0.808
    """
    shift = gain / (deviation * (1 / n + overlap) ** 0.5)
    return float(stats.nct.sf(stats.t.ppf(1 - alpha / 2, n - 1), n - 1, shift))


def seeds_needed(
    gain: float,
    deviation: float,
    *,
    overlap: float = 0.0,
    alpha: float = 0.05,
    target: float = 0.8,
    most: int = 1000,
) -> int | None:
    """Fewest seeds that show a gain with a power of `target`; None if `most` do not.

    Where seeds split the same rows anew, more seeds do not help beyond ``deviation * sqrt(overlap)``: then more rows,
    or a test part apart, have to.

    Examples
    --------
    >>> seeds_needed(0.5, 1.0)
    34
    """
    if deviation == 0:
        return 2
    low, high = 2, most
    if power(high, gain, deviation, overlap=overlap, alpha=alpha) < target:
        return None
    while low < high:
        middle = (low + high) // 2
        enough = power(middle, gain, deviation, overlap=overlap, alpha=alpha) >= target
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def jackknife_variance(left_out: np.ndarray) -> float:
    """Variance of a score over other test parts, from the scores without one group of test rows at a time.

    Parameters
    ----------
    left_out : ndarray of shape (n_groups,)
        Of groups of about equal size. Where one is not finite, as no area is that a class has no rows for, inf.

    References
    ----------
    Efron and Stein, "The Jackknife Estimate of Variance", 1981 (Annals of Statistics 9).

    Examples
    --------
    >>> rows = np.array([1.0, 2.0, 3.0, 6.0])
    >>> mean_without = (rows.sum() - rows) / 3
    >>> round(jackknife_variance(mean_without), 6), round(float(rows.var(ddof=1)) / 4, 6)
    (1.166667, 1.166667)
    """
    return float(np.var(left_out) * (len(left_out) - 1)) if np.isfinite(left_out).all() else np.inf


def spent_alpha(n: int, planned: int, *, first: int = 3, alpha: float = 0.05) -> float:
    """Error that the look after `n` of the planned seeds may spend, in a study that stops at the first certain verdict.

    The spending function of O'Brien and Fleming's kind, ``A(t) = 2 - 2 Phi(z_(1 - alpha/2) / sqrt(t))``, with ``t`` the
    share of the planned seeds, gives little to early looks. Each look after `first` gets what the function has grown
    by since the look before, so that all looks together spend no more than `alpha`, however they depend on each other.

    References
    ----------
    Lan and DeMets, "Discrete Sequential Boundaries for Clinical Trials", 1983 (Biometrika 70), equation 3.

    Examples
    --------
    >>> round(sum(spent_alpha(n, 10) for n in range(3, 11)), 6)
    0.05
    """

    def spent(seeds: int) -> float:
        return (
            float(2 * stats.norm.sf(stats.norm.ppf(1 - alpha / 2) / (seeds / planned) ** 0.5))
            if seeds
            else 0.0
        )

    if n >= planned <= first:
        return alpha
    if n < first:
        return 0.0
    return spent(n) - (spent(n - 1) if n > first else 0.0)

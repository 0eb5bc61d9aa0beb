"""Paired differences between arms: intervals, tests, the probability of a gain, and power.

Student's interval decides; it is corrected if training parts overlap. The bootstrap and the signed
ranks are second opinions, because they assume less about the differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gen_augment.validation import check_range

__all__ = [
    "Interval",
    "bca_interval",
    "gain_probability",
    "holm",
    "paired_interval",
    "power",
    "seeds_needed",
    "signed_rank_p",
    "smallest_signed_rank_p",
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
        Seeds that draw from the same rows have correlated differences: the variance of the mean is
        ``s^2 (1/n + overlap)`` instead of ``s^2 / n``. If every seed splits again, Nadeau and
        Bengio's value is test rows divided by training rows; it is 0 for seeds without common rows.
    test_variance : float
        If all seeds are tested on the same rows, the variance of the mean over other test parts of
        that size. It is added to the variance of the mean, because more seeds do not reduce it.
    level : float
        In (0, 1).

    Returns
    -------
    Interval
        Unbounded, with p = 1, for fewer than two differences, or two that are equal and not 0:
        these say nothing of their spread.

    References
    ----------
    Nadeau and Bengio, "Inference for the Generalization Error", 2003
    (Machine Learning 52), section 3.

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
    if error == 0 and n == 2 and mean != 0:
        return Interval(mean, -np.inf, np.inf, 1.0, n)
    if error == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0, n)
    half = stats.t.ppf(0.5 + level / 2, n - 1) * error
    p_value = 2 * stats.t.sf(abs(mean) / error, n - 1)
    return Interval(mean, float(mean - half), float(mean + half), float(p_value), n)


def _standard_error(d: np.ndarray, overlap: float, test_variance: float) -> float:
    check_range("overlap", overlap, 0)  # a negative one would make an interval too narrow
    return float((d.var(ddof=1) * (1 / len(d) + overlap) + test_variance) ** 0.5)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, controlling the family-wise error (Holm 1979).

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

    It follows skew, which Student's interval ignores, but treats differences as independent, and
    is too short for few seeds.

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
    if len(d) < 2:
        return -np.inf, np.inf
    if np.ptp(d) == 0:
        return float(d[0]), float(d[0])
    found = stats.bootstrap(
        (d,),
        np.mean,
        confidence_level=level,
        n_resamples=n_resamples,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return float(low), float(high)


def smallest_signed_rank_p(n: int) -> float:
    """Return the smallest p-value that the signed-rank test of `n` differences can give.

    Examples
    --------
    >>> smallest_signed_rank_p(3), smallest_signed_rank_p(6)
    (0.25, 0.03125)
    """
    return float(2.0 ** (1 - n)) if n else 1.0


def signed_rank_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test.

    Differences of 0 are dropped; the p-value is 1 if none is left.

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
    """Probability that the true mean difference exceeds `margin`, under a flat prior.

    The posterior is Student's t around the mean, with the standard error of `paired_interval`.

    References
    ----------
    Corani and Benavoli, "A Bayesian approach for comparing cross-validated algorithms on multiple
    data sets", 2015 (Machine Learning 100), equation 5.

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
    """Probability that `n` seeds show a true gain, by the two-sided test of `paired_interval`.

    Parameters
    ----------
    n : int
        At least 2.
    gain, deviation : float
        True mean of the differences, and their standard deviation over seeds.
    overlap : float
        As in `paired_interval`.
    alpha : float
        Error of the test.

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
    """Smallest number of seeds that shows a gain with a power of `target`; None if `most` do not.

    If seeds split the same rows again, a gain below ``deviation * sqrt(overlap)`` is not shown by
    any number of seeds: it takes more rows, or a fixed test part.

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
    """Variance of a score over other test parts, from scores without one group of test rows each.

    Parameters
    ----------
    left_out : ndarray of shape (n_groups,)
        Scores without one of several groups of about equal size.

    Returns
    -------
    float
        Infinite if a score is not finite, as an area of a class without rows.

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
    """Error that the look after `n` of the planned seeds may spend in a sequential study.

    The spending function is of O'Brien and Fleming's kind,
    ``A(t) = 2 - 2 Phi(z_(1 - alpha/2) / sqrt(t))``, with ``t`` the share of the planned seeds. Each
    look after `first` may spend the increase of the function since the previous look. So all looks
    together spend at most `alpha`, however they depend on each other.

    References
    ----------
    Lan and DeMets, "Discrete Sequential Boundaries for Clinical Trials", 1983
    (Biometrika 70), equation 3.

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

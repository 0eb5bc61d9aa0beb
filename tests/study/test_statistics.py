"""Intervals, tests, corrections, power and sequential looks against SciPy, worked examples and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gen_augment.errors import InputError
from gen_augment.study.statistics import (
    bca_interval,
    gain_probability,
    holm,
    paired_interval,
    power,
    seeds_needed,
    signed_rank_p,
    smallest_signed_rank_p,
    spent_alpha,
)

DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda d: round(d, 3)), min_size=2, max_size=12).filter(
    lambda d: np.std(d) > 1e-3
)


@given(DIFFERENCES, st.floats(0.5, 0.999))
def test_without_overlap_it_is_student_s_interval(differences: list[float], level: float) -> None:
    found = paired_interval(differences, level=level)
    reference = stats.ttest_1samp(differences, 0)
    low, high = reference.confidence_interval(level)
    np.testing.assert_allclose([found.low, found.high], [low, high], rtol=1e-9, atol=1e-12)
    assert found.mean == pytest.approx(np.mean(differences))
    assert found.p_value == pytest.approx(reference.pvalue)
    assert found.n == len(differences)


def test_nadeau_and_bengio_by_hand() -> None:
    """Four splits of 100 rows with 20 for test: mean 2, s^2 = 2/3, overlap 20/80, error^2 = (2/3)(1/4 + 1/4) = 1/3."""
    found = paired_interval([1, 2, 2, 3], overlap=20 / 80)
    half = 3.182446305 / math.sqrt(3)  # t(0.975, 3 degrees of freedom)
    assert found.mean == 2
    assert found.low == pytest.approx(2 - half)
    assert found.high == pytest.approx(2 + half)
    # P(|t| > t0) for 3 degrees of freedom in closed form, at t0 = 2 * sqrt(3).
    x = 2 * math.sqrt(3) / math.sqrt(3)
    assert found.p_value == pytest.approx(1 - 2 / math.pi * (math.atan(x) + x / (1 + x**2)))


@given(DIFFERENCES, st.floats(0, 2), st.floats(0.1, 2))
def test_overlap_widens_the_interval(differences: list[float], overlap: float, more: float) -> None:
    narrow, wide = (paired_interval(differences, overlap=o) for o in (overlap, overlap + more))
    assert wide.low < narrow.low <= narrow.mean == wide.mean <= narrow.high < wide.high
    assert wide.p_value >= narrow.p_value


@given(DIFFERENCES, st.floats(0, 2))
def test_negated_differences_negate_the_interval(differences: list[float], overlap: float) -> None:
    one, other = (
        paired_interval(differences, overlap=overlap),
        paired_interval([-d for d in differences], overlap=overlap),
    )
    np.testing.assert_allclose(
        [other.low, other.high, other.mean], [-one.high, -one.low, -one.mean], atol=1e-12
    )
    assert other.p_value == pytest.approx(one.p_value)


@given(DIFFERENCES, st.floats(0, 2))
def test_interval_and_p_value_agree(differences: list[float], overlap: float) -> None:
    found = paired_interval(differences, overlap=overlap)
    if abs(found.p_value - 0.05) > 1e-9:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


@pytest.mark.parametrize("overlap", [0.0, 3 / 7])
def test_correlated_differences_are_covered(overlap: float) -> None:
    """Differences with the correlation that Nadeau and Bengio assume: 95% of intervals hold the truth, 0."""
    rng, n, correlation = np.random.default_rng(0), 5, overlap / (1 + overlap)
    shared, own = rng.normal(size=(2000, 1)), rng.normal(size=(2000, n))
    runs = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
    covered = [
        found.low <= 0 <= found.high
        for found in (paired_interval(run, overlap=overlap) for run in runs)
    ]
    assert 0.935 < np.mean(covered) < 0.965  # three standard errors
    if overlap:
        plain = [found.low <= 0 <= found.high for found in map(paired_interval, runs)]
        assert np.mean(plain) < 0.85


@pytest.mark.parametrize("differences, mean", [([], None), ([0.25], 0.25)])
def test_fewer_than_two_differences_give_no_interval(
    differences: list[float], mean: float | None
) -> None:
    found = paired_interval(differences)
    assert (found.low, found.high, found.p_value, found.n) == (
        -math.inf,
        math.inf,
        1.0,
        len(differences),
    )
    assert math.isnan(found.mean) if mean is None else found.mean == mean


@pytest.mark.parametrize("value, p", [(0.0, 1.0), (0.5, 0.0), (-0.5, 0.0)])
def test_equal_differences(value: float, p: float) -> None:
    found = paired_interval([value] * 4)
    assert (found.mean, found.low, found.high, found.p_value) == (value, value, value, p)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(
    p_values: list[float], alpha: float
) -> None:
    m = len(p_values)
    rejected = [False] * m
    for step, i in enumerate(sorted(range(m), key=p_values.__getitem__)):
        if p_values[i] * (m - step) > alpha:
            break
        rejected[i] = True
    assert [p <= alpha for p in holm(p_values)] == rejected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    for raw, adjusted in zip(p_values, holm(p_values), strict=True):
        assert raw <= adjusted <= min(1, raw * len(p_values) * (1 + 1e-12))
    assert min(holm(p_values)) == pytest.approx(min(1, min(p_values) * len(p_values)))


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("seed", range(4))
def test_bca_is_efron_s_formula(seed: int, level: float) -> None:
    """Equation 6.6 by hand, over separate resamples."""
    d = np.random.default_rng(seed).exponential(size=12) - 0.5
    means = np.random.default_rng(1).choice(d, (40_000, 12)).mean(axis=1)
    bias = stats.norm.ppf(((means < d.mean()).mean() + (means <= d.mean()).mean()) / 2)
    deviation = d - d.mean()  # the jackknife has a factor that cancels
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    expected = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    found = bca_interval(d.tolist(), level=level, n_resamples=40_000)
    np.testing.assert_allclose(found, expected, atol=0.02 * d.std())


def test_bca_without_spread_or_seeds() -> None:
    assert bca_interval([0.5] * 4) == (0.5, 0.5)
    assert bca_interval([0.5]) == (-math.inf, math.inf)


@settings(max_examples=20)
@given(DIFFERENCES)
def test_bca_lies_within_the_differences_and_holds_no_less_at_a_higher_level(
    differences: list[float],
) -> None:
    low, high = bca_interval(differences, n_resamples=999)
    wide = bca_interval(differences, level=0.99, n_resamples=999)
    ends = [min(differences), wide[0], low, high, wide[1], max(differences)]
    assert (np.diff(ends) >= -1e-12).all()  # up to rounding


@given(DIFFERENCES)
def test_signed_ranks_equal_scipy(differences: list[float]) -> None:
    nonzero = [d for d in differences if d]
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(nonzero).pvalue)


@pytest.mark.parametrize("n", [1, 3, 6])
def test_smallest_p_of_signed_ranks_equals_scipy(n: int) -> None:
    assert smallest_signed_rank_p(n) == pytest.approx(stats.wilcoxon(np.arange(1, n + 1)).pvalue)


def test_signed_ranks_of_nothing() -> None:
    assert signed_rank_p([0.0, 0.0]) == 1.0
    assert signed_rank_p([]) == 1.0


@given(DIFFERENCES, st.floats(-1, 1), st.floats(0, 1))
def test_probability_of_a_gain_agrees_with_the_interval(
    differences: list[float], margin: float, overlap: float
) -> None:
    """The probability is 97.5% above the low end of the 95% interval, and 1 - p/2 above 0."""
    found = paired_interval(differences, overlap=overlap)
    assert gain_probability(differences, margin=found.low, overlap=overlap) == pytest.approx(0.975)
    assert gain_probability(differences, margin=found.mean, overlap=overlap) == pytest.approx(0.5)
    doubt = 1 - gain_probability(differences, overlap=overlap)
    assert min(doubt, 1 - doubt) == pytest.approx(found.p_value / 2)
    lower = gain_probability(differences, margin=margin - 0.1, overlap=overlap)
    assert lower >= gain_probability(differences, margin=margin, overlap=overlap)


@pytest.mark.parametrize("margin, expected", [(0.0, 1.0), (0.5, 0.5), (0.6, 0.0)])
def test_probability_of_a_certain_gain(margin: float, expected: float) -> None:
    assert gain_probability([0.5] * 3, margin=margin) == expected
    assert math.isnan(gain_probability([0.5], margin=margin))


@pytest.mark.parametrize("n, gain, overlap", [(5, 1.0, 0.0), (10, 0.7, 0.0), (8, 1.5, 0.4)])
def test_power_is_how_often_a_gain_is_found(n: int, gain: float, overlap: float) -> None:
    rng, correlation = np.random.default_rng(0), overlap / (1 + overlap)
    shared, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, n))
    # A study sees the deviation of one run's differences, without their common part.
    runs = gain + (math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own) / math.sqrt(
        1 - correlation
    )
    error = runs.std(axis=1, ddof=1) * math.sqrt(1 / n + overlap)
    found = np.abs(runs.mean(axis=1)) / error > stats.t.ppf(0.975, n - 1)
    assert power(n, gain, 1.0, overlap=overlap) == pytest.approx(found.mean(), abs=0.025)


@given(st.floats(0.2, 3), st.floats(0.1, 2), st.floats(0.5, 0.95))
def test_seeds_needed_are_the_fewest(gain: float, deviation: float, target: float) -> None:
    n = seeds_needed(gain, deviation, target=target)
    if n is None:
        assert power(1000, gain, deviation) < target
    else:
        assert power(n, gain, deviation) >= target
        assert n == 2 or power(n - 1, gain, deviation) < target


def test_no_number_of_seeds_makes_up_for_shared_rows() -> None:
    assert seeds_needed(0.1, 1.0, overlap=3 / 7) is None
    assert seeds_needed(0.1, 0.0) == 2


@pytest.mark.parametrize("planned, first", [(3, 3), (5, 3), (10, 3), (20, 5)])
def test_looks_spend_all_of_alpha_and_little_at_first(planned: int, first: int) -> None:
    spent = [spent_alpha(n, planned, first=first) for n in range(1, planned + 1)]
    assert spent[: first - 1] == [0.0] * (first - 1)
    assert sum(spent) == pytest.approx(0.05)
    # Lan and DeMets, equation 3.
    share = first / planned
    assert spent[first - 1] == pytest.approx(
        2 - 2 * stats.norm.cdf(stats.norm.ppf(0.975) / math.sqrt(share))
    )


def test_stopping_early_keeps_the_error_rate_and_plain_peeking_does_not() -> None:
    """Simulate 500 studies of 10 planned seeds without any difference."""
    runs = np.random.default_rng(0).normal(size=(500, 10))
    claimed = {"spending": 0, "peeking": 0}
    for run in runs:
        p = {n: paired_interval(run[:n]).p_value for n in range(3, 11)}
        claimed["spending"] += any(p[n] <= spent_alpha(n, 10) for n in p)
        claimed["peeking"] += any(p[n] <= 0.05 for n in p)
    assert claimed["spending"] / 500 <= 0.05
    assert claimed["peeking"] / 500 > 0.1


def test_two_equal_differences_say_nothing_of_their_spread() -> None:
    found = paired_interval([0.02, 0.02])
    assert (found.mean, found.low, found.high, found.p_value) == (0.02, -np.inf, np.inf, 1.0)
    assert paired_interval([0.0, 0.0]).high == 0
    assert paired_interval([0.02] * 3).low == 0.02
    assert paired_interval([0.02, 0.02], test_variance=1e-4).low > -np.inf


def test_a_negative_overlap_is_refused() -> None:
    with pytest.raises(InputError, match=r"overlap=-0\.5"):
        paired_interval([1.0, 2.0, 3.0], overlap=-0.5)

"""Intervals against SciPy, a worked example and simulation; Holm against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gen_augment.study.statistics import holm, paired_interval

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
def test_turning_the_differences_turns_the_interval(
    differences: list[float], overlap: float
) -> None:
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
def test_fewer_than_two_differences_tell_nothing(
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

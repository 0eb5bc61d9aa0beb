"""Which states are joined, and how counts are spread over them again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.samplers.marginal.grouping import group_counts, grouped, spread

COUNTS = st.lists(st.integers(-50, 1000), min_size=1, max_size=12)


def test_neighbouring_bins_are_joined_until_pairs_rise_above_noise() -> None:
    """900 rows and pairs with noise 1: groups of at least 30 rows, as many as groups."""
    counts = np.full(90, 10.0)
    assert grouped(counts, 1.0, 1.0, ordered=True).tolist() == np.repeat(np.arange(30), 3).tolist()
    rest = grouped(np.array([40.0, 40.0, 5.0]), 1.0, 1.0, ordered=True)
    assert rest.tolist() == [0, 1, 1]  # what is left at the end joins its neighbour


def test_rare_categories_become_one() -> None:
    counts = np.array([100.0, 2.0, 50.0, -1.0, 2.9])
    assert grouped(counts, 1.0, 9.9, ordered=False).tolist() == [0, 2, 1, 2, 2]
    assert grouped(counts[:3], 1.0, 9.9, ordered=False).tolist() == [0, 1, 2]  # one alone stays


@pytest.mark.parametrize("ordered", [True, False])
@given(counts=COUNTS, deviation=st.sampled_from([0.0, 1.0, 30.0]))
def test_groups_are_numbered_without_gaps_and_shares_add_up(
    ordered: bool, counts: list[int], deviation: float
) -> None:
    values = np.array(counts, float)
    groups = grouped(values, deviation, deviation, ordered=ordered)
    assert set(groups) == set(range(groups.max() + 1))
    shares = spread(np.maximum(values, 0), groups)
    assert group_counts(shares, groups) == pytest.approx(np.ones(groups.max() + 1))
    if deviation == 0:
        assert groups.tolist() == list(range(len(counts)))

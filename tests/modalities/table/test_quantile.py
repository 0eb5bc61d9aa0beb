"""The map of numbers to normal quantiles: its law, its inverse and its bounds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import rankdata

from gen_augment import InputError
from gen_augment.modalities.table.quantile import MAX_KNOTS, N_CELLS, QuantileMap

numbers = st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float)


@pytest.mark.parametrize(
    "law", ["normal", "lognormal", "exponential", "standard_cauchy", "uniform"]
)
def test_a_continuous_column_becomes_nearly_normal(law: str) -> None:
    values = getattr(np.random.default_rng(0), law)(size=20_000)
    learned = QuantileMap.fit(values)
    z = learned.encode(values)
    assert len(learned.x) <= MAX_KNOTS
    assert abs(z.mean()) < 1e-6
    assert abs(z.std() - 1) < 1e-6
    # The bound on the slope distorts the outer tails of a heavy-tailed distribution, with a
    # range of thousands of times its quartiles.
    middle = np.abs(values - np.median(values)) <= np.quantile(
        np.abs(values - np.median(values)), 0.98
    )
    ranks = ndtri((rankdata(values) - 0.5) / len(values))
    assert np.corrcoef(z[middle], ranks[middle])[0, 1] > 0.98


def test_a_gap_between_two_groups_stays() -> None:
    values = np.random.default_rng(0).normal(size=2000) + np.repeat([-20, 20], 1000)
    z = QuantileMap.fit(values).encode(values)
    assert z[1000:].min() - z[:1000].max() > 1 > 0.5 > np.diff(np.sort(z[:1000])).max()


@given(
    st.lists(numbers, min_size=1, max_size=60),
    st.sampled_from([0.0, 1.0, -1e9, 1e300]),
    st.sampled_from([1e-300, 1e-6, 1.0, 1e300]),
)
def test_values_come_back_through_float32(values: list[float], centre: float, scale: float) -> None:
    given_values = np.array(values) * scale + centre
    learned = QuantileMap.from_json(QuantileMap.fit(given_values).to_json())
    back = learned.decode(learned.encode(given_values).astype(np.float32).astype(np.float64))
    slack = 1e-6 * np.ptp(given_values) + 2e-16 * np.abs(given_values).max()
    np.testing.assert_allclose(back, given_values, rtol=0, atol=slack)


def test_a_range_that_overflows_comes_back() -> None:
    values = np.array([-1.7e308, 0.0, 1e308, 1.7e308])
    learned = QuantileMap.from_json(QuantileMap.fit(values).to_json())
    back = learned.decode(learned.encode(values).astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(back / 1e308, values / 1e308, rtol=0, atol=3.4e-6)
    assert learned.encode(values).max() < 3


@given(
    st.lists(numbers, min_size=2, max_size=200, unique=True),
    st.lists(st.floats(-9, 9), min_size=2, max_size=20),
)
def test_the_map_is_monotone_bounded_and_not_steep(values: list[float], z: list[float]) -> None:
    learned = QuantileMap.fit(np.array(values))
    decoded = learned.decode(np.sort(z))
    assert min(values) <= decoded[0]
    assert decoded[-1] <= max(values)
    rise = np.diff(decoded)
    assert (rise >= 0).all()
    if not learned.is_constant:
        assert (rise <= 0.75 * np.ptp(values) * np.diff(np.sort(z)) + 1e-9 * np.ptp(values)).all()
        assert (np.diff(learned.encode(np.sort(values))) >= 0).all()


def test_a_frequent_value_owns_the_interval_of_its_share() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(10_000) < 0.3, 5.0, rng.normal(5, 2, 10_000))
    learned = QuantileMap.fit(values)
    z = learned.encode(values)
    assert (learned.decode(z)[values == 5] == 5).all()
    share = (learned.decode(rng.normal(z.mean(), z.std(), size=200_000)) == 5).mean()
    assert abs(share - (values == 5).mean()) < 0.05
    assert (learned.decode(z[values == 5] + 0.1) == 5).all()


def test_neighbouring_frequent_values_leave_nothing_between() -> None:
    learned = QuantileMap.fit(np.repeat([0.0, 1.0, 50.0], [20, 10, 30]))
    decoded = learned.decode(np.linspace(-5, 5, 1001))
    assert set(decoded) == {0, 1, 50}


def test_a_coin_has_two_sides() -> None:
    coin = QuantileMap.fit(np.repeat([0.0, 1.0], 500))
    np.testing.assert_allclose(coin.encode(np.array([0.0, 1.0])), [-1, 1], atol=1e-5)
    np.testing.assert_allclose(coin.decode(np.array([-0.01, 0.01])), [0, 1])


def test_unseen_values_are_extrapolated_and_decoded_within_bounds() -> None:
    learned = QuantileMap.fit(np.linspace(0, 1, 50))
    far = learned.encode(np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]))
    assert np.diff(far)[0] == pytest.approx(np.diff(far)[1])
    assert np.diff(far)[0] > 1
    assert learned.decode(far).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"x": [0.0]},
        {"x": [0.0, float("nan"), 2.0]},
        {"x": [0.0, 2.0, 1.0]},
        {"x": [1.0, 0.0, 1.7e308]},
        {"z": [0.0, 0.0, 1.0]},
        {"z": [0.0, 1.0]},
        {"z": "abc"},
        {"x": np.arange(9999.0).tolist(), "z": np.arange(9999.0).tolist()},
    ],
    ids=lambda change: str(change)[:40],
)
def test_damaged_knots_are_refused(change: dict[str, Any]) -> None:
    record = QuantileMap.fit(np.array([0.0, 1.0, 2.0])).to_json()
    with pytest.raises((InputError, ValueError)):
        QuantileMap.from_json(record | change)


@given(st.lists(numbers, min_size=2, max_size=300), st.sampled_from([1.0, 1e300, 1.5e302]))
def test_many_values_are_decoded_as_by_interp(values: list[float], scale: float) -> None:
    learned = QuantileMap.fit(np.array(values) * scale)
    z = np.random.default_rng(0).normal(size=N_CELLS - len(learned.z), scale=2)
    z = np.concatenate([z, learned.z, learned.z, np.nextafter(learned.z, -np.inf), [-np.inf, 9e99]])
    together = learned.decode(z)
    few = [learned.decode(part) for part in np.array_split(z, 8)]  # too few for cells
    np.testing.assert_array_equal(together, np.concatenate(few))

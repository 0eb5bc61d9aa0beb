"""Thresholds as text: short, and true of the numbers that a tree compares."""

import numpy as np
import pytest

from gen_augment.distillation.thresholds import as_date, as_decimal, decimals_of


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        (0.800000011920929, "0.8"),
        (123458.5, "123458.5"),
        (999999.53125, "999999.53"),
        (1600000064.0, "1600000064"),
        (16777217.0, "16777217"),  # 16777217 itself is rounded down
        (16777219.0, "16777218.999999996"),  # and 16777219 up
        (-3.25, "-3.25"),
        (-0.0, "0"),
        (1e-30, "1e-30"),
    ],
)
def test_known_thresholds(threshold: float, text: str) -> None:
    assert as_decimal(threshold) == text


@pytest.mark.parametrize("decimals", [0, 1, 2, 4])
@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3, 1e6, 1e9])
def test_a_decimal_divides_numbers_as_a_tree_does(decimals: int, scale: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        values = np.round(rng.normal(size=8) * scale, decimals)
        known = np.unique(values.astype(np.float32)).astype(np.float64)
        threshold = float(known[:2].mean())
        low = values.astype(np.float32).astype(np.float64) <= threshold
        np.testing.assert_array_equal(values <= float(as_decimal(threshold, decimals)), low)
        np.testing.assert_array_equal(known <= float(as_decimal(threshold)), known <= threshold)


def test_decimal_places_are_counted_up_to_4() -> None:
    assert decimals_of(np.array([1.0, np.nan, -3.0])) == 0
    assert decimals_of(np.array([0.25, 1.5])) == 2
    assert decimals_of(np.array([0.1, 0.7], np.float32)) == 1
    assert decimals_of(np.array([np.pi])) is None


def test_dates_have_a_time_if_rows_have_one() -> None:
    assert as_date(-1.0) == "1969-12-31"
    assert as_date(18690.5, decimals=0) == "2021-03-04"
    assert as_date(18690.5, decimals=1) == "2021-03-04 12:00:00"

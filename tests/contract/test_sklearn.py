"""scikit-learn's own checks."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.conftest import NETWORKS, small_sampler

REASONS = {
    "check_dtype_object": "arrays of dicts are refused by InputError, which is no TypeError",
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [small_sampler(name, max_steps=2, width=2, random_state=None) for name in NETWORKS],
    expected_failed_checks=lambda estimator: REASONS,
    xfail_strict=True,
)
def test_conventions(estimator: Any, check: Any) -> None:
    check(estimator)

"""Number, classes and weights of the synthetic rows of an arm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.study.arms import (
    Synthetic,
    synthetic_counts,
)


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=30))
def test_default_counts_balance_the_classes(counts: list[int]) -> None:
    real = np.array(counts)
    synthetic = synthetic_counts(real)
    assert (synthetic >= 0).all()
    assert len(set((real + synthetic).tolist())) == 1
    assert synthetic.sum() >= real.sum()
    # The counts are minimal: one row less would violate one of the two conditions.
    fewer = synthetic - 1
    assert fewer.min() < 0 or fewer.sum() < real.sum()


@given(
    st.lists(st.integers(1, 300), min_size=2, max_size=9),
    st.floats(0.01, 5),
    st.sampled_from(["prior", "balanced", "effective"]),
)
def test_counts_of_a_ratio(counts: list[int], ratio: float, mix: str) -> None:
    real = np.array(counts)
    found = synthetic_counts(real, ratio, mix)
    assert found.sum() == round(ratio * real.sum())
    assert (found >= 0).all()
    n = real.sum()
    effective = (1 - (1 - 1 / n) ** real) / (1 / n)
    share = {"prior": real / n, "balanced": np.ones(len(real)), "effective": 1 / effective}[mix]
    np.testing.assert_allclose(found, found.sum() * share / share.sum(), atol=1)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.01, 1))
def test_weights_of_a_share(n_real: int, n_synthetic: int, share: float) -> None:
    found = Synthetic(share=share).weights(n_real, n_synthetic)
    assert found is not None
    assert found.mean() == pytest.approx(1)
    assert found[n_real:].sum() / found.sum() == pytest.approx(share)
    assert len(np.unique(found[:n_real])) == len(np.unique(found[n_real:])) == 1
    assert (
        Synthetic().weights(n_real, n_synthetic)
        is Synthetic(share=share).weights(n_real, 0)
        is None
    )

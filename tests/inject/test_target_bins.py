"""Bins of a continuous target, and tables that hold the target as a column."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import (
    InputError,
)
from gen_augment.inject.target_bins import MIN_ROWS, TargetBins, joined, parted, read_target


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=14, max_size=30, unique=True),
    n_bins=st.integers(2, 12),
    binning=st.sampled_from(["uniform", "quantile"]),
)
def test_every_value_has_a_bin_and_no_bin_is_small(
    values: list[float], n_bins: int, binning: str
) -> None:
    y = np.array(values)
    width = np.linspace(0, 1, n_bins + 1)
    edges = y.min() + width * np.ptp(y) if binning == "uniform" else np.quantile(y, width)
    if not any(MIN_ROWS <= (y < edge).sum() <= len(y) - MIN_ROWS for edge in edges):
        with pytest.raises(InputError, match="make only one bin of at least 6 rows"):
            TargetBins.fit(y, n_bins, binning)
        return
    bins = TargetBins.fit(y, n_bins, binning)
    counts = np.bincount(bins.number(y), minlength=len(bins.edges) - 1)
    assert counts.sum() == len(y)
    assert counts.min() >= MIN_ROWS
    assert len(counts) <= n_bins
    np.testing.assert_array_equal(counts, np.histogram(y, bins.edges)[0])
    assert (bins.edges[0], bins.edges[-1]) == (y.min(), y.max())


@pytest.mark.parametrize("target_form", ["array", "series", "tensor", "list"])
@pytest.mark.parametrize("form", ["array", "frame", "tensor", "list"])
def test_parted_inverts_joined(form: str, target_form: str) -> None:
    values, numbers = np.arange(8.0).reshape(4, 2), np.array([3.0, 1.0, 2.0, 5.0])
    X = {
        "array": values,
        "frame": pd.DataFrame(values, columns=["target", "b"]),
        "tensor": torch.from_numpy(values),
        "list": values.tolist(),
    }[form]
    y = {
        "array": numbers,
        "series": pd.Series(numbers, name="b"),
        "tensor": torch.from_numpy(numbers),
        "list": numbers.tolist(),
    }[target_form]
    frame = joined(X, read_target(y))
    assert frame.shape == (4, 3)
    assert frame.columns.is_unique
    X_back, y_back = parted(frame, X, y)
    assert (type(X_back), type(y_back)) == (type(X), type(y))
    np.testing.assert_array_equal(np.asarray(X_back), values)
    np.testing.assert_array_equal(np.asarray(y_back), numbers)
    assert getattr(y_back, "name", None) == getattr(y, "name", None)


def test_values_outside_the_edges_have_no_bin() -> None:
    bins = TargetBins(np.array([0.0, 1.0, 3.0]))
    assert bins.number(np.array([-0.1, 0.0, 1.0, 3.0, 3.1])).tolist() == [-1, 0, 1, 1, 2]

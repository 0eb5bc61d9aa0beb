"""Nearest neighbours against scikit-learn."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from gen_augment.neighbours import nearest


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.floats(-1e3, 1e3))
def test_nearest_equals_scikit_learn(n: int, m: int, k: int, centre: float) -> None:
    rng = np.random.default_rng(n * m)
    rows, others = (rng.normal(centre, 1, (size, 3)).astype(np.float32) for size in (n, m))
    rows[0] = others[0]
    k = min(k, m)
    distance, index = nearest(torch.from_numpy(rows), torch.from_numpy(others), k)
    expected, _ = NearestNeighbors(n_neighbors=k).fit(others).kneighbors(rows)
    np.testing.assert_allclose(distance.numpy(), expected, atol=2e-3)
    np.testing.assert_allclose(
        np.linalg.norm(rows[:, None] - others[index], axis=2), distance.numpy(), atol=2e-3
    )
    assert distance[0, 0] == 0, "a copy is at distance 0"


def test_rows_that_a_product_confuses_are_told_apart() -> None:
    """The products of single precision differ by more than these distances."""
    rows = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    near = torch.cat([rows + 1e-5, rows])
    distance, which = nearest(rows, near)
    assert (distance == 0).all()
    assert which[:, 0].tolist() == list(range(50, 100))

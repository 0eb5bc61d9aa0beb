"""`Novelty` against memorisation, and on planted copies."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from gen_augment.filters import CopyGate, Novelty
from gen_augment.metrics import memorisation
from tests.filters.blobs import blob_halves

REAL, UNSEEN = blob_halves()


def test_spacing_is_exact_where_rounding_reorders_neighbours() -> None:
    X = np.float32([[1000, 0], [1000, 0], [1000.001, 0], [0, 0], [0, 1]])
    gate = Novelty(features=np.asarray).fit(X, np.zeros(5))
    rows = np.unique(X, axis=0).astype(float)
    expected = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows)[0][:, 1]
    np.testing.assert_allclose(gate._spacing, expected, rtol=1e-3)


def test_share_of_near_rows_equals_memorisation() -> None:
    gate = Novelty(features=np.asarray).fit(*REAL)
    assert (gate.score_samples(*UNSEEN) < 1).mean() == pytest.approx(
        memorisation(REAL[0], UNSEEN[0]).share, abs=0.005
    )


def test_copies_are_refused_and_new_rows_pass() -> None:
    rng = np.random.default_rng(0)
    X, y = UNSEEN[0].copy(), UNSEEN[1]
    copies = rng.permutation(len(y))[: len(y) // 20]
    X[copies] = REAL[0][rng.integers(0, len(REAL[0]), len(copies))]
    gate = Novelty().fit(
        np.concatenate([REAL[0], REAL[0][:50]]), np.concatenate([REAL[1], REAL[1][:50]])
    )
    kept = gate.keep(X, y)
    assert not kept[copies].any()
    assert np.delete(kept, copies).mean() > 0.85
    assert (gate.score_samples(REAL[0], REAL[1]) == 0).all()


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_copies_are_found_in_features_of_any_scale(scale: float) -> None:
    """32-bit products would lose seven columns if one is much larger."""
    X, y = (
        np.random.default_rng(0).normal(size=(2000, 8)) * [scale, *[1.0] * 7],
        np.arange(2000) % 2,
    )
    for gate in (CopyGate(features=np.asarray, max_copies=2000), Novelty(features=np.asarray)):
        assert not gate.fit(X, y).keep(X, y).any()

"""`Realism` against precision, and on rows with known answers."""

import numpy as np
import pandas as pd
import pytest

from gen_augment.filters import Realism
from gen_augment.metrics import precision_recall
from tests.filters.blobs import blob_halves

REAL, UNSEEN = blob_halves()


@pytest.mark.parametrize("k", [1, 3, 10])
def test_share_of_kept_rows_equals_precision(k: int) -> None:
    fake = np.random.default_rng(1).normal(REAL[0].mean(axis=0), 4, (400, 4)).astype(np.float32)
    gate = Realism(k=k, features=np.asarray).fit(REAL[0], np.zeros(len(REAL[0])))
    assert gate.keep(fake, 0).mean() == pytest.approx(
        precision_recall(REAL[0], fake, k)[0], abs=1 / 400
    )


def test_rows_are_compared_with_their_own_class() -> None:
    gate = Realism().fit(*REAL)
    assert gate.keep(*UNSEEN).mean() > 0.85
    assert gate.keep(UNSEEN[0], (UNSEEN[1] + 1) % 3).mean() < 0.05
    far = Realism(threshold=-1e6).fit(*REAL)
    assert far.keep(UNSEEN[0], (UNSEEN[1] + 1) % 3).all()


@pytest.mark.parametrize("seed", range(3))
def test_repeated_real_rows_pass_in_any_batch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {name: rng.random(500) < p for name, p in zip("abcd", (0.5, 0.3, 0.2, 0.5), strict=True)}
    )
    y = rng.integers(0, 2, 500)
    gate = Realism().fit(X, y)
    assert gate.keep(X, y).all()
    alone = [gate.keep(X.iloc[[i]], 1 - y[i])[0] for i in range(60)]
    assert gate.keep(X, 1 - y)[:60].tolist() == alone


def test_repeated_rows_count_once() -> None:
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(60, 2)), rng.normal(size=(100, 2))
    expected = Realism().fit(X, np.zeros(60)).keep(new, 0)
    found = Realism().fit(np.tile(X, (6, 1)), np.zeros(360)).keep(new, 0)
    assert (found == expected).mean() > 0.95  # the encoding depends on the number of rows
    assert expected.mean() > 0.8


def test_features_of_the_user_keep_large_offsets() -> None:
    times = 1.7e9 + np.random.default_rng(0).uniform(0, 60, (80, 1))
    gate = Realism(features=np.asarray).fit(times[:40], np.zeros(40))
    apart = Realism(features=np.asarray).fit(times[:40] - 1.7e9, np.zeros(40))
    np.testing.assert_array_equal(gate.keep(times[40:], 0), apart.keep(times[40:] - 1.7e9, 0))
    assert gate.keep(times[40:], 0).mean() > 0.8

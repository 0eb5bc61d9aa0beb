"""`CopyGate` on planted copies."""

import numpy as np
import pytest

from gen_augment import LeakError
from gen_augment.filters import CopyGate
from tests.conftest import toy_images
from tests.filters.blobs import blob_halves

REAL, UNSEEN = blob_halves()


@pytest.mark.parametrize("form", ["array", "images"])
def test_copies_of_training_and_forbidden_rows_raise(form: str) -> None:
    if form == "array":
        (X, y), forbidden, new = REAL, UNSEEN[0][:300], UNSEEN[0][300:]
    else:
        X, y = toy_images(60)
        X, y, forbidden, new = X[:20], y[:20], X[20:40], X[40:]
    gate = CopyGate(forbidden=forbidden).fit(X, y)
    assert gate.keep(new, y[0]).all()
    for copied in (X[3], forbidden[5]):
        with pytest.raises(
            LeakError,
            match=rf"1 of {len(new) + 1} synthetic rows are copies .* label {y[0].item()!r}",
        ):
            gate.keep(np.concatenate([new, copied[None]]), y[0])
    assert gate.n_copies_ == 2

    lenient = CopyGate(max_copies=2).fit(X, y)
    assert lenient.keep(X[:2], y[:2]).tolist() == [False, False]
    assert lenient.keep(forbidden, y[0]).all(), "only the other gate forbids these"
    with pytest.raises(LeakError, match="3 since fit, max_copies=2"):
        lenient.keep(X[:1], y[:1])


def test_forbidden_rows_next_to_training_rows_hide_no_copies() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), np.arange(50) % 2
    for noise in (0, 1e-7, 1e-4):
        forbidden = X + noise * rng.normal(size=X.shape)
        gate = CopyGate(max_copies=999, forbidden=forbidden).fit(X, y)
        for copies in (X, forbidden, forbidden + 1e-6):
            assert not gate.keep(copies, y).any()
        assert gate.keep(rng.normal(size=X.shape), y).mean() > 0.9

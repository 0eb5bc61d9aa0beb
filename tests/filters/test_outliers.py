"""`Outliers` refuses the requested share of real rows."""

import pytest

from gen_augment.filters import Outliers
from tests.filters.blobs import blob_halves

REAL, UNSEEN = blob_halves()


@pytest.mark.parametrize("contamination", [0.0, 0.05, 0.3])
def test_contamination_is_the_share_of_refused_real_rows(contamination: float) -> None:
    gate = Outliers(contamination=contamination).fit(*REAL)
    refused = 1 - gate.keep(*REAL).mean()
    assert refused == pytest.approx(contamination, abs=3 / len(REAL[1]))
    assert 1 - gate.keep(*UNSEEN).mean() == pytest.approx(contamination, abs=0.06)
    assert not gate.keep(UNSEEN[0] + 100, UNSEEN[1]).any()
    assert gate.keep(UNSEEN[0], (UNSEEN[1] + 1) % 3).mean() < 0.2 * gate.keep(*UNSEEN).mean() + 0.1

"""States of encoded rows."""

import numpy as np
import pandas as pd

from gen_augment.modalities import Table
from gen_augment.samplers.marginal.states import States


def test_rows_come_back_up_to_the_width_of_a_bin() -> None:
    rng = np.random.default_rng(0)
    n = 500
    frame = pd.DataFrame(
        {
            "pay": rng.normal(size=n),
            "kids": rng.integers(0, 5, n),
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "city": rng.choice(["a", "b", "c"], n),
        }
    )
    codec, rows = Table().fit(frame)
    states = States.of(codec, 40)
    assert states.sizes == [40, 5, 40, 2, 3]
    codes = states.encode(rows)
    assert (codes >= 0).all()
    assert (codes < states.sizes).all()
    for u in (0.0, 0.5, 0.999):
        again = codec.decode(states.decode(codes, np.full(codes.shape, u)))
        assert (again["kids"] == frame["kids"]).all()
        assert (again["city"] == frame["city"]).all()
        assert (again["gap"].isna() == frame["gap"].isna()).all()
        assert (again["pay"] - frame["pay"]).abs().max() < np.ptp(frame["pay"]) / 6


def test_states_are_a_partition() -> None:
    codec, _ = Table().fit(np.linspace(0, 1, 300)[:, None])
    states = States.of(codec, 8)
    np.testing.assert_allclose(states.lows[0][1:], states.highs[0][:-1])
    rng = np.random.default_rng(0)
    inside = rng.uniform(states.lows[0][3], states.highs[0][3], 50)
    import torch

    found = states.encode(torch.from_numpy(inside.astype(np.float32))[:, None])
    assert (found[:, 0] == 3).all()

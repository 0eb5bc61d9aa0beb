"""Columns of dates."""

import numpy as np
import pandas as pd
import torch

from gen_augment.modalities import TableCodec
from tests.modalities.table.toys import round_trip


def test_dates_keep_their_resolution() -> None:
    days = pd.date_range("2020-01-01", periods=50, freq="D")
    X = pd.DataFrame(
        {
            "day": days,
            "quarter": days + pd.to_timedelta(np.arange(50) % 4 * 15, unit="m"),
            "far": days,
        }
    )
    X.loc[0, "far"] = pd.Timestamp("1700-01-01")
    codec, rows = TableCodec.fit(X)
    wild = codec.decode(
        torch.randn(500, *rows.shape[1:], generator=torch.Generator().manual_seed(0))
    )
    assert (wild["day"] == wild["day"].dt.normalize()).all()
    assert set(wild["quarter"].dt.minute) <= {0, 15, 30, 45, *range(46)}
    assert (wild["quarter"].dt.second == 0).all()
    pd.testing.assert_frame_equal(codec.decode(rows), X)


def test_the_first_and_last_timestamps_come_back() -> None:
    X = pd.DataFrame({"x": [pd.Timestamp.min, pd.Timestamp(0), pd.Timestamp.max]})
    back, wild = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    assert X["x"].min() <= wild["x"].min() <= wild["x"].max() <= X["x"].max()

"""Encodings that are learned from public knowledge."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from gen_augment.modalities import Table
from gen_augment.modalities.table.known import KnownTable

BOUNDS: dict[str, Any] = {
    "age": (0, 99),
    "pay": (0.0, 1e5, None),
    "city": ["x", "y", None],
    "day": ("2001-01-01", "2003-01-01"),
}


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [30, 41, 52],
            "pay": [1000.5, np.nan, 2e4],
            "city": ["x", None, "y"],
            "day": pd.to_datetime(["2001-05-05", "2002-02-02", "2002-12-30"]),
            "member": [True, False, True],
        }
    )


def test_rows_come_back() -> None:
    known = KnownTable(Table(), table(), BOUNDS)
    assert (known.n_histograms, known.n_sets, known.violations()) == (0, 0, {})
    codec, low, high = known.codec(None)
    encoded = codec.encode(table())
    assert (encoded >= low).all()
    assert (encoded <= high).all()
    pd.testing.assert_frame_equal(codec.decode(encoded), table(), check_exact=False, atol=0.2)


def test_any_whole_number_within_the_bounds_comes_back() -> None:
    for high in (99, 5000):
        known = KnownTable(Table(), table(), BOUNDS | {"age": (0, high)})
        codec = known.codec(None)[0]
        ages = pd.concat([table()] * 100, ignore_index=True).assign(
            age=np.arange(300) * high // 299
        )
        assert (codec.decode(codec.encode(ages))["age"] == ages["age"]).all()


def test_arrays_and_tensors_keep_their_form() -> None:
    X = np.random.default_rng(0).random((20, 2)).astype(np.float32)
    for rows in (X, torch.from_numpy(X)):
        codec = KnownTable(Table(), rows, {0: (0, 1), 1: (0, 1)}).codec(None)[0]
        again = codec.decode(codec.encode(rows))
        assert type(again) is type(rows)
        np.testing.assert_allclose(np.asarray(again), X, atol=1e-4)


def test_declared_categories() -> None:
    frame = pd.DataFrame({"zip": [1, 2, 3]})
    known = KnownTable(Table(types={"zip": "category"}), frame, {"zip": [1, 2, 3, 4]})
    codec = known.codec(None)[0]
    assert sorted(codec.parts[0].values) == [1, 2, 3, 4]
    assert codec.modality.types == {"zip": "category"}

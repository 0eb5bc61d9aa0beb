"""Encodings that are learned in parts have the bounds of all rows."""

from typing import Any

import numpy as np
import pytest
from PIL import Image as PIL

from gen_augment.modalities import Audio, Image, Modality, Series

RNG = np.random.default_rng(0)
SERIES = [RNG.normal(size=(2, 10 + i % 7)) for i in range(40)]


@pytest.mark.parametrize(
    "modality, X, fields",
    [
        (Image(), RNG.random((40, 3, 8, 8)), ["low", "high"]),
        (Image(), RNG.integers(0, 256, (40, 8, 8), np.uint8), ["low", "high"]),
        (Image(), [PIL.fromarray(np.full((8, 8), i, np.uint8)) for i in range(40)], ["high"]),
        (Series(), SERIES, ["low", "high", "lengths"]),
        (Series(), RNG.normal(size=(40, 2, 9)), ["low", "high"]),
        (Audio(sample_rate=8000), list(RNG.normal(size=(20, 4000)) / 9), ["low", "high"]),
    ],
    ids=["floats", "bytes", "PIL", "lengths", "series", "recordings"],
)
def test_bounds_are_those_of_all_rows(modality: Modality, X: Any, fields: list[str]) -> None:
    scan = modality.views.scan(modality)
    for start in range(0, len(X), 8):
        scan.add(modality.gather(X[start : start + 8]))
    codec, whole = scan.codec(X[:3]), modality.fit(X)[0]
    for field in fields:
        assert getattr(codec, field) == getattr(whole, field)

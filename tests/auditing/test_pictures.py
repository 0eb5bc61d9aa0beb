"""Rows are shown by their modality: as pictures, or as texts."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from gen_augment import BootstrapSampler, audit
from tests.conftest import toy_images, toy_table


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_drawn(channels: int) -> None:
    X, y = toy_images(40, channels=channels)
    sampler = BootstrapSampler(random_state=0).fit(X, y)
    arguments: dict[str, Any] = {"features": "values", "model": LogisticRegression()}
    found = audit(sampler, X, y, **arguments)
    assert found.examples is None
    assert len(found.pictures) == 6
    for title, png in found.pictures.items():
        with Image.open(io.BytesIO(png)) as picture:
            pixels = np.asarray(picture.convert("L"))
        assert pixels.min() < 60 < 200 < pixels.max(), title


def test_rows_without_pictures_are_texts() -> None:
    X, y = toy_table(40)
    sampler = BootstrapSampler(random_state=0).fit(X, y)
    found = audit(sampler, X, y, model=LogisticRegression())
    assert found.examples is not None
    assert found.examples["class"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found.examples["real"][0] == ", ".join(f"{i}={X[0, i]:.4g}" for i in range(3))
    assert len(found.pictures) == 3

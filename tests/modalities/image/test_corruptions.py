"""Corruptions keep the form of images and get worse with severity."""

import sys
from typing import Any

import numpy as np
import pytest
from torch import nn

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.modalities import Image, ImageCodec, Table
from gen_augment.modalities.image.corruptions import CONDITIONS, CORRUPTIONS, corrupt
from gen_augment.study.predictions import robustness
from tests.conftest import as_form, toy_images
from tests.study.small_studies import image_study
from tests.study.toys import gaussians


def smooth_images(n: int = 8, size: int = 32) -> np.ndarray:
    """uint8 NHW with edges, which blurs and noise change; values from 10 to 90 only."""
    rng = np.random.default_rng(0)
    X = np.full((n, size, size), 10, np.uint8)
    for image in X:
        a, b = rng.integers(2, size // 2, 2)
        image[a : a + size // 3, b : b + size // 3] = 90
    return X


def corrupted(X: Any, kind: str, severity: int) -> Any:
    """Corrupt images by the range of the same images."""
    codec, known = ImageCodec.fit(X)
    return corrupt(X, kind, severity, codec=codec, known=known)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_images_get_worse_with_severity_and_repeat(kind: str) -> None:
    X = smooth_images()
    changed = [corrupted(X, kind, severity).astype(float) for severity in (1, 3, 5)]
    errors = [float(np.sqrt(((image - X) ** 2).mean())) for image in changed]
    # Elastic deformations depend on the draw; all others are ordered.
    assert errors[0] > 0.1
    assert kind == "elastic" or errors[0] < errors[1] < errors[2]
    np.testing.assert_array_equal(corrupted(X, kind, 3), changed[1])
    # The values of black and white are those of the training images.
    assert all(image.min() >= 9 and image.max() <= 91 for image in changed)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("form", ["uint8-nchw", "normalised-tensor", "pil-colour", "rgba"])
def test_form_is_kept(form: str, kind: str) -> None:
    X, _ = (toy_images(channels=4)[0], None) if form == "rgba" else as_form(form)
    found = corrupted(X, kind, 2)
    assert type(found) is type(X)
    codec, rows = ImageCodec.fit(X)
    assert codec.encode(found).shape == rows.shape


@pytest.mark.parametrize("kind, severity", [("rain", 1), ("fog", 0), ("fog", 6)])
def test_unknown_corruptions(kind: str, severity: Any) -> None:
    with pytest.raises(InputError, match=f"corruption '{kind}' of severity {severity}"):
        corrupted(smooth_images(), kind, severity)


def test_without_albumentations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(MissingDependencyError, match="albumentations"):
        corrupted(smooth_images(), "fog", 1)


def test_images_have_all_conditions_and_tables_have_none() -> None:
    X = smooth_images()
    found = Image().corrupted(X[:2], X)
    assert list(found) == list(CONDITIONS)
    np.testing.assert_array_equal(found["fog/3"], corrupted(X, "fog", 3)[:2])
    table, _ = gaussians(10)
    with pytest.raises(InputError, match="corruptions are defined for images"):
        Table().corrupted(table, table)


def test_study_under_corruptions() -> None:
    result = image_study(
        arms=["real"], samplers={}, corruptions=True, n_seeds=1, n_steps=60,
        model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)),
    ).run()  # fmt: skip
    found = robustness(result)
    assert list(found.columns) == list(CONDITIONS)
    assert found.notna().all(axis=None)
    assert found.loc["real", "brightness/5"] <= result.trials["test_balanced_accuracy"].mean() + 0.1

"""`TransformSampler`: rows by address, errors, and permitted changes."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from gen_augment import InputError, TransformSampler
from gen_augment.modalities.series.transforms import TRANSFORMS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2, 16)).cumsum(axis=2)
Y = np.repeat([0, 1, 2], [14, 15, 1])


def fitted(**params: Any) -> TransformSampler:
    return TransformSampler(modality="series", random_state=0, **params).fit(X, Y)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_rows_are_addressed(name: str) -> None:
    sampler = fitted(transforms=name)
    labels = np.arange(600) % 3
    whole = sampler.generate(np.arange(600), labels)
    assert whole.shape == (600, 2, 16)
    part = [599, 0, 301]
    np.testing.assert_allclose(sampler.generate(part, labels[part]), whole[part], atol=1e-5)
    for other in (pickle.loads(pickle.dumps(sampler)), clone(sampler).fit(X, Y)):
        np.testing.assert_array_equal(
            other.sample(9, random_state=1)[0], sampler.sample(9, random_state=1)[0]
        )


def test_transforms_are_applied_one_after_the_other() -> None:
    scaled, both = fitted(transforms=["scaling"]), fitted(transforms=("scaling", "jitter"))
    a, b = (s.generate(np.arange(50), np.zeros(50, int), seed=3) for s in (scaled, both))
    difference = (b - a)[(a > X.min()) & (a < X.max())]
    assert 0 < np.abs(difference).mean() < 0.3


def test_other_rows_are_of_the_class_and_not_the_row_itself() -> None:
    x = np.stack([np.full((1, 4), value) for value in (0.0, 1.0, 50.0, 51.0)])
    sampler = TransformSampler(transforms="guided_warp", modality="series", random_state=0)
    rows, _ = sampler.fit(x, [0, 0, 1, 1]).sample(y={0: 50, 1: 50})
    assert set(np.unique(rows[:50].round(3))) == {0.0, 1.0}
    assert set(np.unique(rows[50:].round(3))) == {50.0, 51.0}


@pytest.mark.parametrize("transforms", ["rotate", ["jitter", "rotate"], []], ids=str)
def test_unknown_transforms_are_named(transforms: Any) -> None:
    with pytest.raises(InputError, match="give one or more of window_warp"):
        fitted(transforms=transforms)


def test_tables_have_none() -> None:
    with pytest.raises(InputError, match="table rows have none"):
        TransformSampler().fit(X[:, 0], Y)

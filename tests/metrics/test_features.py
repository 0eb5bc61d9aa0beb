"""Learned features separate the classes, for every form of data, and repeat from a seed."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from gen_augment.errors import InputError
from gen_augment.metrics import fidelity, train_features
from tests.conftest import as_form, toy_images, toy_table


def test_features_of_every_form_of_rows(form: str) -> None:
    X, y = as_form(form)
    features = train_features(X, y, n_steps=2)(X)
    assert features.shape == (len(X), 64)
    assert features.dtype == np.float64
    assert np.isfinite(features).all()


@pytest.mark.parametrize("make", [toy_images, toy_table])
def test_classes_of_unseen_rows_are_linearly_separable(make: Any) -> None:
    X, y = make(80, seed=0)
    new_X, new_y = make(80, seed=1)
    extractor = train_features(X, y, n_steps=60)
    probe = LogisticRegression(max_iter=1000).fit(extractor(X), y)
    assert probe.score(extractor(new_X), new_y) > 0.9


def test_features_depend_on_the_seed_only() -> None:
    X, y = toy_images()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train_features(X, y, n_steps=5)(X)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert np.array_equal(train_features(X, y, n_steps=5)(X), first)
    assert not np.array_equal(train_features(X, y, n_steps=5, random_state=1)(X), first)


def test_training_works_under_no_grad() -> None:
    X, y = toy_table()
    with torch.no_grad():
        found = train_features(X, y, n_steps=3)(X)
    assert np.array_equal(found, train_features(X, y, n_steps=3)(X))


def test_features_do_not_depend_on_the_batch() -> None:
    X, y = toy_images(700)
    extractor = train_features(X, y, n_steps=3)
    assert not extractor.trunk.training
    np.testing.assert_allclose(extractor(X)[600:603], extractor(X[600:603]), atol=1e-5)
    assert extractor(X[:0]).shape == (0, 64)


def test_worse_images_have_worse_figures() -> None:
    X, y = toy_images(120, seed=0)
    unseen, _ = toy_images(120, seed=1)
    noise = np.random.default_rng(0).integers(0, 256, X.shape, dtype=np.uint8)
    extractor = train_features(X, y, n_steps=60)
    good, bad, copies = (
        fidelity(unseen, fake, extractor, train=X)
        for fake in (toy_images(120, seed=2)[0], noise, X)
    )
    assert good["frechet_distance"] < bad["frechet_distance"] / 10
    assert good["kernel_distance"] < bad["kernel_distance"] / 10
    assert good["precision"] > 0.8 > 0.2 > bad["precision"]
    assert good["coverage"] > 0.8 > 0.2 > bad["coverage"]
    assert copies["memorisation"] == 1 > good["memorisation"]
    assert good["memorisation"] == pytest.approx(good["memorisation_of_real"], abs=0.2)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"y": np.zeros(40)}, "needs at least 2 classes"),
        ({"y": np.arange(39)}, "one label for each row"),
        ({"y": None}, "y"),
        ({"X": np.zeros((40, 2, 2, 2, 2))}, r"shape \(40, 2, 2, 2, 2\)"),
        ({"X": np.full((40, 3), np.inf)}, "infinity"),
        ({"n_steps": 0}, "n_steps=0"),
        ({"device": "abacus"}, "device='abacus'"),
        ({"random_state": "one"}, "random_state='one'"),
    ],
)
def test_bad_input_is_an_error(change: dict[str, Any], message: str) -> None:
    X, y = toy_images()
    with pytest.raises(InputError, match=message):
        train_features(**({"X": X, "y": y, "n_steps": 2} | change))


def test_rows_of_another_form_are_an_error() -> None:
    extractor = train_features(*toy_images(), n_steps=2)
    with pytest.raises(InputError, match="fitted with"):
        extractor(toy_images(channels=3)[0])

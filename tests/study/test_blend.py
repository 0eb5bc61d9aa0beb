"""A classifier combined with a sampler: both kinds of information are used."""

import pickle
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

from gen_augment import Blend, InputError, KDESampler, MixtureSampler
from gen_augment.classify import GenerativeClassifier
from gen_augment.study import Training
from tests.conftest import small_sampler, toy_images, toy_table


def rings(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes differ in the first column's mean, and in the variance of the others."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, 4)) * np.where(y == 1, 2.0, 0.8)[:, None]
    X[:, 0] = rng.normal(size=n) + 1.5 * y
    return X, y


def test_a_blend_is_better_than_either_opinion() -> None:
    X, y = rings(600, 0)
    X_test, y_test = rings(1000, 1)
    linear, sampler = LogisticRegression(), MixtureSampler(n_components=1)
    blend = Blend(linear, sampler, random_state=0).fit(X, y)
    alone = linear.fit(X, y)
    assert blend.score(X_test, y_test) > alone.score(X_test, y_test) + 0.05
    assert log_loss(y_test, blend.predict_proba(X_test)) < log_loss(
        y_test, alone.predict_proba(X_test)
    )
    assert (blend.weights_ >= 0).all()


def test_the_sampler_decides_if_the_classifier_is_uninformative() -> None:
    X, y = rings(400, 0)
    X_test, _ = rings(200, 1)
    blend = Blend(DummyClassifier(), MixtureSampler(), random_state=0).fit(X, y)
    bayes = GenerativeClassifier(MixtureSampler(), random_state=0).fit(X, y)
    assert (blend.predict(X_test) == bayes.predict(X_test)).mean() > 0.97


class Noise(KDESampler):
    """A sampler with constant scores."""

    def log_prob(self, X: Any, y: Any = None) -> np.ndarray:
        return np.random.default_rng(int(np.asarray(y)[0])).normal(size=len(X))


def test_an_uninformative_sampler_changes_nothing() -> None:
    X, y = rings(600, 0)
    X_test, _ = rings(400, 1)
    blend = Blend(LogisticRegression(), Noise(), random_state=0).fit(X, y)
    alone = LogisticRegression().fit(X, y)
    assert (blend.predict(X_test) == alone.predict(X_test)).mean() > 0.96


def linear_network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 2))


def test_networks_are_trained_by_a_recipe_and_given_rows_are_held_out() -> None:
    X, y = toy_images(60)
    blend, again = (
        Blend(linear_network, small_sampler("flow"), recipe="shift", training=Training(60), random_state=0)
        .fit(X[:40], y[:40], held_out=(X[40:], y[40:]))
        for _ in range(2)
    )  # fmt: skip
    assert blend.score(X[40:], y[40:]) == 1
    np.testing.assert_array_equal(again.predict_proba(X), blend.predict_proba(X))


@pytest.mark.parametrize("model", ["estimator", "network"])
def test_a_fitted_blend_is_pickled_and_copied(model: str) -> None:
    X, y = toy_images(60) if model == "network" else toy_table(60)
    classifier: Any = linear_network if model == "network" else LogisticRegression()
    sampler = small_sampler("flow") if model == "network" else KDESampler()
    blend = Blend(classifier, sampler, training=Training(9), random_state=0)
    blend.fit(X[:40], y[:40], held_out=(X[40:], y[40:]))
    for copy in (pickle.loads(pickle.dumps(blend)), deepcopy(blend)):
        np.testing.assert_array_equal(copy.predict_proba(X), blend.predict_proba(X))


def test_no_rows_are_refused_as_by_the_sampler_alone() -> None:
    X, y = toy_table(40)
    for model in (Blend(LogisticRegression(), KDESampler()), GenerativeClassifier(KDESampler())):
        with pytest.raises(InputError, match=r"0 sample\(s\)"):
            model.fit(X, y).predict_proba(X[:0])


def test_bad_requests_are_refused() -> None:
    X, y = toy_table(40)
    for blend, words in (
        (Blend(LogisticRegression(), small_sampler("gan")), "has no log_prob"),
        (Blend(LogisticRegression(), KDESampler(), recipe="mixup"), "recipe='mixup'"),
        (Blend(LogisticRegression(), KDESampler(), recipe="never"), "unknown step 'never'"),
        (Blend(3, KDESampler()), "model=3"),
        (Blend(nn.Linear, KDESampler(), training=Training(0)), "n_steps=0"),
    ):
        with pytest.raises(InputError, match=words):
            blend.fit(X, y)

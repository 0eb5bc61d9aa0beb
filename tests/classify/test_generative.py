"""Classifiers by Bayes' rule, against discriminant analysis in closed form."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

from gen_augment import (
    BootstrapSampler,
    ConditionalFlow,
    ConditionalVAE,
    GenerativeClassifier,
    InputError,
    KDESampler,
    MixtureSampler,
)
from tests.conftest import toy_images, toy_table


def normal_rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(int)
    roots = np.array([[[1.0, 0.0], [0.5, 1.0]], [[1.5, 0.0], [-0.5, 0.7]]])
    X = np.einsum("nij,nj->ni", roots[y], rng.normal(size=(n, 2)))
    X[:, 0] += 1.5 * y
    return X, np.array(["no", "yes"])[y]


def test_bayes_rule_with_one_normal_a_class_is_quadratic_discriminant_analysis() -> None:
    X, y = normal_rows(600, 0)
    model = GenerativeClassifier(MixtureSampler(n_components=1), scale=1, random_state=0).fit(X, y)
    encode = model.sampler_.codec_.encode
    expected = QuadraticDiscriminantAnalysis().fit(encode(X).numpy(), y)
    other, _ = normal_rows(200, 1)
    found = model.predict_proba(other)
    np.testing.assert_allclose(found, expected.predict_proba(encode(other).numpy()), atol=0.01)
    assert model.classes_.tolist() == ["no", "yes"]
    agreement = model.predict(other) == expected.predict(encode(other).numpy())
    assert agreement.mean() > 0.99


def test_the_scale_of_a_right_model_is_near_one_and_of_copies_below() -> None:
    X, y = normal_rows(2000, 0)
    right = GenerativeClassifier(MixtureSampler(n_components=1), random_state=0).fit(X, y)
    assert right.scale_ == pytest.approx(1, abs=0.25)
    doubled = np.concatenate([X, X + 1e-3 * np.random.default_rng(0).normal(size=X.shape)], axis=1)
    naive = GenerativeClassifier(KDESampler(bandwidth=0.1), random_state=0).fit(doubled, y)
    assert naive.scale_ < 0.8


def test_a_fitted_scale_is_better_calibrated_than_none() -> None:
    X, y = normal_rows(400, 0)
    X = np.concatenate([X, np.random.default_rng(1).normal(size=(400, 6))], axis=1)
    sampler, train, test = KDESampler(bandwidth=0.15), slice(0, 200), slice(200, 400)
    losses = {
        scale: log_loss(
            y[test],
            GenerativeClassifier(sampler, scale=scale, random_state=0)
            .fit(X[train], y[train])
            .predict_proba(X[test]),
        )
        for scale in (None, 1.0)
    }
    assert losses[None] < losses[1.0]


@pytest.mark.parametrize("cls", [ConditionalFlow, ConditionalVAE])
def test_networks_classify_images(cls: type) -> None:
    X, y = toy_images(80)
    sampler = cls(max_steps=40, width=4, batch_size=16, device="cpu")
    model = GenerativeClassifier(sampler, random_state=0).fit(
        X[:40], y[:40], held_out=(X[40:60], y[40:60])
    )
    assert model.score(X[60:], y[60:]) == 1
    assert model.predict_proba(X[60:]).shape == (20, 2)


def test_labels_come_back_as_they_came_and_clones_fit_alike() -> None:
    X, y = toy_table(80)
    labels = pd.Series(np.array(["no", "yes"])[y], name="churn")
    model = GenerativeClassifier(MixtureSampler(), random_state=0).fit(X, labels)
    assert model.predict(X[:4]).tolist() == labels[:4].tolist()
    again = clone(model).fit(X, labels)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert not hasattr(model.sampler, "classes_")


def test_a_row_that_no_class_explains_has_the_prior() -> None:
    X = pd.DataFrame(
        {"a": np.arange(60.0), "b": np.repeat(["u", "v", "w"], 20), "c": np.tile(["s", "t"], 30)}
    )
    y = np.repeat([0, 1], 30)
    model = GenerativeClassifier(KDESampler(), scale=1, random_state=0).fit(X, y)
    unseen = pd.DataFrame({"a": [3.0], "b": ["never"], "c": ["s"]})
    with pytest.warns(UserWarning, match="'b' of X has 'never' in row 0"):
        np.testing.assert_allclose(model.predict_proba(unseen), [[0.5, 0.5]])


def test_bad_requests_are_refused() -> None:
    X, y = toy_table(40)
    with pytest.raises(InputError, match=r"BootstrapSampler has no log_prob.*MixtureSampler"):
        GenerativeClassifier(BootstrapSampler()).fit(X, y)
    with pytest.raises(InputError, match="not an instance"):
        GenerativeClassifier(MixtureSampler).fit(X, y)
    with pytest.raises(InputError, match="scale=-1"):
        GenerativeClassifier(MixtureSampler(), scale=-1).fit(X, y)
    with pytest.raises(InputError, match="n_folds=1"):
        GenerativeClassifier(MixtureSampler(), n_folds=1).fit(X, y)
    with pytest.raises(InputError, match="rows that are in X too"):
        GenerativeClassifier(MixtureSampler()).fit(X, y, held_out=(X[:4], y[:4]))
    with pytest.raises(InputError, match=r"class 1 has 2 rows.*held_out=\(X, y\)"):
        GenerativeClassifier(MixtureSampler()).fit(X[:22], np.repeat([0, 1], [20, 2]))
    with pytest.raises(NotFittedError):
        GenerativeClassifier(MixtureSampler()).predict(X)

"""Networks as students of `Distilled`."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn

from gen_augment import Distilled, DistilledRegressor, InputError, KDESampler
from gen_augment.distillation import NetworkStudent
from gen_augment.distillation.network import model_bytes
from tests.conftest import toy_images


def test_a_linear_network_is_the_logistic_regression_that_soft_labels_came_from() -> None:
    """A logistic model minimises the cross-entropy with its own probabilities."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    weight, bias = np.array([1.0, -2.0, 0.5]), 0.3
    p = 1 / (1 + np.exp(-(X @ weight + bias)))
    student = NetworkStudent(lambda: nn.Linear(3, 2), n_steps=1500, lr=0.05, random_state=0)
    network = student.fit(X, np.stack([1 - p, p], axis=1)).network_
    found = network.weight[1] - network.weight[0]
    np.testing.assert_allclose(found.detach().numpy(), weight, atol=0.05)
    shift = (network.bias[1] - network.bias[0]).detach().item()
    assert shift == pytest.approx(bias, abs=0.05)


def test_a_factory_is_a_student_and_learns_from_the_teacher() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = (X.sum(axis=1) > 0).astype(int)
    state = torch.random.get_rng_state()

    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))

    student = NetworkStudent(network, n_steps=300, lr=0.01)
    model = Distilled(student, LogisticRegression(), KDESampler(), ratio=2, random_state=0)
    model.fit(X, y)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.agreement(X) > 0.95
    assert model.cost(X)["student_bytes"] == 4 * (2 * 8 + 8 + 8 * 2 + 2)
    again = Distilled(student, LogisticRegression(), KDESampler(), ratio=2, random_state=0)
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), model.predict_proba(X))
    bare = Distilled(network, LogisticRegression(), random_state=0, ratio=0)
    bare_like = Distilled(NetworkStudent(network), LogisticRegression(), random_state=0, ratio=0)
    for one in (bare, bare_like):
        one.fit(X[:40], y[:40])
    np.testing.assert_array_equal(bare.predict_proba(X), bare_like.predict_proba(X))


def test_a_network_gets_images_in_their_shape() -> None:
    X, y = toy_images()

    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(2))

    model = Distilled(
        NetworkStudent(network, n_steps=60), ExtraTreesClassifier(20), ratio=0, random_state=0
    ).fit(X, y)
    assert model.predict_proba(X).shape == (len(X), 2)
    assert (model.predict(X) == y).mean() > 0.9


def test_unsupported_networks_are_refused() -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(InputError, match="learns probabilities"):
        DistilledRegressor(lambda: nn.Linear(2, 1), LogisticRegression()).fit(X, X[:, 0])
    with pytest.raises(InputError, match="n_steps"):
        NetworkStudent(lambda: nn.Linear(2, 2), n_steps=0).fit(X, np.eye(2)[[0] * 30])


def test_size_of_an_estimator_is_that_of_its_pickle() -> None:
    small, large = (ExtraTreesClassifier(n, random_state=0) for n in (2, 20))
    X, y = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 2
    assert 5 < model_bytes(large.fit(X, y)) / model_bytes(small.fit(X, y)) < 11
    small.made_here = lambda: None
    assert np.isnan(model_bytes(small))

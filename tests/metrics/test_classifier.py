"""The classifier that metrics train: the user's estimator or a small network."""

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment.data import Rows
from gen_augment.metrics.classifier import fit_classifier
from gen_augment.rng import seeded_clone
from tests.conftest import toy_table


def test_all_random_states_of_a_pipeline_are_set() -> None:
    given = make_pipeline(StandardScaler(), RandomForestClassifier(3))
    made = seeded_clone(given, 2**32 + 5)
    assert made.get_params()["randomforestclassifier__random_state"] == 5
    assert given.get_params()["randomforestclassifier__random_state"] is None


def test_an_estimator_agrees_with_scikit_learn() -> None:
    X, y = toy_table()
    found = fit_classifier(LogisticRegression(), Rows.read(X, y), n_steps=1, seed=0)
    expected = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_a_class_without_rows_has_probability_0() -> None:
    X, y = toy_table()
    rows = Rows.read(X, np.where(np.arange(60) == 0, 1, 2 * y)).take(np.arange(1, 60))
    found = fit_classifier(LogisticRegression(), rows, n_steps=1, seed=0).predict_proba(X)
    assert found.shape == (60, 3)
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_without_an_estimator_a_network_is_trained_by_its_seed() -> None:
    X, y = toy_table()
    rows, state = Rows.read(X, y), torch.get_rng_state()
    found = [
        fit_classifier(None, rows, n_steps=2, seed=seed).predict_proba(X) for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert torch.equal(torch.get_rng_state(), state)

"""Class weights against scikit-learn, logit adjustment against Bayes' rule, thresholds against exhaustive search."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_class_weight
from torch import nn

from gen_augment.data import Rows
from gen_augment.study import Training
from gen_augment.study.arms import Pool, parse_arm
from gen_augment.study.balance import (
    class_weights,
    held_out_offsets,
    log_prior,
    shift_probabilities,
    tune_offsets,
    weight_key,
)
from gen_augment.study.fitting import fit_predict
from tests.study.toys import gaussians, rows_of


def train(model: Any, arm: str, part: Rows, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "n_steps": 300,
        "batch_size": 64,
        "lr": 0.05,
        "device": "cpu",
    } | changes
    return fit_predict(model, parse_arm(arm, {}), Pool(part), part, 0, Training(**settings))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_weights_equal_scikit_learn(codes: list[int]) -> None:
    there = np.unique(codes)
    found = class_weights(np.array(codes), 5)
    np.testing.assert_allclose(
        found[there], compute_class_weight("balanced", classes=there, y=codes)
    )
    assert (np.delete(found, there) == 0).all()


@given(st.integers(0, 1000), st.integers(2, 5))
def test_shift_is_bayes_rule(seed: int, n_classes: int) -> None:
    """The posterior under another prior, since likelihoods are proportional to posterior / prior."""
    rng = np.random.default_rng(seed)
    likelihood = rng.uniform(0.01, 1, (20, n_classes))
    prior = rng.dirichlet(np.ones(n_classes))
    posterior = likelihood * prior / (likelihood @ prior)[:, None]
    np.testing.assert_allclose(
        shift_probabilities(posterior, -np.log(prior)),
        likelihood / likelihood.sum(axis=1, keepdims=True),
        rtol=1e-6,
    )


def test_log_prior_of_a_class_without_rows_is_finite() -> None:
    np.testing.assert_allclose(np.exp(log_prior(np.array([0, 0, 0, 1]), 2)), [0.75, 0.25])
    assert np.isfinite(log_prior(np.array([0, 0]), 2)).all()


@given(st.integers(0, 10_000))
def test_threshold_of_two_classes_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.append(rng.integers(0, 2, 25) * rng.integers(0, 2, 25), [0, 1])
    p = np.round(np.clip(rng.normal(0.3 + 0.2 * codes, 0.2), 0.01, 0.99), 2)
    probabilities = np.column_stack([1 - p, p])
    tuned = shift_probabilities(probabilities, tune_offsets(codes, probabilities)).argmax(axis=1)
    chosen = p > np.linspace(-0.005, 1.005, 102)[:, None]  # (thresholds, rows)
    recalls = chosen[:, codes == 1].mean(axis=1), (~chosen[:, codes == 0]).mean(axis=1)
    best = np.mean(recalls, axis=0).max()
    assert balanced_accuracy_score(codes, tuned) == pytest.approx(best)


@given(st.integers(0, 10_000), st.integers(3, 5))
def test_offsets_of_more_classes_never_do_worse(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.append(rng.integers(0, n_classes, 30), np.arange(n_classes))
    logits = rng.normal(size=(len(codes), n_classes)) + np.arange(n_classes)
    logits[np.arange(len(codes)), codes] += 1
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    tuned = shift_probabilities(probabilities, tune_offsets(codes, probabilities)).argmax(axis=1)
    before = balanced_accuracy_score(codes, probabilities.argmax(axis=1))
    assert balanced_accuracy_score(codes, tuned) >= before - 1e-12


IMBALANCED = rows_of(*gaussians(1100, imbalance=9))
TEST = rows_of(*gaussians(4000, seed=1))


@pytest.mark.parametrize("arm", ["weights", "logit", "threshold"])
def test_each_way_finds_the_rare_class(arm: str) -> None:
    """Bayes' rule for equal priors cuts at 0, where balanced accuracy is that of a normal tail: 84.1%."""
    found = {
        name: balanced_accuracy_score(
            TEST.codes, train(LogisticRegression(), name, IMBALANCED)(TEST.X).argmax(axis=1)
        )
        for name in ("real", arm)
    }
    assert found["real"] < 0.75
    assert found[arm] == pytest.approx(0.841, abs=0.02)


@pytest.mark.parametrize("arm", ["weights", "logit"])
def test_each_way_works_with_a_network(arm: str) -> None:
    found = {
        name: train(lambda: nn.Linear(2, 2), name, IMBALANCED)(TEST.X).argmax(axis=1)
        for name in ("real", arm)
    }
    scores = {
        name: balanced_accuracy_score(TEST.codes, predicted) for name, predicted in found.items()
    }
    assert scores["real"] < 0.75
    assert scores[arm] == pytest.approx(0.841, abs=0.02)


def test_weights_are_given_to_the_estimator() -> None:
    expected = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    expected.fit(IMBALANCED.X, IMBALANCED.codes)
    for model in (LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())):
        found = train(model, "weights", IMBALANCED)(TEST.X)
        np.testing.assert_allclose(found, expected.predict_proba(TEST.X), atol=1e-4)


def test_weight_key() -> None:
    assert weight_key(RandomForestClassifier()) == "sample_weight"
    assert (
        weight_key(make_pipeline(StandardScaler(), LogisticRegression()))
        == "logisticregression__sample_weight"
    )
    assert weight_key(KNeighborsClassifier()) is None


class Strict(LogisticRegression):  # type: ignore[misc]
    """A classifier that refuses rows that it was fitted on."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        self.seen_ = set(map(tuple, X.tolist()))
        return super().fit(X, y)

    def predict_proba(self, X: Any) -> Any:
        assert not self.seen_ & set(map(tuple, X.tolist()))
        return super().predict_proba(X)


def test_offsets_are_tuned_on_rows_that_have_no_equal_in_the_training_folds() -> None:
    X, y = gaussians(60)
    X, y = np.tile(X, (4, 1)), np.tile(y, 4)
    assert np.isfinite(held_out_offsets(Strict(), X, Rows.read(X, y), 2, seed=0)).all()

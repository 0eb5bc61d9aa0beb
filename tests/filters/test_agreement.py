"""`LabelAgreement` on planted label errors."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from gen_augment import InputError
from gen_augment.data.rows import Rows
from gen_augment.filters import LabelAgreement
from tests.filters.blobs import blob_halves

REAL, UNSEEN = blob_halves()


@pytest.mark.parametrize("estimator", [None, LogisticRegression()], ids=["network", "estimator"])
@pytest.mark.parametrize("measure, threshold", [("margin", 0.0), ("confidence", 0.5)])
def test_wrong_labels_are_refused_and_correct_ones_pass(
    estimator: Any, measure: Any, threshold: float
) -> None:
    X, true = UNSEEN
    rng = np.random.default_rng(3)
    wrong = rng.random(len(true)) < 0.3
    y = np.where(wrong, (true + rng.integers(1, 3, len(true))) % 3, true)
    gate = LabelAgreement(
        measure=measure, threshold=threshold, estimator=estimator, n_steps=200
    ).fit(*REAL)
    kept = gate.keep(X, y)
    assert wrong[kept].mean() < 0.05
    assert kept[~wrong].mean() > 0.9


def test_wrong_labels_of_digits_are_refused() -> None:
    X, true = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8).astype(np.uint8)
    rng = np.random.default_rng(0)
    wrong = rng.random(797) < 0.3
    y = np.where(wrong, (true[1000:] + rng.integers(1, 10, 797)) % 10, true[1000:])
    gate = LabelAgreement(n_steps=400).fit(X[:1000], true[:1000])
    kept = gate.keep(X[1000:], y)
    assert wrong[kept].mean() < 0.05
    assert kept[~wrong].mean() > 0.5
    assert (gate.cross_fitted_scores_ >= 0).mean() > 0.8


def test_real_rows_are_scored_by_classifiers_not_trained_on_them() -> None:
    X, y = (
        REAL[0][:90],
        np.random.default_rng(0).integers(0, 3, 90),
    )  # random labels
    gate = LabelAgreement(estimator=ByHeart(), n_folds=5).fit(X, y)
    assert (gate.cross_fitted_scores_ == 0).all(), (
        "no classifier was trained on the row that it scores"
    )
    np.testing.assert_allclose(
        gate.score_samples(X, y), 0.8, err_msg="four of five were trained on each row"
    )
    one = LabelAgreement(estimator=LogisticRegression()).fit(X[:4], [0, 1, 1, 1])
    assert np.isnan(one.cross_fitted_scores_).all()


class ByHeart(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
    """A classifier that is certain of training rows alone."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.array(
            [[self.known_.get(row.tobytes()) == c for c in range(3)] for row in X], dtype=float
        )


def test_a_known_class_without_rows_is_ignored() -> None:
    X, y = REAL
    rows = Rows.read(X, y)
    part = rows.take(np.flatnonzero(rows.codes > 0))
    gate = LabelAgreement(estimator=LogisticRegression()).fit(part)
    assert gate.classes_.tolist() == [1, 2]
    assert (gate.cross_fitted_scores_ >= 0).mean() > 0.9
    with pytest.raises(InputError, match="label 0 was not seen"):
        gate.keep(X[:1], 0)


def test_equal_real_rows_are_scored_by_a_classifier_that_saw_none_of_them() -> None:
    X, y = (
        np.random.default_rng(0).normal(size=(60, 3)),
        np.random.default_rng(1).integers(2, size=60),
    )
    gate = LabelAgreement(estimator=DecisionTreeClassifier(), measure="confidence")
    found = gate.fit(np.tile(X, (3, 1)), np.tile(y, 3)).cross_fitted_scores_
    assert found.mean() < 0.7

"""Soft labels, against trees with a known answer in closed form."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from gen_augment import InputError
from gen_augment.distillation.soft_labels import (
    aligned_proba,
    check_student,
    fit_student,
    mean_prediction,
    out_of_fold,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
SOFT = RNG.dirichlet(np.ones(3), size=300)


@pytest.mark.parametrize("depth", [2, 5])
def test_weighted_rows_and_probabilities_give_the_same_tree(depth: int) -> None:
    weighted = fit_student(DecisionTreeClassifier(max_depth=depth, random_state=0), X, SOFT)
    regressed = fit_student(DecisionTreeRegressor(max_depth=depth, random_state=0), X, SOFT)
    np.testing.assert_allclose(weighted.predict_proba(X), regressed.predict(X), atol=2e-3)


def test_hard_labels_are_a_special_case_of_soft_ones() -> None:
    y = SOFT.argmax(axis=1)
    soft = fit_student(LogisticRegression(), X, np.eye(3)[y])
    np.testing.assert_allclose(soft.coef_, LogisticRegression().fit(X, y).coef_, atol=1e-5)


def test_out_of_fold_labels_do_not_know_the_row() -> None:
    y = RNG.integers(0, 2, size=300)  # random labels can only be memorised
    nearest = KNeighborsClassifier(1)
    inside = aligned_proba(nearest.fit(X, y), X, 2)
    outside = out_of_fold([nearest], X, y, 2, n_folds=5, seed=0)
    assert (inside.argmax(axis=1) == y).all()
    assert 0.4 < (outside.argmax(axis=1) == y).mean() < 0.6


@pytest.mark.parametrize("n_classes", [2, None])
def test_rows_of_a_group_are_in_one_fold(n_classes: int | None) -> None:
    y = np.repeat(RNG.integers(0, 2, size=100), 3)  # random labels of rows that occur 3 times
    repeated, groups = np.repeat(X[:100], 3, axis=0), np.repeat(np.arange(100), 3)
    model = KNeighborsClassifier(1) if n_classes else KNeighborsRegressor(1)
    leaky, found = (
        out_of_fold([model], repeated, y, n_classes, 5, 0, groups=given)[:, -1] for given in (None, groups)
    )  # fmt: skip
    assert (leaky.round() == y).mean() > 0.9
    assert 0.3 < (found.round() == y).mean() < 0.7


@pytest.mark.parametrize("n_groups", [2, 3, 7])
def test_folds_of_few_groups(n_groups: int) -> None:
    groups = np.arange(300) % n_groups
    fitted: list[set[int]] = []

    class Watched(DecisionTreeClassifier):  # type: ignore[misc]
        def fit(self, X: np.ndarray, y: np.ndarray) -> "Watched":
            fitted.append(set(X[:, -1].astype(int)))
            super().fit(X, y)
            return self

    rows = np.c_[X, groups]
    found = out_of_fold([Watched()], rows, SOFT.argmax(axis=1), 3, 5, 0, groups=groups)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert len(fitted) == min(5, n_groups)
    assert sum(n_groups - len(seen) for seen in fitted) == n_groups  # each is held out once


def test_a_rare_class_is_in_several_folds() -> None:
    groups = np.repeat(np.arange(20), 5)
    y = np.where(np.arange(100) % 25 == 4, 1, 0)  # one row of class 1 in each of 4 groups
    found = out_of_fold([GaussianNB()], y[:, None] + X[:100], y, 2, 4, 0, groups=groups)
    assert (found[:, 1] > 0).all()


@pytest.mark.parametrize("n_classes", [2, None])
def test_rows_of_one_group_are_refused(n_classes: int | None) -> None:
    model = DecisionTreeClassifier() if n_classes else DecisionTreeRegressor()
    with pytest.raises(InputError, match="all 4 rows are equal or of one group"):
        out_of_fold([model], X[:4], np.array([0, 1, 0, 1]), n_classes, 5, 0, groups=np.ones(4))
    with pytest.raises(InputError, match="all 1 rows"):
        out_of_fold([model], X[:1], np.array([0]), n_classes, 5, 0)


def test_out_of_fold_labels_are_those_of_the_folds_by_hand() -> None:
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    y = SOFT.argmax(axis=1)
    folds = StratifiedKFold(4, shuffle=True, random_state=3)
    expected = cross_val_predict(LogisticRegression(), X, y, cv=folds, method="predict_proba")
    found = out_of_fold([LogisticRegression()], X, y, 3, n_folds=4, seed=3)
    np.testing.assert_allclose(found, expected)


def test_a_class_that_a_fold_has_not_seen_has_probability_0() -> None:
    model = LogisticRegression().fit(X[:50], SOFT[:50].argmax(axis=1) * 2)
    found = aligned_proba(model, X[:5], 6)
    assert (found[:, [1, 3, 5]] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_teachers_are_averaged() -> None:
    y = SOFT.argmax(axis=1)
    models = [DecisionTreeClassifier(max_depth=d, random_state=0).fit(X, y) for d in (1, 4)]
    expected = (models[0].predict_proba(X) + models[1].predict_proba(X)) / 2
    np.testing.assert_allclose(mean_prediction(models, X, 3), expected)


def test_students_that_cannot_learn_probabilities_are_refused() -> None:
    with pytest.raises(InputError, match=r"KNeighborsClassifier.*sample_weight"):
        check_student(KNeighborsClassifier(), classifies=True)
    with pytest.raises(InputError, match=r"LinearSVC.*no predict_proba.*CalibratedClassifierCV"):
        check_student(LinearSVC(), classifies=True)
    with pytest.raises(InputError, match="give a regressor"):
        check_student(DecisionTreeClassifier(), classifies=False)
    with pytest.raises(InputError, match="not an instance"):
        check_student(DecisionTreeClassifier, classifies=True)

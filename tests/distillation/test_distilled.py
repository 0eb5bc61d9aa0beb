"""The public interface of distilled estimators."""

import pickle
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from gen_augment import InputError, KDESampler, SMOTESampler
from gen_augment.data import Rows
from gen_augment.distillation import Columns, Distilled, DistilledRegressor

X, Y = make_classification(900, 10, n_informative=6, class_sep=0.7, random_state=0)
TRAIN, TEST = slice(0, 500), slice(500, 900)


def make(**params: object) -> Distilled:
    student, teacher = DecisionTreeClassifier(max_depth=8), ExtraTreesClassifier(100)
    settings = {"ratio": 10, "random_state": 0, **params}
    return Distilled(student, teacher, KDESampler(), **settings)


@pytest.fixture(scope="module")
def fitted() -> Distilled:
    return make().fit(X[TRAIN], Y[TRAIN])


def test_the_student_is_closer_to_the_teacher_than_with_hard_labels(fitted: Distilled) -> None:
    teacher = np.mean([model.predict_proba(X[TEST])[:, 1] for model in fitted.teacher_], axis=0)
    student = fitted.predict_proba(X[TEST])[:, 1]
    hard = fitted.baseline_.predict_proba(X[TEST])[:, 1]
    assert np.abs(student - teacher).mean() < 0.7 * np.abs(hard - teacher).mean()
    scores = [average_precision_score(Y[TEST], p) for p in (hard, student, teacher)]
    assert scores[0] + 0.02 < scores[1] < scores[2] + 0.02


def test_the_share_recovered_is_0_for_hard_labels_and_1_for_the_teacher(fitted: Distilled) -> None:
    accuracy = {
        "hard": (
            fitted.baseline_.predict(fitted._inputs(X[TEST])(fitted.baseline_)) == Y[TEST]
        ).mean(),
        "student": (fitted.predict(X[TEST]) == Y[TEST]).mean(),
        "teacher": (
            fitted.teacher_[0].predict(fitted._inputs(X[TEST])(fitted.teacher_[0])) == Y[TEST]
        ).mean(),
    }
    share = (accuracy["student"] - accuracy["hard"]) / (accuracy["teacher"] - accuracy["hard"])
    assert fitted.recovered(X[TEST], Y[TEST]) == pytest.approx(share)
    assert 0 < share < 1.3


def test_one_seed_gives_one_student(fitted: Distilled) -> None:
    again = clone(fitted).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(again.predict_proba(X[TEST]), fitted.predict_proba(X[TEST]))
    assert 0.7 < fitted.agreement(X[TEST]) <= 1


def test_a_fitted_model_is_pickled_and_copied(fitted: Distilled) -> None:
    for copy in (pickle.loads(pickle.dumps(fitted)), deepcopy(fitted)):
        np.testing.assert_array_equal(copy.predict_proba(X[TEST]), fitted.predict_proba(X[TEST]))


def test_costs_are_those_of_a_small_and_a_large_model(fitted: Distilled) -> None:
    cost = fitted.cost(X[TEST])
    assert cost["student_bytes"] < cost["teacher_bytes"] / 10
    assert 0 < cost["student_us_per_row"] < cost["teacher_us_per_row"]


def test_labels_of_a_mixed_frame_are_restored() -> None:
    frame = pd.DataFrame(X[TRAIN], columns=list("abcdefghij"))
    frame["town"] = np.where(frame["a"] > 0, "Oslo", "Bergen")
    labels = pd.Series(np.where(Y[TRAIN], "yes", "no"), dtype="category", name="answer")
    model = make(ratio=1).fit(frame, labels)
    predicted = model.predict(frame.head())
    assert predicted.dtype == labels.dtype
    assert list(model.classes_) == ["no", "yes"]


def test_pipelines_get_rows_as_they_are() -> None:
    frame = pd.DataFrame(X[TRAIN], columns=list("abcdefghij"))
    student = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=4))
    teacher = make_pipeline(StandardScaler(), LogisticRegression())
    model = Distilled(student, teacher, SMOTESampler(), ratio=1, random_state=0)
    model.fit(frame, Y[TRAIN])
    assert model.teacher_[0].feature_names_in_.tolist() == list("abcdefghij")
    np.testing.assert_allclose(model.predict_proba(frame).sum(axis=1), 1)


def test_equal_rows_do_not_tell_the_teacher_their_labels() -> None:
    noise = np.random.default_rng(0).integers(0, 2, 100)
    found = {}
    for kind in ("different", "repeated"):
        n = 1 if kind == "different" else 3
        rows, labels = np.repeat(X[:100], n, axis=0), np.repeat(noise, n)
        student = DecisionTreeClassifier(random_state=0)
        model = Distilled(student, ExtraTreesClassifier(50), random_state=0).fit(rows, labels)
        found[kind] = (model.predict(X[:100]) == noise).mean()
    assert found["repeated"] < 0.65  # 1 if the labels were known
    assert found["different"] < 0.65


@pytest.mark.parametrize(
    "form", [lambda X: X.to_numpy(), pl.from_pandas], ids=["objects", "polars"]
)
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.filterwarnings("ignore:columns .* hold numbers in dtype object")
def test_tables_that_are_kept_as_a_dataframe(form: Any, piped: bool) -> None:
    frame = pd.DataFrame({"a": X[TRAIN, 0], "b": np.where(X[TRAIN, 1] > 0, "x", "y")})
    tree: Any = DecisionTreeClassifier(max_depth=3)
    student = make_pipeline(Columns(), DecisionTreeRegressor(max_depth=3)) if piped else tree
    model = Distilled(student, ExtraTreesClassifier(10), KDESampler(), ratio=1, random_state=0)
    given = form(frame)
    model.fit(given, Y[TRAIN], unlabelled=given[:9])
    assert model.predict_proba(given).shape == (500, 2)
    assert model.cost(given)["student_bytes"] > 0


def test_unlabelled_rows_are_labelled_by_the_teacher() -> None:
    few = make(ratio=0).fit(X[:60], Y[:60])
    more = make(ratio=0).fit(X[:60], Y[:60], unlabelled=X[TRAIN])
    assert few.n_synthetic_ == more.n_synthetic_ == 0
    assert more.agreement(X[TEST]) > few.agreement(X[TEST])


def test_a_regressor_recovers_part_of_the_forest() -> None:
    rows, values = make_friedman1(900, noise=1, random_state=0)
    model = DistilledRegressor(
        DecisionTreeRegressor(max_depth=8), ExtraTreesRegressor(100), KDESampler(), random_state=0
    ).fit(rows[:500], values[:500])
    assert model.predict(rows[500:]).shape == (400,)
    assert 0.3 < model.recovered(rows[500:], values[500:]) < 1.1


def test_bad_parameters_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(InputError, match="ratio"):
        make(ratio=-1).fit(X, Y)
    with pytest.raises(InputError, match="n_folds=1 leaves no rows"):
        make(n_folds=1).fit(X, Y)
    with pytest.raises(InputError, match="n_folds=1 leaves no rows"):
        DistilledRegressor(DecisionTreeRegressor(), ExtraTreesRegressor(), n_folds=1).fit(X, Y)
    with pytest.raises(InputError, match=r"LinearSVC.*no predict_proba"):
        Distilled(LinearSVC(), ExtraTreesClassifier()).fit(X, Y)
    with pytest.raises(InputError, match=r"teacher=.*predict_proba"):
        Distilled(DecisionTreeClassifier(), DecisionTreeRegressor()).fit(X, Y)
    partly = Rows.read(X, np.where(np.arange(len(Y)) % 3, Y + 3, -1), unlabeled=-1)
    with pytest.raises(InputError, match="unlabelled="):
        make().fit(partly)
    for other in (pd.DataFrame(X), X[:, :2], "rows"):
        with pytest.raises(InputError, match="unlabelled= has not the form of X"):
            make().fit(X, Y, unlabelled=other)
    with pytest.raises(InputError, match="one finite number"):
        DistilledRegressor(DecisionTreeRegressor(), ExtraTreesRegressor()).fit(X, Y * np.nan)


@pytest.mark.parametrize(("cell", "shown"), [(("b", "q"), "'q'"), (("a", np.nan), "nan")], ids=str)
def test_values_that_fit_did_not_see_are_refused(cell: tuple[str, Any], shown: str) -> None:
    X = pd.DataFrame({"a": np.arange(60.0), "b": list("xyz") * 20})
    model = Distilled(
        DecisionTreeClassifier(max_depth=2), ExtraTreesClassifier(5), random_state=0
    ).fit(X, np.arange(60) >= 30)
    new = X.head(3).copy()
    new.loc[1, cell[0]] = cell[1]
    with pytest.raises(InputError, match=f"column '{cell[0]}' of X has {shown} in row 1"):
        model.predict(new)

"""Studies with a teacher: the labels of students, and the reported result."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from gen_augment import BootstrapSampler, InputError, KDESampler, Study
from gen_augment.data import Rows
from gen_augment.metrics.classifier import estimator_inputs
from gen_augment.study import Split
from gen_augment.study.arms import Arm, Pool, describe_arm, make_pool, parse_arm
from gen_augment.study.fitting import fit_predict
from gen_augment.study.models import why_not
from gen_augment.study.parts import Parts
from gen_augment.study.report.markdown import render_markdown
from gen_augment.study.spec import Training
from gen_augment.study.teaching import read_teachers, teacher_labels

KDE = {"kde": KDESampler()}
TRAINING = Training(n_steps=60, device="cpu")


class Memory(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A teacher that returns 1 for training rows and 0.5 for other rows."""

    def fit(self, X: Any, y: Any) -> "Memory":
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes() for row in np.asarray(X)}
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        known = np.array([row.tobytes() in self.known_ for row in np.asarray(X)])
        first = np.where(known, 1.0, 0.5)
        return np.stack([first, 1 - first], axis=1)


def table(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def parts_of(rows: Rows) -> Parts:
    return Parts(rows, rows.part(np.arange(4)), rows.part(np.arange(4)))


def test_real_rows_are_labelled_by_teachers_that_have_not_seen_them() -> None:
    rows = Rows.read(*table())
    pool = make_pool(
        parse_arm("bootstrap:1:teacher", {"bootstrap": BootstrapSampler()}),
        Parts(rows, rows.part(np.arange(4)), Rows.read(*table(seed=1))),
        0,
        lambda: 0.0,
    )
    soft = teacher_labels([Memory()], pool, rows, 0)

    assert (soft[: len(rows)] == 0.5).all()
    # Bootstrapped rows are training rows, which the teacher of all of them has seen.
    assert (soft[len(rows) :, 0] == 1).all()


def test_rows_of_a_group_are_in_one_fold() -> None:
    X, y = table(60)
    X[30:] = X[:30]  # each row occurs twice
    both = np.tile(np.arange(30), 2)
    study = Study(
        X, y, model=DecisionTreeClassifier(), arms=["real:teacher"], teacher=Memory(), samplers=[],
        split=Split(groups=both, allow_fewer=True),
    )  # fmt: skip
    rows = study.check().task.split(0).train
    assert rows.groups is not None
    assert (teacher_labels([Memory()], Pool(rows), rows, 0) == 0.5).all()


def test_an_unrestricted_tree_has_the_probabilities_of_the_teacher() -> None:
    rows = Rows.read(*table())
    arm = parse_arm("real:teacher", {})
    teachers = [LogisticRegression(), KNeighborsClassifier()]
    predict = fit_predict(
        DecisionTreeClassifier(), arm, Pool(rows), rows, 0, TRAINING, teachers
    )  # fmt: skip
    soft = teacher_labels(teachers, Pool(rows), rows, 0)
    np.testing.assert_allclose(predict(rows.X), soft, atol=2e-3)  # the least weight is left out


def test_a_network_learns_probabilities_by_cross_entropy() -> None:
    """For equal rows, the minimum of cross-entropy is the mean of the soft labels."""
    rows = Rows.read(*table())
    X = np.zeros_like(rows.X)
    alike = Rows.read(X + np.arange(120)[:, None] * 1e-9, rows.y)

    class Constant(LogisticRegression):  # type: ignore[misc]
        def predict_proba(self, X: Any) -> np.ndarray:
            return np.tile([0.8, 0.2], (len(X), 1))

    def network() -> nn.Module:
        return nn.Linear(3, 2)

    predict = fit_predict(
        network, parse_arm("real:teacher", {}), Pool(alike), alike, 0,
        Training(n_steps=400, lr=0.05, device="cpu"), [Constant()],
    )  # fmt: skip
    np.testing.assert_allclose(predict(alike.X).mean(axis=0), [0.8, 0.2], atol=0.02)
    assert predict.n_bytes == (3 * 2 + 2) * torch.float32.itemsize


def test_the_teacher_s_arm_is_the_mean_of_the_teachers() -> None:
    rows = Rows.read(*table())
    teachers = [KNeighborsClassifier(3), KNeighborsClassifier(9)]
    predict = fit_predict(
        DecisionTreeClassifier(), parse_arm("teacher", {}), Pool(rows), rows, 0, TRAINING, teachers
    )
    x = estimator_inputs(teachers[0], rows)(rows.X)
    alone = [model.fit(x, rows.codes).predict_proba(x) for model in teachers]
    np.testing.assert_allclose(predict(rows.X), np.mean(alone, axis=0))


def study(arms: list[str] | None = None, **settings: Any) -> Study:
    X, y = table(240)
    given: dict[str, Any] = {
        "model": DecisionTreeClassifier(max_depth=4),
        "teacher": KNeighborsClassifier(),
        "samplers": KDE,
        "n_seeds": 3,
        "arms": arms,
    }
    return Study(X, y, **(given | settings))


def test_a_study_compares_students_and_names_the_teacher(tmp_path: Path) -> None:
    result = study().run(tmp_path)
    assert list(result.arms) == ["real", "real:teacher", "kde:10:prior:teacher", "teacher"]
    assert result.best(generative=False) != "teacher"
    costs = result.table()[["predict_us", "model_bytes"]]
    assert (costs > 0).all(axis=None)
    written = render_markdown(result)
    assert "% of its advantage over real" in written
    assert "size, kB" in written
    assert "teacher" in result.protocol
    again = study().result(tmp_path)
    assert again.scores().equals(result.scores())


class Local(KNeighborsClassifier):  # type: ignore[misc]
    """An estimator that cannot be pickled."""

    def __reduce__(self) -> str:
        raise TypeError("cannot be pickled")

    def __sklearn_clone__(self) -> "Local":
        return Local(self.n_neighbors)


def test_a_size_that_is_not_known_is_a_dash(tmp_path: Path) -> None:
    arms = ["real", "real:teacher"]
    result = study(arms, teacher=Local()).run(tmp_path / "study")
    assert result.table()["model_bytes"].isna().tolist() == [False, False, True]
    (line,) = (row for row in render_markdown(result).split("\n") if row.startswith("| teacher"))
    assert line.endswith("| – |")
    result.to_html(tmp_path / "report.html")
    assert ">nan<" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    again = study(arms, teacher=Local()).result(tmp_path / "study")
    assert again.scores().equals(result.scores())


def test_without_a_teacher_the_settings_are_as_before() -> None:
    prepared = study(["real", "kde"], teacher=None).check()
    assert list(prepared.arms) == ["real", "kde"]
    assert "teacher" not in prepared.settings()


def test_a_search_tries_the_teacher_s_labels() -> None:
    found = study(["real"], n_seeds=3).recommend(ratios=(1,), filters=(), vary=())
    assert {"real:teacher", "kde:10:prior:teacher"} <= found.searched.keys()
    assert "teacher" not in found.searched
    if found.use is not None and found.taught:
        with pytest.raises(InputError, match="Distilled"):
            found.augment(*table())


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("real:teacher+weights", "weights"),
        ("oversample+kde:1:teacher", "oversample"),
        ("kde:1:teacher:shuffled", "shuffled"),
        ("teacher+weights", "weights"),
    ],
)
def test_unsupported_settings_with_a_teacher_are_refused(arm: str, message: str) -> None:
    with pytest.raises(InputError, match=f"cannot be combined with {message}"):
        study([arm]).check()


def test_bad_teachers_and_students() -> None:
    with pytest.raises(InputError, match="give Study a teacher"):
        study(["real:teacher"], teacher=None).check()
    with pytest.raises(InputError, match="takes no sample_weight"):
        study(["real:teacher"], model=KNeighborsClassifier()).check()
    with pytest.raises(InputError, match="not an instance"):
        read_teachers([KNeighborsClassifier])
    with pytest.raises(InputError, match="empty list"):
        read_teachers([])


def test_arms_of_a_teacher_in_words_and_keys() -> None:
    taught, plain = (parse_arm(name, KDE) for name in ("kde:2:teacher", "kde:2"))
    assert taught.taught
    assert taught.synthetic == plain.synthetic
    assert taught.key != plain.key
    assert "labels are the teacher's probabilities" in describe_arm(taught)
    assert describe_arm(parse_arm("teacher", {})).startswith("The teacher")
    rows = Rows.read(*table())
    own = Arm("mine", rows=lambda X, y, seed: (X, y), taught=True)
    assert "cannot be combined" in str(
        why_not(own, DecisionTreeClassifier(), rows, [LogisticRegression()])
    )

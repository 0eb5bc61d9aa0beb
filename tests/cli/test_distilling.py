"""Parts of `gen-augment distill`."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score

from gen_augment import InputError
from gen_augment.cli.distilling import (
    _area,
    _is_clear,
    choose_student,
    choose_teachers,
    distilled,
    split,
    write_report,
)
from gen_augment.data import Rows
from gen_augment.data.sources import LoadedData
from gen_augment.distillation import ReadableTree
from tests.conftest import toy_images, toy_table

TABLE = Rows.read(*toy_table(80))


def loaded(rows: Rows) -> LoadedData:
    return LoadedData("toy", rows)


def test_names_of_students_and_teachers() -> None:
    assert choose_student("tree:3")[-1].max_depth == 3
    first, second = choose_teachers(["trees", "sklearn.naive_bayes.GaussianNB"])
    assert isinstance(first, ExtraTreesClassifier)
    assert type(second).__name__ == "GaussianNB"
    for text in ("tree", "tree:", "tree:0", "tree:-1", "tree:1.5", "forest:3", ""):
        with pytest.raises(InputError, match=r"--student .* such as tree:8"):
            choose_student(text)


def test_both_parts_have_the_classes_and_no_row_twice() -> None:
    train, test = split(loaded(TABLE), 0.25, 0)
    assert (len(train), len(test)) == (60, 20)
    assert len(np.unique(np.concatenate([train.X, test.X]), axis=0)) == 80
    share = np.bincount(TABLE.codes) / 80
    np.testing.assert_allclose(np.bincount(test.codes) / 20, share, atol=0.05)
    again, _ = split(loaded(TABLE), 0.25, 0)
    np.testing.assert_array_equal(again.X, train.X)
    other, _ = split(loaded(TABLE), 0.25, 1)
    assert not np.array_equal(other.X, train.X)


def test_equal_rows_are_in_the_same_part(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = toy_table(80)
    index = np.random.default_rng(0).permutation(np.repeat(np.arange(80), 3))
    train, test = split(loaded(Rows.read(X[index], y[index])), 0.25, 0)
    assert (len(train), len(test)) == (180, 60)
    assert not np.isin(train.digests, test.digests).any()
    assert "160 rows repeat an earlier row" in capsys.readouterr().out
    split(loaded(TABLE), 0.25, 0)
    assert "repeat" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "rows, size, message",
    [
        (TABLE, 0, "--test-size 0: give a share between 0 and 1"),
        (TABLE, 1.5, "--test-size 1.5: give a share"),
        (TABLE.part(np.arange(2)), 0.25, "cannot be split into two parts"),
        (Rows.read(*toy_images()), 0.25, "toy holds image rows, and rules need the columns"),
    ],
    ids=["none", "more than all", "too few", "images"],
)
def test_unusable_splits_are_refused(rows: Rows, size: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(loaded(rows), size, 0)


def test_the_area_is_the_mean_of_the_classes_that_occur() -> None:
    soft = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    codes = np.arange(50) % 3
    expected = roc_auc_score(codes, soft, multi_class="ovr", average="macro")
    assert _area(codes, soft) == pytest.approx(expected)
    two = codes % 2
    assert _area(two, np.c_[two == 0, two == 1, 0 * two]) == 1


def test_the_report_is_about_the_held_out_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = split(loaded(TABLE), 0.25, 0)
    model = distilled(choose_student("tree:2"), [ExtraTreesClassifier(9)], None, 0, 0, train)
    tree = ReadableTree.of(model.student_, model.classes_)
    write_report(model, tree, test, "toy", tmp_path / "page.html")
    shown = " ".join(capsys.readouterr().out.split())
    right = (tree.predict(pd.DataFrame(test.X)) == test.y).mean()
    agree = model.agreement(test.X)
    sentence = f"agree on {100 * agree:.1f}% of 20 held-out rows; 0 synthetic rows"
    assert sentence in shown
    assert f"student {100 * right:.1f}" in shown
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert sentence in page
    assert "A tree distilled on toy" in page


@pytest.mark.parametrize(
    "student, message",
    [
        (0.75, "has 50% of the teacher's advantage"),
        (None, "has no clear advantage over the same tree"),
    ],
)
def test_the_advantage_is_a_share_of_the_gap(
    student: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Areas of 0.5 for hard labels and of 1 for the teacher leave 0.5 to gain."""
    codes = np.array([0, 0, 1, 1])
    best, half = np.eye(2)[codes], np.full((4, 2), 0.5)
    middle = np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    costs = {f"{who}_{what}": 1.0 for who in ("student", "teacher")
             for what in ("bytes", "us_per_row")}  # fmt: skip
    soft = {
        "student": middle if student else half,
        "teacher": best if student else half,
        "hard labels": half,
    }
    model: Any = SimpleNamespace(
        cost=lambda X: costs, predictions=lambda X: soft, agreement=lambda X: 1.0, n_synthetic_=0
    )
    test = Rows.read(np.arange(4.0)[:, None], codes)
    tree = ReadableTree.of(
        choose_student("tree:1").fit(pd.DataFrame({"a": codes}), np.eye(2)[codes]), [0, 1]
    )
    write_report(model, tree, test, "toy", tmp_path / "page.html")
    assert message in " ".join(capsys.readouterr().out.split())


def test_a_size_that_is_not_known_is_a_dash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = split(loaded(TABLE), 0.25, 0)
    model = distilled(choose_student("tree:2"), [ExtraTreesClassifier(9)], None, 0, 0, train)
    model.teacher_[0].made_here = lambda: None
    tree = ReadableTree.of(model.student_, model.classes_)
    write_report(model, tree, test, "toy", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    (line,) = (text for text in capsys.readouterr().out.split("\n") if text.startswith("teacher"))
    assert line.split()[-2] == "–"
    (row,) = (text for text in page.split("<tr>") if text.startswith("<th>teacher</th>"))
    assert ">–</td>" in row


def test_a_gap_by_chance_is_no_advantage() -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(200) % 2

    def soft(signal: float) -> np.ndarray:
        p = 1 / (1 + np.exp(-(rng.normal(size=200) + signal * (2 * codes - 1))))
        return np.stack([1 - p, p], axis=1)

    assert _is_clear(codes, soft(1.0), soft(0.0))
    noise = [_is_clear(codes, soft(0.0), soft(0.0)) for _ in range(5)]
    assert not any(noise)

"""Trees that can be read: they predict as scikit-learn's, and a damaged file is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from gen_augment import ArchiveError, InputError
from gen_augment.distillation import Columns, ReadableTree
from tests.distillation.toys import fitted, table


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_predictions_equal_scikit_learn(kind: str, tmp_path: Path) -> None:
    model, tree = fitted(kind)
    X, _ = table(1000, seed=1)
    X.loc[:20, "job"] = "unheard of"
    expected = model.predict(X) if kind == "regressor" else model.predict_proba(X)
    np.testing.assert_allclose(tree.predict_proba(X), expected, atol=2e-6)
    tree.save(tmp_path / "tree.json")
    loaded = ReadableTree.load(tmp_path / "tree.json")
    assert loaded == tree
    assert (tree.predict(X) == np.array(["a", "b", "c"])[expected.argmax(axis=1)]).all()
    assert tree.depth == model[-1].get_depth()


def test_rows_of_an_array_have_numbered_columns() -> None:
    X = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0], [3.0, 0.0]])
    model = make_pipeline(Columns(), DecisionTreeClassifier(max_depth=1)).fit(
        X[:, :1], [0, 0, 1, 1]
    )
    tree = ReadableTree.of(model, [0, 1])
    assert tree.rules() == "if 0 <= 1:\n  0: 100% (50% of rows)\nelse:\n  1: 100% (50% of rows)"
    assert tree.predict(X).tolist() == [0, 0, 1, 1]


def test_neighbouring_numbers_of_32_bits_are_told_apart() -> None:
    X = pd.DataFrame({"a": np.array([100000.0078125, 100000.015625] * 5, np.float32)})
    model = make_pipeline(Columns(), DecisionTreeClassifier()).fit(X, [0, 1] * 5)
    assert ReadableTree.of(model, [0, 1]).predict(X).tolist() == [0, 1] * 5


MARCH = pd.Timestamp("2021-03-01")


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ([2008, 2009, 2010, 2011], "2009"),
        ([2008.0, 2009.0, 2010.0, np.nan], "2009"),
        ([123456.0, 123458.25, 123458.75, 123461.0], "123458.5"),
        (np.array([1.4, 1.9, 3.0, 3.3], np.float32), "2.4"),
        ([1500000000, 1600000000, 1600000128, 1700000000], "1600000064"),
        (MARCH + pd.to_timedelta([0, 1, 2, 3], unit="D"), "2021-03-02"),
        (MARCH + pd.to_timedelta([0, 32, 40, 72], unit="h"), "2021-03-02 12:00:00"),
    ],
    ids=["years", "missing", "incomes", "float32", "seconds", "days", "times"],
)
def test_rules_are_short_and_true(values: Any, limit: str) -> None:
    X = pd.DataFrame({"a": values})
    model = make_pipeline(Columns(), DecisionTreeClassifier(max_depth=1)).fit(X, [0, 0, 1, 1])
    tree = ReadableTree.of(model, [0, 1])
    assert tree.rules().startswith(f"if a <= {limit}:")
    number: Any = pd.Timestamp(limit) if "-" in limit else float(limit)
    assert (X["a"] <= number).tolist() == [True, True, False, False]
    assert tree.predict(X).tolist() == [0, 0, 1, 1]


def test_rules_name_columns_values_and_dates() -> None:
    X, _ = table()
    late = (X["since"] >= pd.Timestamp("2021-01-01")).astype(int)
    model = make_pipeline(Columns(), DecisionTreeClassifier(max_depth=1)).fit(X, late)
    first, *_ = ReadableTree.of(model, ["early", "late"]).rules().split("\n")
    limit = pd.Timestamp(first.removeprefix("if since <= ").removesuffix(":"))
    assert (X["since"] <= limit).tolist() == (1 - late).astype(bool).tolist()
    cook = (X["job"] == "cook").astype(int)
    model = make_pipeline(Columns(), DecisionTreeClassifier(max_depth=1)).fit(X, cook)
    assert ReadableTree.of(model, [0, 1]).rules().startswith("if job is not cook:")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 1"),
        ({"classes": ["a"]}, "probabilities"),
        ({"nodes": []}, "no nodes"),
        ({"features": []}, "does not exist"),
        ({"features": [{"name": "x"}]}, "holds no tree"),
    ],
)
def test_a_damaged_file_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    record = fitted("classifier")[1].to_json() | change
    (tmp_path / "t.json").write_text(json.dumps(record))
    with pytest.raises(ArchiveError, match=message):
        ReadableTree.load(tmp_path / "t.json")


def test_a_loop_is_refused(tmp_path: Path) -> None:
    record = fitted("classifier")[1].to_json()
    record["nodes"][1]["feature"] = 0
    record["nodes"][1] |= {"threshold": 0.0, "low": 0, "high": 0, "missing_low": False}
    (tmp_path / "t.json").write_text(json.dumps(record))
    with pytest.raises(ArchiveError, match="does not exist"):
        ReadableTree.load(tmp_path / "t.json")
    with pytest.raises(ArchiveError, match="holds no tree"):
        ReadableTree.load(tmp_path / "missing.json")


def test_rows_that_do_not_fit() -> None:
    _, tree = fitted("classifier")
    X, _ = table(5)
    with pytest.raises(InputError, match="no column 'age'"):
        tree.predict(X.drop(columns="age"))
    with pytest.raises(InputError, match="has no numbers"):
        tree.predict(X.assign(age="old"))

"""Utility and bias on rows of known usefulness."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment.errors import InputError
from gen_augment.metrics import bias, hardest, utility
from tests.conftest import toy_images

MEANS = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return MEANS[y] + rng.normal(size=(n, 2)), y


TRAIN, FAKE, TEST = (rows(900, seed) for seed in range(3))


def scaled(X: np.ndarray) -> np.ndarray:
    """Standardise columns with the training rows."""
    values: np.ndarray = StandardScaler().fit(TRAIN[0]).transform(X)
    return values


MODELS = [
    LogisticRegression(),
    GaussianNB(),
    make_pipeline(StandardScaler(), KNeighborsClassifier(9)),
]


@pytest.mark.parametrize("model", MODELS, ids=["logistic", "bayes", "pipeline"])
def test_figures_equal_scikit_learn(model: Any) -> None:
    found = utility(TRAIN, FAKE, TEST, model=model)
    for name, fitted, asked in (
        ("real_on_real", TRAIN, TEST),
        ("synthetic_on_real", FAKE, TEST),
        ("real_on_synthetic", TRAIN, FAKE),
    ):
        guess = model.fit(scaled(fitted[0]), fitted[1]).predict(scaled(asked[0]))
        assert getattr(found, name) == pytest.approx(
            balanced_accuracy_score(asked[1], guess), abs=0.003
        )
        np.testing.assert_allclose(
            found.per_class[name], recall_score(asked[1], guess, average=None), atol=0.006
        )


def test_wrong_similar_and_missing_rows_lower_the_figures() -> None:
    good = utility(TRAIN, FAKE, TEST)
    assert good.synthetic_on_real == pytest.approx(good.real_on_real, abs=0.03)
    swapped = utility(TRAIN, (FAKE[0], (FAKE[1] + 1) % 3), TEST, model=LogisticRegression())
    assert max(swapped[1:3]) < 0.3
    alike = utility(TRAIN, (MEANS[FAKE[1]], FAKE[1]), TEST, model=LogisticRegression())
    assert alike.real_on_synthetic == 1 > alike.real_on_real, "easier than real rows"
    few = FAKE[0][FAKE[1] < 2], FAKE[1][FAKE[1] < 2]
    missing = utility(TRAIN, few, TEST, model=LogisticRegression()).per_class
    assert missing.at[2, "synthetic_on_real"] == 0
    assert np.isnan(missing.at[2, "real_on_synthetic"])


def test_images_with_string_labels() -> None:
    X, y = toy_images(80)
    names = np.array(["up", "down"])[y]
    found = utility((X[:40], names[:40]), (X[:40], names[:40]), (X[40:], names[40:]), n_steps=40)
    assert found.per_class.index.tolist() == ["down", "up"]
    assert found.real_on_real == found.synthetic_on_real > 0.9
    assert (
        utility((X[:40], names[:40]), (X[:40], names[:40]), (X[40:], names[40:]), n_steps=40)[:3]
        == found[:3]
    )


def test_hardest_finds_planted_label_errors() -> None:
    model = LogisticRegression().fit(*TRAIN)
    X, y = FAKE[0], FAKE[1].copy()
    wrong = np.random.default_rng(0).permutation(900)[:20]
    X[wrong], y[wrong] = MEANS[0] - 3, 1
    found = hardest(y, model.predict_proba(X), model.classes_, n=20)
    assert set(found) == set(wrong)
    assert hardest([0, 1], [[0.5, 0.5], [0.9, 0.1]], [0, 1], n=99).tolist() == [1, 0]
    assert hardest(["a", "b"], [[0, 1, 0], [0.3, 0, 0.7]], ["b", "a", "c"]).tolist() == [1, 0], (
        "columns in any order"
    )
    for arguments, message in (
        (([0, 1], [[1.0, 0.0]], [0, 1]), r"\(2, 2\) is needed"),
        (([0, 7], [[1.0, 0.0]] * 2, [0, 1]), "label 7"),
        (([0, 1], [[1.0, 0.0]] * 2, [0, 1], 0), "n=0"),
    ):
        with pytest.raises(InputError, match=message):
            hardest(*arguments)  # type: ignore[arg-type]


def grouped(n: int, share: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two groups; in the second the first column has the opposite sign."""
    rng = np.random.default_rng(seed)
    y, second = rng.integers(0, 2, n), rng.random(n) < share
    x = np.where(second, 1 - 2 * y, 2 * y - 1) * 2 + rng.normal(size=n)
    return pd.DataFrame({"x": x, "second": second.astype(int)}), y


def test_rows_of_a_rare_group_raise_its_recall() -> None:
    train, test = grouped(400, 0.02, 0), grouped(1000, 0.5, 1)
    fake = grouped(400, 1.0, 2)
    found = bias(train, fake, test, "second", model=KNeighborsClassifier(31))
    second = train[0]["second"]
    assert found.groups.loc["1"].tolist() == pytest.approx(
        [second.mean(), 1.0, (second.sum() + 400) / 800]
    )
    assert found.labels.at[1, "real"] == pytest.approx(train[1].mean())
    assert found.recall.loc["1", "before"].mean() < 0.75
    assert found.recall.loc["1", "after"].mean() > 0.9
    assert found.recall.loc["0", "after"].mean() > 0.9
    assert found.recall["rows"].sum() == 1000
    assert found.gaps["after"] < found.gaps["before"]
    by_number = bias(
        *((part[0].to_numpy(), part[1]) for part in (train, fake, test)), 1, model=GaussianNB()
    )
    assert by_number.groups.loc["1.0"].tolist() == found.groups.loc["1"].tolist()


def test_recall_in_each_group_equals_scikit_learn() -> None:
    groups = [np.where(X[:, 0] > 1, "right", "left") for X, _ in (TRAIN, FAKE, TEST)]
    found = bias(TRAIN, FAKE, TEST, (groups[0], None, groups[2]), model=LogisticRegression())
    both = np.concatenate([TRAIN[0], FAKE[0]]), np.concatenate([TRAIN[1], FAKE[1]])
    for name, part in (("before", TRAIN), ("after", both)):
        guess = LogisticRegression().fit(scaled(part[0]), part[1]).predict(scaled(TEST[0]))
        for group in ("left", "right"):
            here = groups[2] == group
            by_hand = recall_score(TEST[1][here], guess[here], average=None)
            np.testing.assert_allclose(found.recall.loc[group, name], by_hand, atol=0.02)
    assert found.groups[["synthetic", "together"]].isna().all(axis=None), (
        "the groups of synthetic rows are not known"
    )
    assert found.labels["synthetic"].sum() == pytest.approx(1)


def test_bad_groups_are_an_error() -> None:
    frame = [(pd.DataFrame(X, columns=["a", "b"]), y) for X, y in (TRAIN, FAKE, TEST)]
    images = toy_images(60)
    values = np.zeros(900)
    for parts, group, message in (
        (frame, "c", r"group='c' is not a column: choose from \['a', 'b'\]"),
        (frame, "a", "900|different values, at most 50"),
        ([TRAIN, FAKE, TEST], 2, "group=2 is not a column"),
        ([TRAIN, FAKE, TEST], "a", "group='a' is not a column"),
        ([images] * 3, 0, "group=0 is not a column, and image rows have none"),
        ([TRAIN, FAKE, TEST], (values, None, values[:9]), "9 values for 900 test rows"),
        ([TRAIN, FAKE, TEST], (values, None, None), "training, synthetic"),
        ([TRAIN, FAKE, TEST], (values, values), "training, synthetic"),
    ):
        with pytest.raises(InputError, match=message):
            bias(*parts, group)  # type: ignore[arg-type]
    holes = np.where(np.arange(900) % 3 == 0, None, "known")
    found = bias(TRAIN, FAKE, TEST, (holes, holes, holes), model=GaussianNB())
    assert found.groups.index.tolist() == ["(missing)", "known"]
    with pytest.raises(InputError, match="n_steps"):
        bias(TRAIN, FAKE, TEST, 0, n_steps=0)

"""Utility and bias on rows of known usefulness."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment.errors import InputError
from gen_augment.metrics import hardest, utility
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

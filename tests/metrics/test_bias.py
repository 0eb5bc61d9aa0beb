"""Groups of rows: shares and recalls against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from gen_augment.errors import InputError
from gen_augment.metrics import bias
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

"""What is released besides weights: noise, thresholds, and what is refused."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gen_augment import InputError, Private
from gen_augment.data import Rows
from gen_augment.privacy.accounting import gaussian_delta
from gen_augment.privacy.release import Ledger, Release, release


def table(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "pay": rng.gamma(2, 900, n),
            "city": rng.choice(["a", "b"], n),
        }
    )


def labels(n: int = 600) -> np.ndarray:
    return np.array(["no", "yes", "maybe"])[np.arange(n) % 3]


BOUNDS: dict[str, Any] = {"age": (18, 90), "pay": (0, 20000), "city": ["a", "b", "c"]}


def released(X: Any = None, y: Any = None, **known: Any) -> Release:
    X, y = table() if X is None else X, labels() if y is None else y
    budget = {"epsilon": 8, "delta": 1e-4, "bounds": BOUNDS, "classes": ["no", "yes", "maybe"]}
    return release(Rows.read(X, y), Private(**(budget | known)))


def test_noise_has_the_standard_deviation_that_was_accounted_for() -> None:
    ledger = Ledger(4, 0, 1.0, 1e-5)
    # Four histograms, each with this noise, are within the budget.
    assert gaussian_delta(ledger.sigma / 2, 1.0) == pytest.approx(1e-5, rel=0.02)
    noise = (
        ledger.histogram(np.arange(5000), 5000) - 1 + np.random.default_rng(0).random(5000) - 0.5
    )
    assert stats.kstest(noise / ledger.sigma, "norm").pvalue > 1e-6
    for _ in range(3):
        ledger.histogram(np.zeros(2, int), 1)
    with pytest.raises(RuntimeError, match="more histograms"):
        ledger.histogram(np.zeros(2, int), 1)


def test_a_value_of_one_row_is_hardly_ever_released() -> None:
    ledger = Ledger(1, 1, 5.0, 0.2)
    once = pd.Series(np.arange(20000))  # each would be released with probability 0.1
    share = len(ledger.discover(once)) / 20000
    assert ledger.delta_set == 0.1
    assert stats.binomtest(round(share * 20000), 20000, 0.1).pvalue > 1e-6


def test_counts_are_noisy_and_differ_from_fit_to_fit() -> None:
    found = [released().counts for _ in range(4)]
    assert len({tuple(counts) for counts in found}) > 1
    assert all(abs(counts - 200).max() < 60 for counts in found)
    public = released(classes={"no": 200, "yes": 190, "maybe": 210})
    assert public.counts.tolist() == [210, 200, 190]  # in the order of the classes
    assert public.record["epsilon"] == 0
    assert public.epsilon == 8


def test_the_parts_of_the_budget_add_up() -> None:
    found = released(share=0.25)
    assert found.record["epsilon"] == 2
    assert found.epsilon + found.record["epsilon"] == 8
    assert found.delta + found.record["delta"] == pytest.approx(1e-4)


def test_the_encoding_does_not_depend_on_the_rows() -> None:
    one, other = released(), released(table().iloc[::-1][:300], labels(300))
    assert one.rows.codec.to_json() == other.rows.codec.to_json()


def test_rare_classes_and_categories_are_left_out() -> None:
    y = labels()
    y[0] = "rare"
    X = table()
    X.loc[1, "city"] = "secret"
    with pytest.warns(UserWarning, match="1 rows of 1 rare classes"):
        found = released(X, y, classes="paid", bounds=BOUNDS | {"city": "paid"})
    assert found.rows.classes.tolist() == ["maybe", "no", "yes"]
    assert "secret" not in str(found.rows.codec.to_json())
    assert "rare" not in str(found.rows.labels.to_json())
    assert len(found.rows) == 599
    categories = pd.Series(y).astype("category")
    with pytest.warns(UserWarning, match="rare classes"):
        found = released(X, categories, classes="paid", bounds=BOUNDS | {"city": "paid"})
    assert "rare" not in str(found.rows.labels.to_json())


def test_a_categorical_dtype_keeps_no_category_that_is_not_known() -> None:
    X = table()
    X.loc[1, "city"] = "secret"
    X["city"] = pd.Categorical(X["city"], categories=["secret", "b", "a"], ordered=True)
    for city in (["a", "b", "c"], "paid"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the value that is clipped
            found = released(X, bounds=BOUNDS | {"city": city})
        assert "secret" not in str(found.rows.codec.to_json())
        decoded = found.rows.codec.decode(found.rows.encoded)
        assert decoded["city"].cat.categories.tolist()[:2] == ["b", "a"]
        assert (decoded["city"] == X["city"].astype(str)).to_numpy()[2:].all()


def test_numbers_without_a_private_encoding() -> None:
    X = table().assign(age=pd.to_timedelta(table()["age"], unit="h"))
    with pytest.raises(InputError, match="column 'age' holds numbers as timedelta64"):
        released(X)


def test_paid_bounds_are_near_the_data() -> None:
    found = released(bounds="paid", epsilon=50)
    age, pay, city = found.rows.codec.parts  # type: ignore[attr-defined]
    assert age.scale.x[0] >= 16
    assert 79 <= age.scale.x[-1] <= 128
    assert 4000 < pay.scale.x[-1] <= 16384
    assert sorted(city.values) == ["a", "b"]
    assert found.record["histograms"] == 6  # two for each number, one for cities and for classes
    assert found.record["sets"] == 1
    z = found.rows.encoded[:, :2].numpy()
    assert abs(z.mean(axis=0)).max() < 0.3
    assert abs(z.std(axis=0) - 1).max() < 0.3


def test_violations_are_clipped_and_counted() -> None:
    X = table()
    X.loc[0, "age"], X.loc[1, "pay"], X.loc[2, "city"], X.loc[3, "pay"] = 200, 1e9, "z", np.nan
    with pytest.warns(UserWarning, match=r"'age': 1, 'pay': 2, 'city': 1"):
        found = released(X)
    same = X.copy()
    same.loc[0, "age"], same.loc[1, "pay"] = 90, 20000
    known = found.rows.codec.encode(same)
    np.testing.assert_allclose(found.rows.encoded[:2], known[:2], atol=1e-6)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"classes": None}, "labels of the data are neither public nor paid for"),
        ({"classes": ["no", "yes"]}, "labels \\['maybe'\\] that the public classes"),
        ({"classes": {"no": 1, "yes": 0, "maybe": 1}}, "at least 1"),
        ({"bounds": None}, "column 'age' has no public bounds.*'paid'"),
        ({"bounds": BOUNDS | {"age": (90, 18)}}, "bounds\\['age'\\]=\\(90, 18\\)"),
        ({"bounds": BOUNDS | {"age": 3}}, "bounds\\['age'\\]=3"),
        ({"bounds": BOUNDS | {"age": (0, np.inf)}}, "bounds\\['age'\\]=\\(0, inf\\)"),
        ({"bounds": BOUNDS | {"age": ("a", "b")}}, "bounds\\['age'\\]=\\('a', 'b'\\)"),
        ({"bounds": BOUNDS | {"city": ("a", "b")}}, "categories of column 'city' are not public"),
        ({"bounds": BOUNDS | {"city": []}}, "'city'.*is empty"),
        ({"bounds": BOUNDS | {"town": (1, 2)}}, "column 'town' that X does not have"),
    ],
)
def test_what_is_neither_public_nor_paid_for(known: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        released(**known)


@pytest.mark.parametrize("wrong", [("soon", "later"), ("2001-01-01", "2000-01-01"), (None, 3)])
def test_bounds_of_dates(wrong: Any) -> None:
    X = pd.DataFrame({"day": pd.date_range("2000-01-01", periods=600)})
    with pytest.raises(InputError, match=r"bounds\['day'\]=.* is not a range of datetime64"):
        released(X, bounds={"day": wrong})


def test_rows_without_labels() -> None:
    y = np.arange(600) % 3 - 1
    with pytest.raises(InputError, match="has no label"):
        release(
            Rows.read(table(), y, unlabeled=-1), Private(1, 1e-5, classes=[0, 1], bounds=BOUNDS)
        )


def test_a_large_delta() -> None:
    with pytest.warns(UserWarning, match="one over the number of rows"):
        released(delta=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        released(delta=1e-4)


def test_columns_of_one_value_and_classes_of_one_row() -> None:
    X = table().assign(age=5, pay=7.5)
    y = labels()
    y[:] = "no"
    y[0] = "yes"
    found = released(X, y, bounds=BOUNDS | {"age": (0, 9)})
    assert np.isfinite(found.rows.encoded.numpy()).all()
    assert (found.counts >= 1).all()
    paid = released(X, y, bounds="paid", epsilon=50)
    decoded = paid.rows.codec.decode(paid.rows.encoded)
    assert decoded["age"].between(4, 8).all()


def test_a_modality_without_private_encoding() -> None:
    with pytest.raises(InputError, match="series rows have no private encoding"):
        release(
            Rows.read(np.zeros((40, 2, 9)), np.arange(40) % 2, modality="series"),
            Private(1, 1e-5, classes=[0, 1]),
        )


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        (
            labels(),
            [0, 1, 2],
            r"classes=\[0, 1, 2\] have another type than the labels of y, such as ",
        ),
        (labels() == "no", [0, 1], r"classes=\[0, 1\] .* such as \[False, True\]"),
        (labels() == "no", ["False", "True"], r"such as \[False, True\]: give labels of the same"),
    ],
)
def test_classes_of_another_type(y: np.ndarray, classes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        released(y=y, classes=classes)


@pytest.mark.parametrize("classes", [[0.0, 1.0, 2.0], {0.0: 200, 1.0: 200, 2.0: 200}])
def test_labels_keep_their_type(classes: Any) -> None:
    y = np.arange(600, dtype=np.int16) % 3
    found = released(y=y, classes=classes)
    assert found.rows.labels.classes.tolist() == [0, 1, 2]
    assert found.rows.labels.decode(found.rows.codes).dtype == np.int16

"""Figures of tables against SciPy, scikit-learn, closed forms and invariants."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, norm
from scipy.stats.contingency import association, crosstab
from sklearn.preprocessing import KBinsDiscretizer

from gen_augment.errors import InputError
from gen_augment.metrics import column_shapes, detection_auc, pair_correlations

RNG = np.random.default_rng(0)
NUMBERS = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.just(math.nan)), min_size=1, max_size=30
)
WORDS = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # p-values that are not used
@settings(max_examples=25)
@given(NUMBERS, NUMBERS)
def test_numbers_have_the_kolmogorov_smirnov_statistic(
    real: list[float], fake: list[float]
) -> None:
    found = column_shapes(pd.DataFrame({"x": real}), pd.DataFrame({"x": fake}))["x"]
    lowest = [
        [-99.0 if math.isnan(v) else v for v in side] for side in (real, fake)
    ]  # missing below all others
    assert found == pytest.approx(1 - ks_2samp(*lowest, method="asymp").statistic)


@given(WORDS, WORDS)
def test_categories_have_the_total_variation_distance(real: list[Any], fake: list[Any]) -> None:
    share = [
        {word: side.count(word) / len(side) for word in (*"abc", None)} for side in (real, fake)
    ]
    by_hand = sum(abs(share[0][word] - share[1][word]) for word in share[0]) / 2
    frames = [pd.DataFrame({"x": pd.Series(side, dtype=object)}) for side in (real, fake)]
    assert column_shapes(*frames)["x"] == pytest.approx(1 - by_hand)
    as_category = [frame.astype("category") for frame in frames]
    assert column_shapes(*as_category)["x"] == pytest.approx(1 - by_hand)
    assert column_shapes(*frames[::-1])["x"] == pytest.approx(1 - by_hand)


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_shape_of_shifted_normals_has_a_closed_form(shift: float) -> None:
    real, fake = RNG.normal(size=(20_000, 1)), RNG.normal(shift, 1, size=(20_000, 1))
    assert column_shapes(real, fake)[0] == pytest.approx(2 * norm.cdf(-shift / 2), abs=0.02)


def test_correlations_of_known_normals() -> None:
    def draw(rho: float) -> np.ndarray:
        return RNG.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 20_000)

    assert pair_correlations(draw(0.8), draw(-0.4))[0, 1] == pytest.approx(1 - 1.2 / 2, abs=0.02)
    assert pair_correlations(draw(0.8), draw(0.8))[0, 1] == pytest.approx(1, abs=0.02)
    a, b = draw(0.8)[:50], draw(0.1)[:70]
    r, s = (np.corrcoef(side.T)[0, 1] for side in (a, b))
    assert pair_correlations(a, b)[0, 1] == pytest.approx(1 - abs(r - s) / 2)
    holes = a.copy()
    holes[:20, 1] = np.nan
    assert pair_correlations(holes, b)[0, 1] == pytest.approx(
        1 - abs(np.corrcoef(a[20:].T)[0, 1] - s) / 2
    )
    constant = np.column_stack([a[:, 0], np.ones(50)])
    assert pair_correlations(a, constant)[0, 1] == pytest.approx(1 - abs(r) / 2), (
        "a constant column has association 0"
    )


def corrected(one: np.ndarray, other: np.ndarray) -> float:
    """Apply Bergsma's correction to SciPy's V."""
    table = crosstab(one, other).count
    n, (r, k) = len(one), table.shape
    phi = association(table, method="cramer") ** 2 * min(r - 1, k - 1)
    phi = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    return float(np.sqrt(phi / min(k - (k - 1) ** 2 / (n - 1) - 1, r - (r - 1) ** 2 / (n - 1) - 1)))


def test_associations_of_categories_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    one = rng.integers(0, 4, 500)
    tied = np.where(rng.random(500) < 0.6, one % 3, rng.integers(0, 3, 500))
    free = rng.integers(0, 3, 500)
    real, fake = (
        pd.DataFrame({"a": one.astype(str), "b": side.astype(str)}) for side in (tied, free)
    )
    assert pair_correlations(real, fake)["a", "b"] == pytest.approx(
        1 - abs(corrected(one, tied) - corrected(one, free))
    )
    assert pair_correlations(real, real)["a", "b"] == 1
    samples = [fake.sample(60, random_state=i) for i in range(20)]
    few = [pair_correlations(sample, fake)["a", "b"] for sample in samples]
    plain = [1 - association(crosstab(sample["a"], sample["b"]).count) for sample in samples]
    assert np.mean(few) > np.mean(plain) + 0.05, "few rows do not increase the association"


def test_numbers_are_binned_for_their_association_with_categories() -> None:
    x, word = RNG.normal(size=400), RNG.integers(0, 3, 400)
    x += word
    free = RNG.permutation(word)
    binned = (
        KBinsDiscretizer(10, encode="ordinal", quantile_method="linear")
        .fit_transform(x[:, None])[:, 0]
        .astype(int)
    )
    real, fake = (pd.DataFrame({"x": x, "word": pd.Categorical(side)}) for side in (word, free))
    by_hand = 1 - abs(corrected(binned, word) - corrected(binned, free))
    assert pair_correlations(real, fake)["x", "word"] == pytest.approx(by_hand)


def test_detection_uses_every_column() -> None:
    n = 600
    base = pd.DataFrame(
        {
            "x": RNG.normal(size=n),
            "word": RNG.choice(["a", "b"], n),
            "when": pd.Timestamp("2024-01-01"),
        }
    )
    other = base.sample(n, random_state=1, ignore_index=True)
    assert detection_auc(base, other) == pytest.approx(0.5, abs=0.07)
    shifted = other.assign(x=RNG.normal(1.0, 1, n))
    assert detection_auc(base, shifted) == pytest.approx(norm.cdf(1 / math.sqrt(2)), abs=0.05)
    assert detection_auc(base, other.assign(word="c")) == 1
    half = other.assign(x=other["x"].where(np.arange(n) % 2 == 0))
    assert detection_auc(base, half) == pytest.approx(0.75, abs=0.05), (
        "missing values identify half of the rows"
    )
    many = [pd.DataFrame({"id": [f"{side}-{i}" for i in range(200)]}) for side in "ab"]
    assert detection_auc(*many) <= 1


def test_every_container_and_dtype() -> None:
    table = RNG.normal(size=(30, 3))
    assert column_shapes(table, torch.from_numpy(table)).tolist() == [1, 1, 1]
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None] * 15, dtype="Int64"),
            "flag": pd.array([True, None] * 15, dtype="boolean"),
            "text": pd.array(["a", None] * 15, dtype="string"),
            "when": pd.to_datetime(["2024-01-01", None] * 15),
            "order": pd.Categorical(["low", "high"] * 15, ordered=True),
        }
    )
    turned = frame[frame.columns[::-1]].iloc[::-1]
    assert column_shapes(frame, turned).to_dict() == dict.fromkeys(frame, 1.0)
    assert (pair_correlations(frame, turned) == 1).all()
    assert 0 <= detection_auc(frame, turned) <= 1
    assert column_shapes(frame, frame.assign(when=pd.NaT)).drop("when").eq(1).all()


@pytest.mark.parametrize("zone", [None, "Europe/Oslo"])
def test_times_of_different_units_are_equal(zone: str | None) -> None:
    when = pd.Series(pd.date_range("2020", periods=60, freq="D", tz=zone, unit="ns"))
    real = pd.DataFrame({"when": when, "wait": when - when[0], "x": np.arange(60.0)})
    for unit in ("s", "ms", "us"):
        fake = real.assign(when=when.dt.as_unit(unit), wait=real["wait"].dt.as_unit(unit))
        assert column_shapes(real, fake).tolist() == [1, 1, 1]
        assert detection_auc(real, fake) == pytest.approx(detection_auc(real, real))


@pytest.mark.parametrize("figure", [column_shapes, pair_correlations, detection_auc])
def test_different_tables_are_an_error(figure: Any) -> None:
    real = pd.DataFrame({"x": [1.0, 2.0, 3.0], "w": ["a", "b", "c"]})
    for fake, message in (
        (real.rename(columns={"w": "v"}), r"different columns: only one of them has \['v', 'w'\]"),
        (real.assign(x=["1", "2", "3"]), "column 'x' is a number in real and a category in fake"),
        (real.iloc[:0], r"fake has shape \(0, 2\)"),
        (np.zeros(3), r"fake has shape \(3,\)"),
        (pd.concat([real, real], axis=1), r"fake has duplicate columns: \['x', 'w'\]"),
    ):
        with pytest.raises(InputError, match=message):
            figure(real, fake)
    if figure is pair_correlations:
        with pytest.raises(InputError, match="one column, 'x'"):
            figure(real[["x"]], real[["x"]])

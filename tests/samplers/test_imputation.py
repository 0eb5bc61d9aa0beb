"""Missing cells of tables: filled from the conditional distribution, in the user's form."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.impute import SimpleImputer

from gen_augment import InputError, KDESampler, MixtureSampler, NotFittedError
from tests.conftest import toy_images


def linked(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns that follow from each other: b = 2a + noise, a category by the sign of a, whole c."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "a": a,
            "b": 2 * a + 0.1 * rng.normal(size=n),
            "kind": pd.Categorical(np.where(a > 0, "up", "down")),
            "c": np.rint(10 * a).astype(np.int64),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30 * a), unit="D"),
        }
    )
    return frame, np.arange(n) % 2


def holed(X: pd.DataFrame, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """The same rows with one missing cell each."""
    gaps = np.zeros(X.shape, dtype=bool)
    gaps[np.arange(len(X)), np.random.default_rng(seed).integers(X.shape[1], size=len(X))] = True
    with_gaps = X.astype({"c": float}).mask(pd.DataFrame(gaps, columns=X.columns, index=X.index))
    return with_gaps, gaps


def test_cells_follow_from_the_others_of_the_row() -> None:
    X, y = linked()
    sampler = MixtureSampler(random_state=0).fit(X, y)
    other, _ = linked(seed=5)
    with_gaps, gaps = holed(other)
    found = sampler.impute(with_gaps)
    assert found.dtypes.to_dict() == X.dtypes.to_dict()
    assert not found.isna().to_numpy().any()
    for i, column in enumerate(X):
        assert (found[column][~gaps[:, i]] == other[column][~gaps[:, i]]).all()
    means = SimpleImputer().fit(X[["a", "b"]]).statistics_
    for i, (column, mean) in enumerate(zip(("a", "b"), means, strict=True)):
        error = (found[column] - other[column])[gaps[:, i]].abs().mean()
        assert error < 0.25 * (mean - other[column])[gaps[:, i]].abs().mean()
    assert (found["kind"] == other["kind"])[gaps[:, 2]].mean() > 0.9


def test_draws_vary_where_cells_are_open_and_each_row_has_its_own_noise() -> None:
    X, y = linked()
    sampler = MixtureSampler(random_state=0).fit(X, y)
    with_gaps, gaps = holed(X)
    draws = sampler.impute(with_gaps, y, n_draws=3, random_state=0)
    assert len(draws) == 3
    assert (draws[0]["a"] != draws[1]["a"]).to_numpy()[gaps[:, 0]].all()
    assert (draws[0]["a"] == draws[1]["a"]).to_numpy()[~gaps[:, 0]].all()
    again = sampler.impute(with_gaps, y, n_draws=1, random_state=0)[0]
    pd.testing.assert_frame_equal(again, draws[0])
    with_gaps.iloc[0] = X.iloc[0]  # the noise of a row does not depend on gaps of other rows
    moved = sampler.impute(with_gaps, y, n_draws=1, random_state=0)[0]
    pd.testing.assert_frame_equal(moved.iloc[1:], draws[0].iloc[1:])


def test_the_spread_of_draws_is_that_of_the_column_given_the_others() -> None:
    X, y = linked(2000)
    sampler = MixtureSampler(n_components=1, random_state=0).fit(X[["a", "b"]], y)
    with_gaps = X[["a"]].assign(b=np.nan)[:1000]
    drawn = sampler.impute(with_gaps, n_draws=1, random_state=0)[0]["b"]
    middle = (X["a"][:1000].abs() < 1).to_numpy()  # the tails of the encoding are compressed
    residual = (drawn - 2 * X["a"][:1000])[middle]
    assert 0.07 < residual.std() < 0.3
    assert abs(residual.mean()) < 0.05


def test_labels_decide_if_they_are_given() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = np.stack([rng.normal(size=400), 10.0 * y + rng.normal(size=400)], axis=1)
    sampler = MixtureSampler(random_state=0).fit(X, y)
    gap = np.array([[0.0, np.nan]])
    low, high = (sampler.impute(gap, label)[0, 1] for label in (0, 1))
    assert low < 2 < 8 < high


@pytest.mark.parametrize("form", ["ndarray", "float32", "tensor"])
def test_every_container_comes_back(form: str) -> None:
    rng = np.random.default_rng(0)
    X: Any = rng.normal(size=(60, 3)).astype(np.float32 if form == "float32" else np.float64)
    with_gaps = X.copy()
    with_gaps[::3, 1] = np.nan
    if form == "tensor":
        X, with_gaps = torch.from_numpy(X), torch.from_numpy(with_gaps)
    sampler = MixtureSampler(random_state=0).fit(X, np.arange(60) % 2)
    found = sampler.impute(with_gaps)
    assert (type(found), found.dtype, found.shape) == (type(X), X.dtype, X.shape)
    assert np.isfinite(np.asarray(found)).all()
    assert np.array_equal(np.asarray(found)[1::3], np.asarray(X)[1::3])
    assert np.array_equal(np.asarray(sampler.impute(X)), np.asarray(X))


def test_cells_that_were_missing_in_training_are_filled_with_values() -> None:
    X, y = linked(300)
    X = X.astype({"kind": object})
    X.loc[::4, "kind"] = None
    X.loc[::5, "b"] = np.nan
    found = MixtureSampler(random_state=0).fit(X, y).impute(X)
    assert not found.isna().to_numpy().any()
    assert set(found["kind"]) == {"up", "down"}


@pytest.mark.parametrize("n_categories", [60, 70, 300])
def test_a_missing_category_is_filled_however_many_there_are(n_categories: int) -> None:
    n = 4 * n_categories
    kinds = np.array([f"k{i}" for i in np.arange(n) % n_categories], dtype=object)
    y = np.arange(n) % n_categories % 2  # even and odd categories
    gap = np.random.default_rng(0).random(n) < 0.3
    X = pd.DataFrame({"a": np.arange(n) / n, "kind": pd.Series(kinds, dtype=object)})
    X.loc[gap, "kind"] = None
    sampler = MixtureSampler(random_state=0).fit(X, y)
    for filled in (sampler.impute(X), *sampler.impute(X, n_draws=1)):
        assert set(filled["kind"]) <= set(kinds)
        assert (filled["kind"][~gap] == kinds[~gap]).all()
    for filled in (sampler.impute(X, y), *sampler.impute(X, y, n_draws=1)):
        assert (filled["kind"].str[1:].astype(int) % 2 == y).all()


def test_bad_requests_are_refused() -> None:
    X, y = linked(60)
    with pytest.raises(NotFittedError):
        MixtureSampler().impute(X)
    sampler = MixtureSampler(random_state=0).fit(X, y)
    with pytest.raises(InputError, match="n_draws=0"):
        sampler.impute(X, n_draws=0)
    with pytest.raises(InputError, match="label 9"):
        sampler.impute(X, 9)
    with pytest.raises(InputError, match="features"):
        sampler.impute(X[["a"]])
    assert not hasattr(KDESampler(), "impute")
    images, _ = toy_images()
    from gen_augment.modalities import Image

    codec, _ = Image().fit(images)
    with pytest.raises(InputError, match="image rows have no cells"):
        codec.gaps(images)


def test_a_class_gets_only_categories_that_it_has() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = pd.DataFrame({"x": rng.normal(size=80), "c": np.where(y, rng.choice(["p", "q"], 80), "z")})
    X.loc[:20, "c"] = None
    sampler = MixtureSampler(random_state=0).fit(X, y)
    for table in sampler.impute(X, y, n_draws=3):
        assert ((table["c"] == "z") == (y == 0)).all()

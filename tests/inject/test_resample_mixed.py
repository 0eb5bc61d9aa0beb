"""`GenerativeOverSampler` on mixed frames: forms, pipelines with a ColumnTransformer, grid searches."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, SMOTENC
from imblearn.pipeline import Pipeline, make_pipeline
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gen_augment import (
    AEDASampler,
    BootstrapSampler,
    ConditionalVAE,
    GenerativeOverSampler,
    InputError,
    KDESampler,
    MixtureSampler,
    SMOTESampler,
)
from gen_augment.modalities.series.forms import as_objects
from tests.conftest import toy_table
from tests.samplers.test_mixed import draw_mixed


def imbalanced(n: int = 160) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    X, y = draw_mixed(n)
    keep = np.flatnonzero((y == "no") | (np.arange(n) % 4 == 0))
    return X.iloc[keep], y.iloc[keep]  # with gaps in the index


def small_vae() -> ConditionalVAE:
    return ConditionalVAE(max_steps=3, width=4, latent_dim=4, device="cpu", random_state=0)


@pytest.mark.parametrize(
    "sampler",
    [small_vae(), SMOTESampler(), KDESampler(), MixtureSampler(), BootstrapSampler()],
    ids=repr,
)
def test_mixed_frames_come_back_with_their_dtypes(sampler: Any) -> None:
    X, y = imbalanced()
    X_new, y_new = GenerativeOverSampler(sampler, random_state=0).fit_resample(X, y)
    assert y_new.value_counts().nunique() == 1
    assert X_new.dtypes.equals(X.dtypes)
    pd.testing.assert_frame_equal(X_new.iloc[: len(X)], X.reset_index(drop=True))
    assert X_new.index.equals(pd.RangeIndex(len(X_new)))
    assert X_new["kind"].cat.categories.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("sampler", [small_vae(), SMOTESampler()], ids=repr)
def test_a_column_transformer_goes_downstream(sampler: Any) -> None:
    X, y = imbalanced()
    X = X.drop(columns="day").astype({"count": "float64"})
    columns = make_column_transformer(
        (
            plain_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(), make_column_selector(dtype_include=["category", "bool"])),
    )
    model = make_pipeline(
        GenerativeOverSampler(sampler, random_state=0), columns, LogisticRegression()
    )
    name = next(key for key in model.get_params() if key.endswith("sampling_strategy"))
    search = GridSearchCV(
        model, {name: ["auto", 0.9]}, cv=2, error_score="raise", scoring="balanced_accuracy"
    )
    assert search.fit(X, y).best_score_ > 0.55
    trees = make_pipeline(
        GenerativeOverSampler(sampler, random_state=0), HistGradientBoostingClassifier(max_iter=5)
    )
    assert set(trees.fit(X, y).predict(X)) <= {"no", "yes"}


@pytest.mark.parametrize(
    "sampler, grid",
    [
        (small_vae(), {"max_steps": [2, 3], "lr": [1e-3]}),
        (SMOTESampler(), {"k_neighbors": [2, 5]}),
        (KDESampler(), {"bandwidth": [0.1, "scott"]}),
        (MixtureSampler(), {"n_components": [1, 2]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_grid_search_over_the_sampler_with_frames_from_end_to_end(
    sampler: Any, grid: dict[str, Any]
) -> None:
    X, y = imbalanced()
    X = X[["kind", "flag", "count"]]
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["kind"]),
        (StandardScaler(), ["count"]),
        remainder="passthrough",
    )
    steps = [
        ("over", GenerativeOverSampler(sampler, random_state=0)),
        ("columns", columns),
        ("model", LogisticRegression()),
    ]
    pipeline = Pipeline(steps).set_output(transform="pandas")
    search = GridSearchCV(
        pipeline,
        {f"over__sampler__{name}": v for name, v in grid.items()},
        cv=2,
        error_score="raise",
    )
    best = search.fit(X, y).best_estimator_
    names = [
        "onehotencoder__kind_a",
        "onehotencoder__kind_b",
        "onehotencoder__kind_c",
        "standardscaler__count",
    ]
    assert list(best["model"].feature_names_in_) == [*names, "remainder__flag"]
    assert list(best["over"].feature_names_in_) == ["kind", "flag", "count"]
    chosen = {
        name.removeprefix("over__sampler__"): value for name, value in search.best_params_.items()
    }
    assert {name: getattr(best["over"].sampler_, name) for name in grid} == chosen
    assert (search.predict(X) == y).mean() > 0.6


def test_our_smote_is_as_good_as_that_of_imbalanced_learn() -> None:
    """New rows of both have the moments of the minority class, since both use its neighbours."""
    X, y = toy_table(400)
    few = np.sort(np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:60]]))
    X, y = X[few], y[few]
    ours = GenerativeOverSampler(SMOTESampler(), random_state=0).fit_resample(X, y)[0][260:]
    theirs = SMOTE(random_state=0).fit_resample(X, y)[0][260:]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.35)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.25)


def test_categories_of_smote_are_as_frequent_as_in_smotenc() -> None:
    X, y = draw_mixed(600)
    X = X[["kind", "flag", "count"]].astype({"count": "float64"}).assign(x=X["x"].fillna(0.0))
    few = np.flatnonzero((y == "no") | (np.arange(600) % 3 == 0))
    X, y = X.iloc[few].reset_index(drop=True), y.iloc[few].reset_index(drop=True)
    ours = (
        GenerativeOverSampler(SMOTESampler(), random_state=0).fit_resample(X, y)[0].iloc[len(X) :]
    )
    theirs = SMOTENC([0, 1], random_state=0).fit_resample(X, y)[0].iloc[len(X) :]
    shares = [
        part["kind"].value_counts(normalize=True).reindex(["a", "b", "c"])
        for part in (ours, theirs)
    ]
    np.testing.assert_allclose(*shares, atol=0.12)
    np.testing.assert_allclose(ours["x"].mean(), theirs["x"].mean(), atol=0.4)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda X, y: (X.assign(x=np.where(X.index == X.index[3], np.inf, X["x"])), y),
            "column 'x' of X contains infin",
        ),
        (lambda X, y: (X.set_axis(["a", "a", "b", "c", "d"], axis=1), y), "occur twice"),
        (lambda X, y: (X, y.where(np.arange(len(y)) != 2)), "y has no label in row 2"),
        (lambda X, y: (X, y.mask(np.arange(len(y)) == 2, "only one")), "'only one': 1"),
    ],
)
def test_bad_frames_are_named(change: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        GenerativeOverSampler(SMOTESampler(), random_state=0).fit_resample(*change(*imbalanced()))


def test_all_missing_and_wide_columns_are_kept() -> None:
    X, y = imbalanced()
    X = X.assign(empty=np.nan, name=[f"customer {i}" for i in range(len(X))])
    X_new, _ = GenerativeOverSampler(small_vae(), random_state=0).fit_resample(X, y)
    assert X_new["empty"].isna().all()
    assert set(X_new["name"]) <= set(X["name"])


@pytest.mark.parametrize(
    "form",
    [list, np.array, lambda rows: pd.Series(rows, name="q", index=range(3, 12)), as_objects],
    ids=["list", "array", "Series", "objects"],
)
def test_texts_come_back_in_their_container(form: Any) -> None:
    rows = [f"a text of {n} words" for n in range(9)]
    X = form(rows)
    new, y = GenerativeOverSampler(AEDASampler(random_state=0)).fit_resample(X, [0, 0, 1] * 3)
    assert type(new) is type(X)
    assert y == [0, 0, 1] * 3 + [1] * 3
    assert list(new)[:9] == rows
    assert all(len(text) > len(rows[0]) for text in list(new)[9:])  # not cut to the dtype
    if isinstance(X, pd.Series):
        assert (new.name, new.dtype) == (X.name, X.dtype)


def test_series_of_unequal_lengths_as_objects() -> None:
    X = as_objects([np.arange(3.0 + i % 4) for i in range(9)])
    sampler = BootstrapSampler(modality="series", random_state=0)
    new, _ = GenerativeOverSampler(sampler).fit_resample(X, [0, 0, 1] * 3)
    assert (new.dtype, new.shape) == (X.dtype, (12,))

"""`GenerativeOverSampler` for a continuous target: distribution, forms, usefulness and errors."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from gen_augment import (
    BootstrapSampler,
    ConditionalVAE,
    ExhaustedError,
    GenerativeOverSampler,
    InputError,
    KDESampler,
    MixtureSampler,
    SMOTESampler,
)
from gen_augment.inject.target_bins import MIN_ROWS


def law(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(1.5 * x))


def skewed(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """E[y | x] = exp(1.5 x_0), with an uninformative second column and few high values."""
    X = np.random.default_rng(seed).normal(size=(n, 2))
    return X, law(X[:, 0]) + 0.3 * np.random.default_rng(seed + 1).normal(size=n)


def over(sampler: Any, **params: Any) -> GenerativeOverSampler:
    return GenerativeOverSampler(sampler, task="regression", random_state=0, **params)


@pytest.mark.parametrize(
    "sampler, bias",
    [(SMOTESampler(), 0.35), (MixtureSampler(), 0.4), (BootstrapSampler(), 0.05)],
    ids=repr,
)
def test_synthetic_pairs_follow_the_joint_law(sampler: Any, bias: float) -> None:
    X, y = skewed()
    model = over(sampler, n_bins=8)
    X_new, y_new = model.fit_resample(X, y)
    counts = np.histogram(y, model.bin_edges_)[0]
    assert 2 < len(counts) <= 8
    assert counts.min() >= MIN_ROWS
    np.testing.assert_array_equal(np.histogram(y_new, model.bin_edges_)[0], counts.max())
    np.testing.assert_array_equal(X_new[: len(X)], X)
    np.testing.assert_array_equal(y_new[: len(y)], y)
    assert (
        model.is_synthetic_.sum() == len(y_new) - len(y) == sum(model.sampling_strategy_.values())
    )
    made, seen = model.is_synthetic_, law(X_new[:, 0])
    # In each bin, however rare, y is near E[y | x], on average and row by row.
    for low, high in zip(model.bin_edges_[:-1], model.bin_edges_[1:], strict=True):
        here = made & (y_new >= low) & (y_new < high)
        if here.any():
            assert abs(np.mean(y_new[here] - seen[here])) < bias * max(1.0, 0.15 * high)
    assert np.corrcoef(np.log(np.maximum(y_new[made], 0.1)), X_new[made, 0])[0, 1] > 0.85


@pytest.mark.parametrize(
    "regressor, price", [(KNeighborsRegressor(), 1.05), (LinearRegression(), 5.0)], ids=repr
)
def test_the_rare_end_is_learned_better(regressor: Any, price: float) -> None:
    """Neighbours lose nothing elsewhere. A straight line has larger errors at low values."""
    X, y = skewed()
    X_test, y_test = skewed(4000, seed=5)
    model = make_pipeline(over(SMOTESampler()), clone(regressor)).fit(X, y)
    tail = y_test > np.quantile(y_test, 0.98)
    with_rows, without = (np.abs(m.predict(X_test) - y_test) for m in (model, regressor.fit(X, y)))
    assert with_rows[tail].mean() < 0.85 * without[tail].mean()
    assert with_rows[~tail].mean() < price * without[~tail].mean()


def vae() -> ConditionalVAE:
    return ConditionalVAE(max_steps=400, width=32, latent_dim=4, device="cpu", random_state=0)


def test_a_generator_in_a_grid_search_on_a_mixed_frame() -> None:
    X, y = skewed(300)
    frame = pd.DataFrame(
        {"x": X[:, 0], "high": X[:, 0] > 0, "kind": pd.Categorical(np.where(X[:, 1] > 0, "a", "b"))}
    )
    target = pd.Series(y, name="price", index=range(5, 305), dtype="float32")
    model = over(vae(), n_bins=10, max_draws=50)
    X_new, y_new = model.fit_resample(frame.set_index(target.index), target)
    assert X_new.dtypes.equals(frame.dtypes)
    assert (y_new.name, y_new.dtype, y_new.index.equals(X_new.index)) == ("price", np.float32, True)
    assert list(model.feature_names_in_) == ["x", "high", "kind"]
    made = X_new[model.is_synthetic_]
    assert (made["high"] == (made["x"] > 0)).mean() > 0.9
    assert np.corrcoef(law(made["x"]), y_new[model.is_synthetic_])[0, 1] > 0.7
    pipeline = make_pipeline(over(SMOTESampler()), StandardScaler(), KNeighborsRegressor())
    search = GridSearchCV(
        pipeline, {"generativeoversampler__n_bins": [8, 16]}, cv=2, error_score="raise"
    )
    assert search.fit(frame[["x", "high"]].astype(float), target.to_numpy()).best_score_ > 0.8


@pytest.mark.parametrize("form", ["array", "whole", "tensor", "frame", "list", "nullable"])
def test_forms_come_back(form: str) -> None:
    X, y = skewed(120)
    forms: dict[str, tuple[Any, Any]] = {
        "array": (X.astype(np.float32), y.astype(np.float32)),
        "whole": (np.rint(10 * X).astype(np.int16), np.rint(y).astype(np.int32)),
        "tensor": (torch.from_numpy(X), torch.from_numpy(y).float()),
        "frame": (pd.DataFrame(X, columns=[3, 7]), pd.Series(y)),
        "list": (X.tolist(), y.tolist()),
        "nullable": (
            pd.DataFrame(X, columns=["target", "b"]),
            pd.Series(np.rint(y), name="target").astype("Int64"),
        ),
    }
    X, y = forms[form]
    model = over(KDESampler(), n_bins=10)
    X_new, y_new = model.fit_resample(X, y)
    assert type(X_new) is type(X)
    assert type(y_new) is type(y)
    assert len(X_new) == len(y_new) > len(y)
    if form == "list":
        assert (X_new[: len(X)], y_new[: len(y)]) == (X, y)
        assert {type(value) for value in (*y_new, *X_new[-1])} == {float}
    else:
        assert y_new.dtype == y.dtype
        assert np.array_equal(np.asarray(X_new[: len(X)]), np.asarray(X))
        if isinstance(X, pd.DataFrame):
            pd.testing.assert_index_equal(X_new.columns, X.columns)
            assert y_new.name == y.name
        else:
            assert X_new.dtype == X.dtype
    assert model.n_features_in_ == 2
    assert len(set(np.histogram(np.asarray(y_new, float), model.bin_edges_)[0])) == 1


def test_counts_are_those_requested_and_runs_repeat() -> None:
    X, y = skewed(200)
    model = over(SMOTESampler(), binning="quantile", n_bins=4, sampling_strategy={3: 80})
    _, y_new = model.fit_resample(X, y)
    assert np.histogram(y_new, model.bin_edges_)[0].tolist() == [50, 50, 50, 80]
    np.testing.assert_array_equal(clone(model).fit_resample(X, y)[1], y_new)
    assert clone(model).fit(X, y).sampling_strategy_ == {3: 30}
    nothing = over(SMOTESampler(), binning="quantile", n_bins=4)
    assert [len(part) for part in nothing.fit_resample(X, y)] == [200, 200]
    assert nothing.sampler_ is None


class High:
    """A sampler of rows with the target 100."""

    def fit(self, X: Any, y: Any) -> "High":
        self.row = X.iloc[:1].copy()
        self.row.iloc[0, -1] = 100.0
        return self

    def generate(self, index: Any, y: Any, *, seed: int | None = None) -> Any:
        return pd.concat([self.row] * len(index), ignore_index=True)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **params: Any) -> "High":
        return self


def test_targets_outside_their_bin_are_drawn_again_and_then_an_error() -> None:
    X, y = skewed(100)
    model = GenerativeOverSampler(High(), task="regression", max_draws=3)
    with pytest.raises(
        ExhaustedError, match=r"targets must lie in the bins .* raise max_draws \(3\)"
    ) as caught:
        model.fit_resample(X, y)
    assert caught.value.kept == 0


@pytest.mark.parametrize(
    "change, params, message",
    [
        (lambda X, y: (X, np.full(60, 3.0)), {}, r"y is .*3\.0.* in every row"),
        (
            lambda X, y: (X, np.where(y == y[4], np.nan, y)),
            {},
            r"y contains NaN \(first in row 4;",
        ),
        (lambda X, y: (X, np.where(y == y[4], np.inf, y)), {}, r"y contains infinity .*row 4"),
        (lambda X, y: (X, np.arange(60) % 3), {}, "n_bins=5, but y has 3 distinct values"),
        (lambda X, y: (X, ["low"] * 60), {}, "y has dtype <U3"),
        (lambda X, y: (X, y > 0), {}, "y has dtype bool"),
        (lambda X, y: (X, y[:, None]), {}, r"y has shape \(60, 1\)"),
        (lambda X, y: (X, y[:50]), {}, "X has 60 rows and y has 50 labels"),
        (lambda X, y: (X[:9], y[:9]), {}, "the 9 rows of y make only one bin of at least 6"),
        (lambda X, y: (X, y / abs(y).max() * 1.7e308 - (y < 1) * 1e308), {}, "too large"),
        (lambda X, y: (X.reshape(60, 2, 1), y), {}, r"X of shape \(60, 2, 1\)"),
        (
            lambda X, y: (
                pd.DataFrame(X).set_axis([("a", i) for i in range(X.shape[1])], axis=1),
                y,
            ),
            {},
            "are called",
        ),
        (lambda X, y: (X[:0], y[:0]), {}, "y is empty"),
        (lambda X, y: (X, y), {"n_bins": 0}, "n_bins=0 is not a whole number"),
        (
            lambda X, y: (X, y),
            {"binning": "kmeans"},
            "binning='kmeans' is not one of 'uniform', 'quantile'",
        ),
        (lambda X, y: (X, y), {"task": "ranking"}, "task='ranking' is not one of"),
    ],
)
def test_bad_targets_are_named(change: Any, params: dict[str, Any], message: str) -> None:
    X, y = change(*skewed(60))
    model = GenerativeOverSampler(SMOTESampler(), **({"task": "regression"} | params))
    if params.get("task"):
        y = (y > 1).astype(int)
    with pytest.raises(InputError, match=message):
        model.fit_resample(X, y)
    assert not hasattr(model, "sampler_")

"""`GenerativeOverSampler`: imbalanced-learn's checks, and the counts of its RandomOverSampler."""

import importlib
import pickle
import sys
from collections import Counter
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.utils import check_sampling_strategy
from imblearn.utils.estimator_checks import check_param_validation, parametrize_with_checks
from numpy.typing import ArrayLike
from PIL import Image
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.preprocessing import FunctionTransformer

from gen_augment import ConditionalVAE, InputError, MissingDependencyError, SMOTESampler
from gen_augment.containers import take
from gen_augment.errors import ExhaustedError
from gen_augment.filters import Realism
from gen_augment.inject.resample import GenerativeOverSampler
from tests.conftest import as_form, toy_images, toy_table


def small_vae(max_steps: int = 2) -> ConditionalVAE:
    return ConditionalVAE(
        max_steps=max_steps, width=4, latent_dim=4, batch_size=16, device="cpu", random_state=0
    )


class Rows(BaseEstimator):
    """A sampler without a network. Row `i` of a class is its first training row plus `i` / 1,000."""

    def __init__(self, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Rows":
        self.classes_, first, counts = np.unique(y, return_index=True, return_counts=True)
        self.class_prior_, self.first_ = counts / len(y), X[first]
        self.X_, self.y_ = X, y
        return self

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        rows: np.ndarray = (
            self.first_[np.searchsorted(self.classes_, y)] + np.asarray(index)[:, None] / 1000
        )
        return rows


class Unseeded(Rows):
    def __init__(self) -> None:
        super().__init__()


class NeverFit(Rows):
    def fit(self, X: np.ndarray, y: np.ndarray) -> "Rows":
        raise AssertionError("nothing was to be generated")


def imbalanced(form: str) -> tuple[Any, Any]:
    """Toy data of a form with three quarters of one class left out."""
    X, y = as_form(form)
    keep = np.flatnonzero((np.arange(len(y)) % 2 == 0) | (np.arange(len(y)) % 8 == 1))
    return take(X, keep), take(y, keep)


def same(a: Any, b: Any) -> bool:
    """Equal in type, dtype and every value."""
    if isinstance(a, (pd.DataFrame, pd.Series)):
        (
            pd.testing.assert_frame_equal
            if isinstance(a, pd.DataFrame)
            else pd.testing.assert_series_equal
        )(a, b)
        return True
    if isinstance(a, list):
        pairs = zip(a, b, strict=True)
        return all(
            type(x) is type(z) and np.array_equal(np.asarray(x), np.asarray(z)) for x, z in pairs
        )
    return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


# pytest wants a list of them, and imbalanced-learn gives a generator.
CHECKS = parametrize_with_checks([GenerativeOverSampler(small_vae())])


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_conventions(estimator: Any, check: Any) -> None:
    check(estimator)


def test_every_parameter_is_validated_or_declared_as_its_own() -> None:
    check_param_validation("GenerativeOverSampler", GenerativeOverSampler(Rows()))


CLASSES = st.lists(st.integers(2, 12), min_size=2, max_size=5)
STRATEGIES = ["auto", "minority", "not minority", "not majority", "all"]


@st.composite
def tasks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Any]:
    """A table, labels in any order, and a strategy of any kind."""
    counts = draw(CLASSES)
    labels = draw(
        st.sampled_from([np.arange(5), np.array(["e", "dd", "ccc", "b", "a"]), -np.arange(5.0)])
    )
    y = np.repeat(labels[: len(counts)], counts)
    y = y[np.random.default_rng(draw(st.integers(0, 99))).permutation(len(y))]
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    more = {
        label: Counter(y.tolist())[label] + draw(st.integers(0, 9)) for label in set(y.tolist())
    }
    ratios = st.floats(min(1, (min(counts) + 1) / max(counts)), 1)
    kinds = [st.sampled_from(STRATEGIES), st.just(more), st.just(lambda y: more)]
    if len(counts) == 2 and min(counts) < max(counts):
        kinds.append(ratios)
    return X, y, draw(st.one_of(kinds))


@given(task=tasks())
def test_originals_come_first_and_counts_are_those_of_imbalanced_learn(task: Any) -> None:
    X, y, strategy = task
    over = GenerativeOverSampler(Rows(), sampling_strategy=strategy, synthetic_weight=0.25)
    X_new, y_new = over.fit_resample(X, y)
    asked = check_sampling_strategy(strategy, y, "over-sampling")
    assert over.sampling_strategy_ == asked
    assert Counter(y_new.tolist()) == Counter(y.tolist()) + Counter(
        {k: int(n) for k, n in asked.items()}
    )
    reference = RandomOverSampler(sampling_strategy=strategy, random_state=0).fit_resample(X, y)
    assert Counter(y_new.tolist()) == Counter(reference[1].tolist())
    assert X_new.shape == reference[0].shape
    assert same(X_new[: len(y)], X)
    assert same(y_new[: len(y)], y)
    assert over.is_synthetic_.tolist() == [False] * len(y) + [True] * (len(y_new) - len(y))
    assert over.sample_weight_.tolist() == np.where(over.is_synthetic_, 0.25, 1.0).tolist()
    if over.is_synthetic_.any():
        made = np.arange(over.is_synthetic_.sum())
        assert same(X_new[len(y) :], over.sampler_.generate(made, y_new[len(y) :]))


def test_all_forms_are_kept(form: str) -> None:
    X, y = imbalanced(form)
    n = len(y)
    over = GenerativeOverSampler(small_vae())
    X_new, y_new = over.fit_resample(X, y)
    extra = len(y_new) - n
    assert same(take(X_new, np.arange(n)), X)
    assert same(take(y_new, np.arange(n)), y)
    # An independent fit on the same rows gives the same synthetic rows.
    y_extra = take(y_new, np.arange(n, n + extra))
    expected = small_vae().fit(X, np.asarray(y)).generate(np.arange(extra), np.asarray(y_extra))
    assert same(take(X_new, np.arange(n, n + extra)), expected)
    assert len(set(Counter(np.asarray(y_new).tolist()).values())) == 1
    assert over.is_synthetic_.sum() == extra > 0
    row = np.asarray(X.iloc[0] if isinstance(X, pd.DataFrame) else X[0])
    assert over.n_features_in_ == row.size
    assert hasattr(over, "feature_names_in_") == isinstance(X, pd.DataFrame)


def test_a_list_keeps_its_kind_of_row() -> None:
    X, y = imbalanced("table-array")
    images, y_images = imbalanced("uint8-nhw")
    lists, labels = GenerativeOverSampler(small_vae()).fit_resample(X.tolist(), y.tolist())
    assert lists[: len(y)] == X.tolist()
    assert {type(row) for row in lists} == {list}
    assert {type(label) for label in labels} == {int}
    for rows, kind in ((list(X), np.ndarray), (list(torch.from_numpy(X)), torch.Tensor)):
        made, _ = GenerativeOverSampler(small_vae()).fit_resample(rows, y)
        assert {(type(row), row.dtype, tuple(row.shape)) for row in made} == {
            (kind, rows[0].dtype, (3,))
        }
    made, _ = GenerativeOverSampler(small_vae()).fit_resample(list(images), y_images)
    assert {(type(row), row.dtype, row.shape) for row in made} == {
        (np.ndarray, images.dtype, (12, 12))
    }
    made, _ = GenerativeOverSampler(Rows()).fit_resample(tuple(map(tuple, X.tolist())), y)
    assert same(
        made, GenerativeOverSampler(Rows()).fit_resample(X, y)[0]
    )  # an ndarray, as in imbalanced-learn


def test_columns_and_labels_keep_their_extension_dtypes() -> None:
    X, y = imbalanced("table-array")
    frame = pd.DataFrame(
        {
            "whole": pd.array(np.rint(X[:, 0]), dtype="Int32"),
            "float": pd.array(X[:, 1], dtype="Float64"),
            "flag": pd.array(X[:, 2] > 0, dtype="boolean"),
            "sparse": pd.arrays.SparseArray(np.where(X[:, 2] > 0, X[:, 2], 0), fill_value=0),
        },
        index=np.arange(len(y)) + 100,
    )
    labels = pd.Series(np.array(["no", "yes"])[y], name="churn", index=frame.index)
    for dtype in ("category", "string", object):
        X_new, y_new = GenerativeOverSampler(small_vae()).fit_resample(frame, labels.astype(dtype))
        pd.testing.assert_frame_equal(X_new[: len(y)], frame.reset_index(drop=True))
        pd.testing.assert_series_equal(y_new[: len(y)], labels.astype(dtype).reset_index(drop=True))
        assert y_new.index.equals(X_new.index)
        assert y_new.value_counts().tolist() == [30, 30]


def test_a_byte_order_is_kept() -> None:
    X, y = imbalanced("table-array")
    X_new, y_new = GenerativeOverSampler(small_vae()).fit_resample(X.astype(">f4"), y.astype(">i2"))
    assert (X_new.dtype.str, y_new.dtype.str) == (">f4", ">i2")


@pytest.mark.parametrize("kind", ["ndarray", "tensor", "frame", "list"])
def test_one_hot_labels_come_back_one_hot(kind: str) -> None:
    y = np.repeat([0, 1, 2], [9, 5, 3])
    X = np.random.default_rng(0).normal(size=(17, 2))
    one_hot = np.eye(3, dtype=np.int16)[y]
    given_y = {
        "ndarray": one_hot,
        "tensor": torch.from_numpy(one_hot),
        "frame": pd.DataFrame(one_hot, columns=list("abc")),
        "list": one_hot.tolist(),
    }[kind]
    _, y_new = GenerativeOverSampler(Rows()).fit_resample(X, given_y)
    assert type(y_new) is type(given_y)
    assert getattr(y_new, "dtype", None) == getattr(given_y, "dtype", None)
    expected = np.eye(3)[np.concatenate([y, np.repeat([1, 2], [4, 6])])]
    np.testing.assert_array_equal(np.asarray(y_new), expected)


@pytest.mark.parametrize(
    "y",
    [
        np.eye(2, dtype=int)[[0, 0, 0, 1, 1]],
        np.eye(4, dtype=int)[[0, 0, 1, 1, 3]],
        np.eye(3, dtype=int)[[0, 0, 1, 1, 2]] * np.array([[0], [1], [1], [1], [1]]),
        [*np.eye(3)[[0, 0, 1, 1, 2]].tolist(), [1, 1, 0]],
        sparse.csr_matrix(np.eye(3, dtype=int)[[0, 0, 1, 1, 2]]),
    ],
)
def test_two_dimensional_labels_that_would_not_come_back_are_refused(y: Any) -> None:
    with pytest.raises(ValueError, match=r"one label for each row|Multilabel"):
        GenerativeOverSampler(NeverFit()).fit_resample(
            np.zeros((y.shape[0] if sparse.issparse(y) else len(y), 2)), y
        )


@pytest.mark.parametrize("strategy", ["auto", "all", {}])
def test_nothing_is_fitted_if_no_rows_are_requested(form: str, strategy: Any) -> None:
    X, y = as_form(form)
    over = GenerativeOverSampler(NeverFit(), sampling_strategy=strategy)
    X_new, y_new = over.fit_resample(X, y)
    assert same(X_new, X)
    assert same(y_new, y)
    assert X_new is not X
    assert over.sampler_ is None
    assert not over.is_synthetic_.any()
    assert len(over.sample_weight_) == len(y)


def test_fitted_samplers_of_an_earlier_call_are_removed() -> None:
    over = GenerativeOverSampler(Rows()).fit(*toy_table())
    over.fit_resample(*imbalanced("table-array"))
    assert over.sampler_ is not None
    assert over.fit_resample(*toy_table())[0].shape == (60, 3)
    assert over.sampler_ is None


def test_the_sampler_sees_the_rows_as_they_are_and_stays_unfitted() -> None:
    X, y = imbalanced("table-array")
    sampler = Rows(random_state=7)
    over = GenerativeOverSampler(sampler)
    over.fit_resample(X, y)
    assert over.sampler_.X_ is X
    assert same(over.sampler_.y_, y)
    assert over.sampler_.random_state == 7
    assert not hasattr(sampler, "X_")


def test_random_state_decides() -> None:
    X, y = imbalanced("table-array")

    def run(random_state: Any) -> np.ndarray:
        vae = small_vae().set_params(random_state=None)
        rows: np.ndarray = GenerativeOverSampler(vae, random_state=random_state).fit_resample(X, y)[
            0
        ]
        return rows

    assert same(run(3), run(3))
    assert not np.array_equal(run(3), run(4))
    assert not np.array_equal(run(None), run(None))
    assert same(run(np.random.RandomState(3)), run(np.random.RandomState(3)))
    assert same(run(np.random.default_rng(3)), run(np.random.default_rng(3)))
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    run(3)
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_filters_choose_the_rows() -> None:
    X, y = imbalanced("table-array")
    # A third of each drawn batch passes.
    third = np.arange(1000) % 3 == 0
    over = GenerativeOverSampler(Rows(), filters=[lambda X, y: third[: len(X)]], max_draws=50)
    X_new, y_new = over.fit_resample(X, y)
    assert Counter(y_new.tolist()) == {0: 30, 1: 30}
    assert same(X_new[: len(y)], X)
    low = GenerativeOverSampler(
        Rows(), filters=[lambda X, y: X[:, 1] <= X[:, 1].min()], max_draws=1
    )
    with pytest.raises(ExhaustedError) as caught:
        low.fit_resample(X, y)
    assert caught.value.drawn == over.is_synthetic_.sum()
    assert not hasattr(low, "sampler_")


def test_it_is_cloned_pickled_and_named_as_estimators_are() -> None:
    over = GenerativeOverSampler(small_vae(), sampling_strategy="all", max_draws=3, random_state=0)
    assert clone(over).get_params()["sampler__max_steps"] == 2
    assert over.set_params(sampler__max_steps=4).sampler.max_steps == 4
    frame, labels = imbalanced("table-frame")
    over.fit_resample(frame, labels)
    assert over.get_feature_names_out().tolist() == frame.columns.tolist()
    assert same(pickle.loads(pickle.dumps(over)).is_synthetic_, over.is_synthetic_)


@pytest.mark.parametrize("form_", ["table-frame", "uint8-nhwc"])
def test_cross_validation_in_a_pipeline(form_: str) -> None:
    X, y = imbalanced(form_)
    y = np.asarray(y)
    flat = FunctionTransformer(lambda X: np.asarray(X, dtype=float).reshape(len(X), -1) / 100)
    model = Pipeline(
        [
            ("over", GenerativeOverSampler(small_vae())),
            ("flat", flat),
            ("classifier", LogisticRegression()),
        ]
    )
    scores = cross_val_score(
        model, X, y, cv=StratifiedKFold(2), error_score="raise", scoring="balanced_accuracy"
    )
    assert scores.shape == (2,)
    assert np.all((scores >= 0) & (scores <= 1))
    assert model.fit(X, y).named_steps["over"].sampler_.n_steps_ == 2
    assert model.predict(X).shape == y.shape


def test_a_grid_search_over_the_sampler() -> None:
    X, y = imbalanced("table-array")
    model = Pipeline(
        [("over", GenerativeOverSampler(small_vae())), ("classifier", LogisticRegression())]
    )
    grid = {"over__sampler__max_steps": [1, 3], "over__sampling_strategy": ["auto", 0.5]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    best = search.best_estimator_.named_steps["over"]
    assert best.sampler_.n_steps_ == search.best_params_["over__sampler__max_steps"]


X_GOOD, Y_GOOD = np.random.default_rng(0).normal(size=(12, 2)), np.repeat([0, 1], [8, 4])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"sampler": Rows}, r"sampler=Rows is a class: give an instance, Rows\(\)"),
        ({"sampler": LogisticRegression()}, "has no generate"),
        ({"sampler": None}, "sampler=None has no fit, generate"),
        (
            {"sampler": Unseeded(), "random_state": 3},
            r"random_state=3, but Unseeded\(\) does not take one",
        ),
        ({"random_state": True}, "random_state=True"),
        ({"filters": [1]}, r"filters=\[1\]"),
        ({"filters": "agreement"}, "filters='agreement'"),
        ({"max_draws": 0}, "max_draws=0"),
        ({"synthetic_weight": -1}, "synthetic_weight=-1"),
        ({"synthetic_weight": float("inf")}, "synthetic_weight=inf"),
        ({"synthetic_weight": float("nan")}, "synthetic_weight=nan"),
        ({"sampling_strategy": {1: 8.5}}, r"asks for 4\.5 more rows of 1"),
        ({"sampling_strategy": MappingProxyType({1: 8})}, "is not a dict"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], message: str) -> None:
    over = GenerativeOverSampler(Rows()).set_params(**params)
    with pytest.raises(InputError, match=message):
        over.fit_resample(X_GOOD, Y_GOOD)
    assert not hasattr(over, "sampler_")


@pytest.mark.parametrize(
    "X, message",
    [
        (X_GOOD[:-1], "X has 11 rows and y has 12 labels"),
        (X_GOOD[:, 0], r"X has shape \(12,\)"),
        ([1.0] * 12, r"X has shape \(12,\)"),
        ("folder", r"X has shape \(\)"),
        ([[1.0, 2.0]] * 11 + [[1.0]], "different shapes"),
        (np.where(X_GOOD > 0, X_GOOD, np.inf), "infinity"),
        (X_GOOD.astype(str), "dtype <U"),
        (pd.DataFrame({"a": [1j, 2j, 3j] * 4}), "cannot be used as they are"),
        ([Image.new("L", (4, 4))] * 12, "8 to 1,024 px"),
    ],
)
def test_bad_rows_are_named(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        GenerativeOverSampler(small_vae()).fit_resample(X, Y_GOOD)


def test_a_class_with_too_few_rows_is_named() -> None:
    with pytest.raises(InputError, match=r"at least 2 rows in every class.*\{1: 1\}"):
        GenerativeOverSampler(small_vae()).fit_resample(X_GOOD, np.arange(12) // 11)


def test_images_are_made_of_their_class() -> None:
    X, y = toy_images(n=60)
    keep = np.flatnonzero((y == 0) | (np.arange(60) % 3 == 0))
    over = GenerativeOverSampler(small_vae(max_steps=60), random_state=0)
    made = over.fit_resample(X[keep], y[keep])[0][over.is_synthetic_].astype(float)
    assert len(made) == 20
    assert np.all(
        made[:, 6:].mean(axis=(1, 2, 3)) > made[:, :6].mean(axis=(1, 2, 3))
    )  # class 1: a bright lower half


def test_without_imbalanced_learn_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling.base", None)
    monkeypatch.delitem(sys.modules, "gen_augment.inject.resample")
    remedy = (
        r"GenerativeOverSampler needs imbalanced-learn: pip install 'gen_augment\[imbalanced\]'"
    )
    with pytest.raises(MissingDependencyError, match=remedy):
        importlib.import_module("gen_augment.inject.resample")


@pytest.mark.parametrize("gates", [None, [Realism()]], ids=["no filter", "filter"])
def test_every_label_is_a_class_minus_one_too(gates: Any) -> None:
    rng = np.random.default_rng(0)
    y = rng.choice([-1, 0, 1, 2], 200, p=[0.1, 0.7, 0.1, 0.1])
    X = rng.normal(size=(200, 2)) + 10 * y[:, None]
    over = GenerativeOverSampler(SMOTESampler(random_state=0), filters=gates)
    X_new, y_new = over.fit_resample(X, y)
    assert set(Counter(y_new.tolist()).values()) == {(y == 0).sum()}
    made = X_new[over.is_synthetic_ & (y_new == -1)]
    np.testing.assert_allclose(made.mean(axis=0), X[y == -1].mean(axis=0), atol=0.5)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "csr_array", "coo_array"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_sparse_rows_come_back_sparse_with_the_values_of_dense_ones(kind: str, task: str) -> None:
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(60, 4)) * (rng.random((60, 4)) < 0.5)
    y = np.repeat([0, 1], [40, 20]) if task == "classification" else np.exp(np.arange(60) / 20)
    asked: dict[str, Any] = {"task": task, "n_bins": 2, "random_state": 0}
    expected, labels = GenerativeOverSampler(SMOTESampler(), **asked).fit_resample(dense, y)
    X = getattr(sparse, kind)(dense)
    over = GenerativeOverSampler(SMOTESampler(), **asked)
    found, y_new = over.fit_resample(X, y)
    assert (type(found), found.format, found.dtype) == (type(X), X.format, X.dtype)
    np.testing.assert_array_equal(found.toarray(), expected)
    np.testing.assert_array_equal(y_new, labels)
    assert over.fit(X, y).n_features_in_ == 4


def test_sparse_rows_pass_through_a_pipeline() -> None:
    texts = ["a cat sat", "the dog ran", "dogs and cats"] * 10 + ["a bird flew", "birds fly"] * 4
    y = [0] * 30 + [1] * 8
    over = GenerativeOverSampler(SMOTESampler(random_state=0))
    pipeline = make_pipeline(TfidfVectorizer(), over, LogisticRegression()).fit(texts, y)
    assert pipeline.score(texts, y) == 1


@pytest.mark.parametrize("as_form", [list, np.array, pd.Series, torch.tensor])
def test_weights_of_real_rows_are_kept_and_synthetic_ones_weigh_as_their_class(
    as_form: Any,
) -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.repeat([1, 0], [10, 30])
    weights = np.linspace(0.5, 3, 40).astype(np.float32)
    over = GenerativeOverSampler(SMOTESampler(random_state=0), synthetic_weight=0.5)
    _, y_new = over.fit_resample(X, y, sample_weight=as_form(weights.tolist()))
    np.testing.assert_allclose(over.sample_weight_[:40], weights, rtol=1e-6)
    np.testing.assert_allclose(over.sample_weight_[40:], weights[y == 1].mean() / 2, rtol=1e-6)
    LogisticRegression().fit(over.fit_resample(X, y)[0], y_new, over.sample_weight_)


def test_weights_of_rows_with_a_continuous_target_are_kept() -> None:
    X, y = np.arange(100.0)[:, None], np.exp(np.arange(100) / 20)
    over = GenerativeOverSampler(SMOTESampler(), task="regression", n_bins=3, random_state=0)
    over.fit_resample(X, y, np.full(100, 7.0))
    assert len(over.sample_weight_) > 200
    assert set(over.sample_weight_) == {7.0}


@pytest.mark.parametrize(
    "weights, message",
    [
        (np.ones(39), r"shape \(39,\), and X has 40 rows"),
        (np.ones((40, 1)), r"shape \(40, 1\)"),
        (np.full(40, np.nan), "sample_weight contains NaN"),
        (-np.arange(40), "sample_weight is -1 in row 1"),
        (["heavy"] * 40, "sample_weight does not hold numbers"),
    ],
)
def test_weights_that_cannot_be_used_are_named(weights: Any, message: str) -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.repeat([1, 0], [10, 30])
    with pytest.raises(InputError, match=message):
        GenerativeOverSampler(SMOTESampler()).fit_resample(X, y, sample_weight=weights)


def test_labels_of_bfloat16_keep_their_dtype() -> None:
    y = torch.repeat_interleave(torch.tensor([1, 0]), torch.tensor([5, 15])).bfloat16()
    _, y_new = GenerativeOverSampler(SMOTESampler()).fit_resample(torch.rand(20, 2), y)
    assert y_new.dtype == torch.bfloat16
    assert torch.bincount(y_new.long()).tolist() == [15, 15]

"""Filters against independent references: scikit-learn's neighbours, the metrics of the same papers, planted faults."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from gen_augment import InputError, LeakError, NotFittedError
from gen_augment.filters import CopyGate, LabelAgreement, Novelty, Outliers, Realism
from gen_augment.metrics import memorisation, precision_recall
from gen_augment.neighbours import nearest
from tests.conftest import toy_images


def blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three classes that hardly overlap."""
    X, y = make_blobs(n, n_features=4, centers=3, cluster_std=1.5, random_state=7)
    order = np.random.default_rng(seed).permutation(n)
    return X[order].astype(np.float32), y[order]


REAL, UNSEEN = (tuple(part) for part in zip(*(np.split(a, 2) for a in blobs(1200)), strict=True))


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.floats(-1e3, 1e3))
def test_neighbours_are_those_of_scikit_learn(n: int, m: int, k: int, centre: float) -> None:
    rng = np.random.default_rng(n * m)
    rows, others = (rng.normal(centre, 1, (size, 3)).astype(np.float32) for size in (n, m))
    rows[0] = others[0]
    k = min(k, m)
    distance, index = nearest(torch.from_numpy(rows), torch.from_numpy(others), k)
    expected, _ = NearestNeighbors(n_neighbors=k).fit(others).kneighbors(rows)
    np.testing.assert_allclose(distance.numpy(), expected, atol=2e-3)
    np.testing.assert_allclose(
        np.linalg.norm(rows[:, None] - others[index], axis=2), distance.numpy(), atol=2e-3
    )
    assert distance[0, 0] == 0, "a copy is at distance 0"


@pytest.mark.parametrize("k", [1, 3, 10])
def test_realism_is_precision_row_by_row(k: int) -> None:
    fake = np.random.default_rng(1).normal(REAL[0].mean(axis=0), 4, (400, 4)).astype(np.float32)
    gate = Realism(k=k, features=np.asarray).fit(REAL[0], np.zeros(len(REAL[0])))
    assert gate.keep(fake, 0).mean() == pytest.approx(
        precision_recall(REAL[0], fake, k)[0], abs=1 / 400
    )


def test_realism_looks_at_the_rows_own_class() -> None:
    gate = Realism().fit(*REAL)
    assert gate.keep(*UNSEEN).mean() > 0.85
    assert gate.keep(UNSEEN[0], (UNSEEN[1] + 1) % 3).mean() < 0.05
    far = Realism(threshold=-1e6).fit(*REAL)
    assert far.keep(UNSEEN[0], (UNSEEN[1] + 1) % 3).all()


@pytest.mark.parametrize("seed", range(3))
def test_real_rows_that_repeat_themselves_are_realistic_whatever_they_come_with(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {name: rng.random(500) < p for name, p in zip("abcd", (0.5, 0.3, 0.2, 0.5), strict=True)}
    )
    y = rng.integers(0, 2, 500)
    gate = Realism().fit(X, y)
    assert gate.keep(X, y).all()
    alone = [gate.keep(X.iloc[[i]], 1 - y[i])[0] for i in range(60)]
    assert gate.keep(X, 1 - y)[:60].tolist() == alone


def test_the_farthest_of_the_neighbours_counts_where_rounding_changes_their_order() -> None:
    X = np.float32([[1000, 0], [1000, 0], [1000.001, 0], [0, 0], [0, 1]])
    gate = Novelty(features=np.asarray).fit(X, np.zeros(5))
    rows = np.unique(X, axis=0).astype(float)
    apart = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows)[0][:, 1]
    np.testing.assert_allclose(gate._apart, apart, rtol=1e-3)


def test_novelty_is_memorisation_row_by_row() -> None:
    gate = Novelty(features=np.asarray).fit(*REAL)
    assert (gate.score_samples(*UNSEEN) < 1).mean() == pytest.approx(
        memorisation(REAL[0], UNSEEN[0]).share, abs=0.005
    )


def test_copies_are_found_and_new_rows_pass() -> None:
    rng = np.random.default_rng(0)
    X, y = UNSEEN[0].copy(), UNSEEN[1]
    copies = rng.permutation(len(y))[: len(y) // 20]
    X[copies] = REAL[0][rng.integers(0, len(REAL[0]), len(copies))]
    gate = Novelty().fit(
        np.concatenate([REAL[0], REAL[0][:50]]), np.concatenate([REAL[1], REAL[1][:50]])
    )
    kept = gate.keep(X, y)
    assert not kept[copies].any()
    assert np.delete(kept, copies).mean() > 0.85
    assert (gate.score_samples(REAL[0], REAL[1]) == 0).all()


@pytest.mark.parametrize("estimator", [None, LogisticRegression()], ids=["network", "estimator"])
@pytest.mark.parametrize("measure, threshold", [("margin", 0.0), ("confidence", 0.5)])
def test_wrong_labels_are_refused_and_right_ones_pass(
    estimator: Any, measure: Any, threshold: float
) -> None:
    X, true = UNSEEN
    rng = np.random.default_rng(3)
    wrong = rng.random(len(true)) < 0.3
    y = np.where(wrong, (true + rng.integers(1, 3, len(true))) % 3, true)
    gate = LabelAgreement(
        measure=measure, threshold=threshold, estimator=estimator, n_steps=200
    ).fit(*REAL)
    kept = gate.keep(X, y)
    assert wrong[kept].mean() < 0.05
    assert kept[~wrong].mean() > 0.9


def test_wrong_labels_of_digits_are_refused() -> None:
    X, true = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8).astype(np.uint8)
    rng = np.random.default_rng(0)
    wrong = rng.random(797) < 0.3
    y = np.where(wrong, (true[1000:] + rng.integers(1, 10, 797)) % 10, true[1000:])
    gate = LabelAgreement(n_steps=400).fit(X[:1000], true[:1000])
    kept = gate.keep(X[1000:], y)
    assert wrong[kept].mean() < 0.05
    assert kept[~wrong].mean() > 0.5
    assert (gate.cross_fitted_scores_ >= 0).mean() > 0.8


def test_real_rows_are_judged_by_classifiers_that_have_not_seen_them() -> None:
    X, y = (
        REAL[0][:90],
        np.random.default_rng(0).integers(0, 3, 90),
    )  # labels that nothing can be learned of
    gate = LabelAgreement(estimator=ByHeart(), n_folds=5).fit(X, y)
    assert (gate.cross_fitted_scores_ == 0).all(), "no classifier knows a row that it is asked of"
    np.testing.assert_allclose(gate.score_samples(X, y), 0.8, err_msg="four of five know each")
    one = LabelAgreement(estimator=LogisticRegression()).fit(X[:4], [0, 1, 1, 1])
    assert np.isnan(one.cross_fitted_scores_).all()


class ByHeart(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
    """Sure of the label of each row that it was fitted on, and of none elsewhere."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.array(
            [[self.known_.get(row.tobytes()) == c for c in range(3)] for row in X], dtype=float
        )


@pytest.mark.parametrize("form", ["array", "images"])
def test_the_gate_stops_copies_of_training_and_of_forbidden_rows(form: str) -> None:
    if form == "array":
        (X, y), forbidden, new = REAL, UNSEEN[0][:300], UNSEEN[0][300:]
    else:
        X, y = toy_images(60)
        X, y, forbidden, new = X[:20], y[:20], X[20:40], X[40:]
    gate = CopyGate(forbidden=forbidden).fit(X, y)
    assert gate.keep(new, y[0]).all()
    for copied in (X[3], forbidden[5]):
        with pytest.raises(
            LeakError,
            match=rf"1 of {len(new) + 1} synthetic rows are copies .* label {y[0].item()!r}",
        ):
            gate.keep(np.concatenate([new, copied[None]]), y[0])
    assert gate.n_copies_ == 2

    lenient = CopyGate(max_copies=2).fit(X, y)
    assert lenient.keep(X[:2], y[:2]).tolist() == [False, False]
    assert lenient.keep(forbidden, y[0]).all(), "these are forbidden to the other gate alone"
    with pytest.raises(LeakError, match="3 since the gate was fitted, and max_copies is 2"):
        lenient.keep(X[:1], y[:1])


@pytest.mark.parametrize("contamination", [0.0, 0.05, 0.3])
def test_as_many_real_rows_are_outliers_as_asked(contamination: float) -> None:
    gate = Outliers(contamination=contamination).fit(*REAL)
    refused = 1 - gate.keep(*REAL).mean()
    assert refused == pytest.approx(contamination, abs=3 / len(REAL[1]))
    assert 1 - gate.keep(*UNSEEN).mean() == pytest.approx(contamination, abs=0.06)
    assert not gate.keep(UNSEEN[0] + 100, UNSEEN[1]).any()
    assert gate.keep(UNSEEN[0], (UNSEEN[1] + 1) % 3).mean() < 0.2 * gate.keep(*UNSEEN).mean() + 0.1


def test_the_fingerprint_knows_each_value_of_what_is_forbidden() -> None:
    rows = np.zeros((2000, 4))
    other = rows.copy()
    other[1000, 2] = 1  # in the middle, which an abridged print leaves out
    for form in (np.asarray, torch.from_numpy, pd.DataFrame, list):
        same, different = (
            CopyGate(forbidden=form(values)).fingerprint() for values in (rows.copy(), other)
        )
        assert CopyGate(forbidden=form(rows)).fingerprint() == same != different
    networks = [torch.nn.Linear(4, 2) for _ in range(2)]
    assert (
        Novelty(features=networks[0]).fingerprint() != Novelty(features=networks[1]).fingerprint()
    )
    strong, weak = (LabelAgreement(estimator=LogisticRegression(C=C)) for C in (9.0, 1.0))
    assert (
        strong.fingerprint()
        != weak.fingerprint()
        == LabelAgreement(estimator=LogisticRegression()).fingerprint()
    )


ALL = [Realism, Novelty, LabelAgreement, Outliers]


@pytest.mark.parametrize("cls", ALL)
def test_a_row_is_judged_by_itself_and_the_same_after_a_second_fit(cls: Any) -> None:
    X, y = toy_images()
    params = {"n_steps": 20} if cls is LabelAgreement else {}
    gate = cls(**params).fit(X, y)
    scores = gate.score_samples(X, y)
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(
        gate.score_samples(X[order], y[order]), scores[order], rtol=1e-3, atol=1e-4
    )
    np.testing.assert_array_equal(gate(X, y), scores >= gate.threshold)
    np.testing.assert_allclose(
        cls(**params).fit(X, y).score_samples(X, y), scores, rtol=1e-4, atol=1e-5
    )
    assert gate.score_samples(X[:0], y[:0]).shape == (0,)
    np.testing.assert_allclose(
        gate.score_samples(X[:3], y[0]), gate.score_samples(X[:3], y[[0, 0, 0]])
    )


@pytest.mark.parametrize("cls", ALL)
def test_rows_without_a_label_are_left_out_and_a_fit_that_fails_loses_nothing(cls: Any) -> None:
    params = {"estimator": LogisticRegression()} if cls is LabelAgreement else {}
    X, y = REAL
    gate = cls(**params).fit(X, np.where(np.arange(len(y)) < 100, -1, y))
    scores = gate.score_samples(*UNSEEN)
    np.testing.assert_allclose(
        cls(**params).fit(X[100:], y[100:]).score_samples(*UNSEEN), scores, rtol=1e-5
    )
    assert gate.classes_.tolist() == [0, 1, 2]
    for bad in (X * np.inf, X[:50]):
        with pytest.raises(InputError):
            gate.fit(bad, y)
    np.testing.assert_array_equal(gate.score_samples(*UNSEEN), scores)


@pytest.mark.parametrize("cls", ALL)
def test_bad_input_is_named(cls: Any) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        cls().keep(*REAL)
    for params, message in (
        ({"threshold": "high"}, "threshold"),
        ({"threshold": np.nan}, "threshold"),
    ):
        with pytest.raises(InputError, match=message):
            cls(**params).fit(*REAL)
    with pytest.raises(InputError, match=r"5|3"):
        cls().fit(REAL[0][:5], REAL[1][:3])
    gate = cls(**({"estimator": LogisticRegression()} if cls is LabelAgreement else {})).fit(*REAL)
    with pytest.raises(InputError, match="7"):
        gate.keep(REAL[0][:2], [0, 7])
    with pytest.raises(InputError):
        gate.keep(REAL[0][:2, :3], REAL[1][:2])


def test_bad_parameters_are_named() -> None:
    word: Any = "vote"
    for gate, message in (
        (Realism(k=0), "k"),
        (Realism(features=word), "features"),
        (Novelty(features=lambda X: np.zeros(len(X))), "features gave"),
        (Novelty(features=lambda X: np.full((len(X), 2), np.nan)), "features gave"),
        (LabelAgreement(measure=word), "measure"),
        (LabelAgreement(n_folds=0), "n_folds"),
        (Outliers(contamination=1), "contamination"),
        (CopyGate(max_copies=-1), "max_copies"),
        (LabelAgreement(n_steps=0), "n_steps"),
    ):
        with pytest.raises(InputError, match=message):
            gate.fit(*REAL)
    with pytest.raises(InputError, match="one label"):
        LabelAgreement().fit(REAL[0], np.zeros(len(REAL[0])))


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_copies_are_found_under_features_of_any_scale(scale: float) -> None:
    """Products in 32 bits lose seven columns beside one that is much larger."""
    X, y = (
        np.random.default_rng(0).normal(size=(2000, 8)) * [scale, *[1.0] * 7],
        np.arange(2000) % 2,
    )
    for gate in (CopyGate(features=np.asarray, max_copies=2000), Novelty(features=np.asarray)):
        assert not gate.fit(X, y).keep(X, y).any()


def test_every_filter_takes_features_of_ones_own() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    for gate in (
        Realism(features=np.asarray),
        Outliers(features=np.asarray),
        Novelty(features=np.asarray),
    ):
        assert gate.fit(X, y).score_samples(X + 0.3, y).shape == (60,)

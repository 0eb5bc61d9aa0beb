"""The contract of all row filters."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from gen_augment import InputError, NotFittedError
from gen_augment.data.rows import Rows
from gen_augment.filters import CopyGate, LabelAgreement, Novelty, Outliers, Realism
from gen_augment.modalities import Table
from tests.conftest import toy_images
from tests.filters.blobs import blob_halves

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")

REAL, UNSEEN = blob_halves()
ALL = [Realism, Novelty, LabelAgreement, Outliers]


def test_the_fingerprint_depends_on_each_value_of_a_parameter() -> None:
    rows = np.zeros((2000, 4))
    other = rows.copy()
    other[1000, 2] = 1  # in the middle, which `repr` omits
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


@pytest.mark.parametrize("cls", ALL)
def test_scores_do_not_depend_on_other_rows_and_repeat(cls: Any) -> None:
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
def test_unlabelled_rows_are_left_out_and_a_failed_fit_changes_nothing(cls: Any) -> None:
    params = {"estimator": LogisticRegression()} if cls is LabelAgreement else {}
    X, y = REAL
    with pytest.warns(UserWarning, match="rows without a label"):
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
def test_bad_input_is_an_error(cls: Any) -> None:
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


def test_bad_parameters_are_an_error() -> None:
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


def test_features_may_be_a_callable() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    for gate in (
        Realism(features=np.asarray),
        Outliers(features=np.asarray),
        Novelty(features=np.asarray),
    ):
        assert gate.fit(X, y).score_samples(X + 0.3, y).shape == (60,)


@pytest.mark.parametrize("cls", ALL)
def test_rows_are_read_as_the_modality_says(cls: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = np.column_stack([rng.integers(0, 9, 80), rng.normal(size=80)]), np.arange(80) % 2
    params = {"estimator": LogisticRegression()} if cls is LabelAgreement else {}
    modality = Table(types={0: "category"})
    gate = cls(**params).fit(X, y, modality=modality)
    other = X + np.array([0, 0.3])
    scores = gate.score_samples(other, y)
    assert not np.allclose(scores, cls(**params).fit(X, y).score_samples(other, y))
    as_rows = cls(**params).fit(Rows.read(X, y, modality=modality))
    np.testing.assert_array_equal(as_rows.score_samples(other, y), scores)
    assert as_rows.fingerprint() == gate.fingerprint()

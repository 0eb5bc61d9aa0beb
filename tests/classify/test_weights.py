"""Weights of scores, against the weights that made the labels and against logistic regression."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from gen_augment.classify.weights import fit_weights, weighted_proba


def labels_of(proba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.array([rng.choice(len(p), p=p) for p in proba])


def test_the_weights_that_made_the_labels_are_found() -> None:
    rng = np.random.default_rng(0)
    terms = [rng.normal(size=(20_000, 4)), 50 * rng.normal(size=(20_000, 4)) + 900]
    prior = np.log([0.4, 0.3, 0.2, 0.1])
    truth = np.array([1.5, 0.02])
    codes = labels_of(weighted_proba(terms, truth, prior), rng)
    np.testing.assert_allclose(fit_weights(terms, codes, prior), truth, rtol=0.05)


def test_two_classes_are_a_logistic_regression() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 2))
    codes = (rng.random(500) < 1 / (1 + np.exp(-x @ [0.8, 0.5]))).astype(int)
    terms = [np.stack([np.zeros(500), column], axis=1) for column in x.T]
    model = LogisticRegression(C=1e6, fit_intercept=False).fit(x, codes)
    np.testing.assert_allclose(fit_weights(terms, codes), model.coef_[0], rtol=0.01)


def test_an_opinion_that_misleads_or_says_nothing_has_no_weight() -> None:
    rng = np.random.default_rng(2)
    good = rng.normal(size=(2000, 3))
    codes = labels_of(softmax(2 * good, axis=1), rng)
    weights = fit_weights([good, -good + 0.1 * rng.normal(size=good.shape)], codes)
    assert weights[1] == 0
    assert fit_weights([np.zeros((5, 2))], np.zeros(5, int)).shape == (1,)


def test_weights_stay_finite_when_every_row_is_right() -> None:
    codes = np.arange(30) % 3
    weights = fit_weights([np.eye(3)[codes], 1e5 * np.eye(3)[codes]], codes)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()


@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_the_scale_and_the_origin_of_a_term_do_not_matter(scale: float, shift: float) -> None:
    rng = np.random.default_rng(3)
    term = rng.normal(size=(200, 3))
    codes = labels_of(softmax(term, axis=1), rng)
    found, moved = (
        weighted_proba([t], fit_weights([t], codes), 0.0) for t in (term, scale * term + shift)
    )
    np.testing.assert_allclose(found, moved, atol=1e-4)
    assert found.sum(axis=1) == pytest.approx(1)

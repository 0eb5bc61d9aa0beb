"""Privacy figures and two-sample tests against closed forms, copies and disjoint sets."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from gen_augment import InputError
from gen_augment.metrics import (
    adversarial_accuracy,
    audited_epsilon,
    closest_record,
    membership_auc,
    two_sample_auc,
    vendi_score,
)

RNG = np.random.default_rng(0)
TRAIN, HOLDOUT, FRESH = (RNG.normal(size=(600, 4)) for _ in range(3))


def test_copies_are_at_distance_zero_and_counted() -> None:
    fake = FRESH.copy()
    fake[::20] = TRAIN[:30]
    found = closest_record(TRAIN, fake, HOLDOUT)
    assert found.copies == 30 / 600
    assert closest_record(TRAIN, TRAIN[::-1], HOLDOUT)[:2] == (1.0, 0.0)
    assert closest_record(TRAIN, TRAIN, HOLDOUT).share_nearer_to_train == 1.0
    assert closest_record(TRAIN, HOLDOUT, HOLDOUT).share_nearer_to_train == 0.0


def test_new_samples_of_the_distribution_reveal_nothing() -> None:
    found = closest_record(TRAIN, FRESH, HOLDOUT)
    assert found.copies == 0
    assert abs(found.share_nearer_to_train - 0.5) < 4 * 0.5 / math.sqrt(600)
    assert found.median == pytest.approx(found.median_of_holdout, rel=0.1)
    # A smaller hold-out alone does not make training rows nearer.
    assert abs(closest_record(TRAIN, FRESH, HOLDOUT[:100]).share_nearer_to_train - 0.5) < 0.1
    for score in (adversarial_accuracy(HOLDOUT, FRESH), membership_auc(TRAIN, HOLDOUT, FRESH)):
        assert abs(score - 0.5) < 0.06


@settings(max_examples=20)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50), st.integers(0, 99))
def test_closest_records_equal_scikit_learn(n: int, m: int, h: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, fake, holdout = (rng.normal(5, 2, (size, 3)) for size in (n, m, h))
    knn = NearestNeighbors(n_neighbors=1).fit(train)
    found = closest_record(train, fake, holdout)
    assert found.median == pytest.approx(np.median(knn.kneighbors(fake)[0]), abs=1e-9)
    assert found.median_of_holdout == pytest.approx(np.median(knn.kneighbors(holdout)[0]), abs=1e-9)
    assert 0 <= found.share_nearer_to_train <= 1


def test_adversarial_accuracy_equals_a_leave_one_out_classifier() -> None:
    real, fake = TRAIN[:80], FRESH[:80] + 0.7
    X, y = np.concatenate([real, fake]), np.repeat([0, 1], 80)
    hits = []
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        hits.append(KNeighborsClassifier(1).fit(X[rest], y[rest]).predict(X[[i]])[0] == y[i])
    assert adversarial_accuracy(real, fake) == pytest.approx(np.mean(hits))
    assert adversarial_accuracy(TRAIN, TRAIN[::-1]) == 0
    assert adversarial_accuracy(TRAIN, TRAIN + 100) == 1


def test_the_attack_finds_the_training_rows_of_a_copying_generator() -> None:
    assert membership_auc(TRAIN, HOLDOUT, TRAIN) == 1
    assert membership_auc(TRAIN, HOLDOUT, HOLDOUT) == 0
    half = membership_auc(TRAIN, HOLDOUT, np.concatenate([TRAIN[:300], FRESH]))
    assert 0.65 < half < 0.95


@pytest.mark.parametrize(
    "function, sets",
    [
        (closest_record, ("train", "fake", "holdout")),
        (adversarial_accuracy, ("real", "fake")),
        (membership_auc, ("train", "holdout", "fake")),
        (two_sample_auc, ("real", "fake")),
        (vendi_score, ("X",)),
    ],
)
def test_bad_input_names_the_set(function: Any, sets: tuple[str, ...]) -> None:
    good = dict.fromkeys(sets, TRAIN[:20])
    for name in sets:
        for bad in (TRAIN[:0], [["a"]], np.full((5, 4), np.nan), TRAIN[0], None):
            with pytest.raises(InputError, match=name):
                function(**good | {name: bad})
    if len(sets) > 1:
        with pytest.raises(InputError, match="numbers of features differ"):
            function(**good | {sets[0]: TRAIN[:20, :2]})


@pytest.mark.parametrize(("right", "guesses"), [(180, 200), (60, 60), (31, 40), (550, 1000)])
def test_without_delta_the_proof_is_an_interval_of_clopper_and_pearson(
    right: int, guesses: int
) -> None:
    low = stats.binomtest(right, guesses, alternative="greater").proportion_ci(0.95).low
    assert audited_epsilon(right, guesses) == pytest.approx(max(0.0, logit(low)), abs=1e-6)


def test_a_proof_with_delta_is_that_of_the_paper() -> None:
    """The loop of appendix D."""
    epsilon, delta, n, right = audited_epsilon(150, 200, delta=1e-4), 1e-4, 200, 150
    total = alpha = 0.0
    for i in range(1, right + 1):
        total += stats.binom.pmf(right - i, n, expit(epsilon))
        alpha = max(alpha, total / i)
    p = stats.binom.sf(right - 1, n, expit(epsilon)) + 2 * n * delta * alpha
    assert p == pytest.approx(0.05, abs=1e-6)
    assert 0 < epsilon < audited_epsilon(150, 200)


def test_randomised_response_is_hardly_ever_proven_to_be_less_private_than_it_is() -> None:
    right = np.random.default_rng(0).binomial(1000, expit(1.0), 400)
    proven = np.array([audited_epsilon(int(n), 1000) for n in right])
    assert stats.binomtest(int((proven > 1).sum()), 400, 0.05, "greater").pvalue > 1e-3
    assert proven.mean() > 0.8


@pytest.mark.parametrize(("right", "guesses"), [(3, 2), (-1, 4)])
def test_more_right_guesses_than_guesses(right: int, guesses: int) -> None:
    with pytest.raises(InputError, match=f"n_right={right}"):
        audited_epsilon(right, guesses)

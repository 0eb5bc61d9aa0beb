"""Class weights against scikit-learn, logit adjustment against Bayes' rule, thresholds against exhaustive search."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_class_weight
from torch import nn

from gen_augment.data import Rows
from gen_augment.study import Training
from gen_augment.study.arms import Pool, Synthetic, parse_arm
from gen_augment.study.balance import (
    class_weights,
    log_prior,
    shift_probabilities,
    tune_offsets,
    weight_key,
)
from gen_augment.study.fitting import fit_predict
from tests.study.toys import Log, Recorder, gaussians, rows_of, training_records


def train(model: Any, arm: str, part: Rows, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "n_steps": 300,
        "batch_size": 64,
        "lr": 0.05,
        "device": "cpu",
    } | changes
    return fit_predict(model, parse_arm(arm, {}), Pool(part), part, 0, Training(**settings))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_weights_are_scikit_learn_s(codes: list[int]) -> None:
    there = np.unique(codes)
    found = class_weights(np.array(codes), 5)
    np.testing.assert_allclose(
        found[there], compute_class_weight("balanced", classes=there, y=codes)
    )
    assert (np.delete(found, there) == 0).all()


@given(st.integers(0, 1000), st.integers(2, 5))
def test_shift_is_bayes_rule(seed: int, n_classes: int) -> None:
    """Posterior under another prior: likelihoods are what posterior over prior is proportional to."""
    rng = np.random.default_rng(seed)
    likelihood = rng.uniform(0.01, 1, (20, n_classes))
    prior = rng.dirichlet(np.ones(n_classes))
    posterior = likelihood * prior / (likelihood @ prior)[:, None]
    np.testing.assert_allclose(
        shift_probabilities(posterior, -np.log(prior)),
        likelihood / likelihood.sum(axis=1, keepdims=True),
        rtol=1e-6,
    )


def test_log_prior_of_a_class_without_rows_is_finite() -> None:
    np.testing.assert_allclose(np.exp(log_prior(np.array([0, 0, 0, 1]), 2)), [0.75, 0.25])
    assert np.isfinite(log_prior(np.array([0, 0]), 2)).all()


@given(st.integers(0, 10_000))
def test_threshold_of_two_classes_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.append(rng.integers(0, 2, 25) * rng.integers(0, 2, 25), [0, 1])
    p = np.round(np.clip(rng.normal(0.3 + 0.2 * codes, 0.2), 0.01, 0.99), 2)
    probabilities = np.column_stack([1 - p, p])
    tuned = shift_probabilities(probabilities, tune_offsets(codes, probabilities)).argmax(axis=1)
    best = max(balanced_accuracy_score(codes, p > t) for t in np.linspace(-0.005, 1.005, 102))
    assert balanced_accuracy_score(codes, tuned) == pytest.approx(best)


@given(st.integers(0, 10_000), st.integers(3, 5))
def test_offsets_of_more_classes_never_do_worse(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.append(rng.integers(0, n_classes, 30), np.arange(n_classes))
    logits = rng.normal(size=(len(codes), n_classes)) + np.arange(n_classes)
    logits[np.arange(len(codes)), codes] += 1
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    tuned = shift_probabilities(probabilities, tune_offsets(codes, probabilities)).argmax(axis=1)
    before = balanced_accuracy_score(codes, probabilities.argmax(axis=1))
    assert balanced_accuracy_score(codes, tuned) >= before - 1e-12


IMBALANCED = rows_of(*gaussians(1100, imbalance=9))
TEST = rows_of(*gaussians(4000, seed=1))


@pytest.mark.parametrize("arm", ["weights", "logit", "threshold"])
def test_each_way_finds_the_rare_class(arm: str) -> None:
    """Bayes' rule for equal priors cuts at 0, where balanced accuracy is that of a normal tail: 84.1%."""
    found = {
        name: balanced_accuracy_score(
            TEST.codes, train(LogisticRegression(), name, IMBALANCED)(TEST.X).argmax(axis=1)
        )
        for name in ("real", arm)
    }
    assert found["real"] < 0.75
    assert found[arm] == pytest.approx(0.841, abs=0.02)


@pytest.mark.parametrize("arm", ["weights", "logit"])
def test_each_way_works_with_a_network(arm: str) -> None:
    found = {
        name: train(lambda: nn.Linear(2, 2), name, IMBALANCED)(TEST.X).argmax(axis=1)
        for name in ("real", arm)
    }
    scores = {
        name: balanced_accuracy_score(TEST.codes, predicted) for name, predicted in found.items()
    }
    assert scores["real"] < 0.75
    assert scores[arm] == pytest.approx(0.841, abs=0.02)


def test_weights_are_given_to_the_estimator() -> None:
    expected = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    expected.fit(IMBALANCED.X, IMBALANCED.codes)
    for model in (LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())):
        found = train(model, "weights", IMBALANCED)(TEST.X)
        np.testing.assert_allclose(found, expected.predict_proba(TEST.X), atol=1e-4)


def test_weight_key() -> None:
    assert weight_key(RandomForestClassifier()) == "sample_weight"
    assert (
        weight_key(make_pipeline(StandardScaler(), LogisticRegression()))
        == "logisticregression__sample_weight"
    )
    assert weight_key(KNeighborsClassifier()) is None


def test_pretraining_spends_the_first_half_of_the_steps_on_synthetic_rows() -> None:
    X, y = gaussians(40)
    log = Log()
    pool = Pool(rows_of(X, y), pretrain=rows_of(X + 100, y))
    fit_predict(
        lambda: Recorder(2, log), parse_arm("real", {}), pool, rows_of(X, y), 0,
        Training(10, 8, 1e-3, device="cpu"),
    )  # fmt: skip
    far = [bool((batch > 10).all()) for batch in training_records(log)[0]["batches"]]
    assert far == [True] * 5 + [False] * 5
    assert torch.isfinite(log[0]["initial"]).all()


@pytest.mark.parametrize("balance", ["", "+logit"])
def test_soft_labels_are_what_real_rows_teach(balance: str) -> None:
    """Synthetic rows are all given to the wrong class: that is not seen, and the posterior is Bayes' rule's."""
    real, made = rows_of(*gaussians(2000)), rows_of(*gaussians(6000, seed=2))
    both = rows_of(np.concatenate([real.X, made.X]), np.append(real.codes, 1 - made.codes))
    log: Log = []
    found = {
        option: fit_predict(
            lambda: Recorder(2, log), parse_arm(f"made{option}{balance}", {"made": None}), Pool(both, len(made)), real,
            0, Training(400, 64, 0.05, device="cpu"),
        )(TEST.X)
        for option in ("", ":soft")
    }  # fmt: skip
    right = {option: float((p.argmax(axis=1) == TEST.codes).mean()) for option, p in found.items()}
    assert right[""] < 0.5
    assert right[":soft"] == pytest.approx(0.841, abs=0.01)
    np.testing.assert_allclose(found[":soft"][:, 1], expit(2 * TEST.X[:, 0]), atol=0.1)
    plain, teacher, student = training_records(log)
    assert torch.equal(plain["initial"], student["initial"])  # arms start alike
    assert not torch.equal(teacher["initial"], student["initial"])
    assert len(teacher["batches"]) == len(student["batches"]) == 400


def test_soft_labels_of_rows_to_train_on_first() -> None:
    X, y = gaussians(500)
    arm = parse_arm("made:pretrain:soft", {"made": None})
    pool = Pool(rows_of(X, y), len(X), pretrain=rows_of(X, 1 - y))
    predict = fit_predict(
        lambda: nn.Linear(2, 2),
        arm,
        pool,
        rows_of(X, y),
        0,
        Training(200, 64, 0.05, device="cpu"),
    )
    assert (predict(TEST.X).argmax(axis=1) == TEST.codes).mean() == pytest.approx(0.841, abs=0.015)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_share_of_synthetic_rows_among_those_met(share: float) -> None:
    real, made = rows_of(*gaussians(30)), rows_of(*gaussians(170, seed=2))
    pool = beside_of(real, rows_of(made.X + 100, made.codes), share)
    log: Log = []
    arm = parse_arm(f"made:share={share}", {"made": None})
    fit_predict(
        lambda: Recorder(2, log),
        arm,
        pool,
        real,
        0,
        Training(100, 20, 1e-3, device="cpu"),
    )
    met = torch.cat(training_records(log)[0]["batches"])
    assert float((met[:, 0] > 10).double().mean()) == pytest.approx(share, abs=0.02)
    assert len(torch.unique(met[met[:, 0] < 10], dim=0)) == len(real) * (share < 1)


@pytest.mark.parametrize("balance", ["", "+weights", "+logit"])
def test_share_in_an_estimator_is_repeated_rows(balance: str) -> None:
    """Four synthetic rows for each real one, of which half are to be met, are as if each real row came four times."""
    real, made = rows_of(*gaussians(60, imbalance=2)), rows_of(*gaussians(240, imbalance=5, seed=2))
    four_times = rows_of(np.repeat(real.X, 4, axis=0), np.repeat(real.codes, 4))
    arm = parse_arm(f"made:share=0.5{balance}", {"made": None})
    model = LogisticRegression(C=1e6, tol=1e-10, max_iter=1000)
    pools = beside_of(real, made, 0.5), beside_of(four_times, made, None)
    found, expected = (
        fit_predict(model, arm, pool, real, 0, Training(1, 1, 1e-3, device="cpu"))(TEST.X)
        for pool in pools
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)  # of the optimiser


def beside_of(real: Rows, made: Rows, share: float | None) -> Pool:
    return Pool(
        real.joined(made), len(made), weights=Synthetic(share=share).weights(len(real), len(made))
    )


def test_logit_adjustment_knows_a_share() -> None:
    """Real rows are 5 to 1, synthetic ones 1 to 1: under half of each, logits are adjusted by 2 to 1."""
    codes = np.repeat([0, 1, 0, 1], [50, 10, 300, 300])
    weights = Synthetic(share=0.5).weights(60, 600)
    np.testing.assert_allclose(np.exp(log_prior(codes, 2, weights)), [2 / 3, 1 / 3])
    np.testing.assert_allclose(class_weights(codes, 2, weights), [3 / 4, 3 / 2])

"""Scores against scikit-learn, and the calibration error against its definition."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    make_scorer,
    recall_score,
    roc_auc_score,
)

from gen_augment.study.metrics import (
    METRICS,
    expected_calibration_error,
    find_metrics,
    scores,
)


def predictions(seed: int, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Class codes, each at least once, and informative probabilities."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n)])
    logits = rng.normal(size=(len(codes), n_classes)) * rng.uniform(0.5, 3)
    logits[np.arange(len(codes)), codes] += 1
    odds = np.exp(logits)
    return codes, odds / odds.sum(axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 80), st.integers(2, 6))
def test_scores_equal_scikit_learn(seed: int, n: int, n_classes: int) -> None:
    codes, probabilities = predictions(seed, n, n_classes)
    predicted = probabilities.argmax(axis=1)
    found = scores(codes, probabilities)
    truth = np.eye(n_classes)[codes]
    second = probabilities[:, 1] if n_classes == 2 else probabilities
    assert found == pytest.approx(
        {
            "balanced_accuracy": balanced_accuracy_score(codes, predicted),
            "accuracy": accuracy_score(codes, predicted),
            "macro_f1": f1_score(codes, predicted, average="macro"),
            "geometric_mean": geometric_mean_score(codes, predicted, average="multiclass"),
            "roc_auc": roc_auc_score(codes, second, multi_class="ovr"),
            "average_precision": average_precision_score(
                codes if n_classes == 2 else truth, second
            ),
            "brier": ((probabilities - truth) ** 2).sum(axis=1).mean(),
            "worst_class_recall": recall_score(
                codes, predicted, average=None, zero_division=0
            ).min(),
            "nll": log_loss(codes, probabilities),
            "ece": by_definition(codes, probabilities),
        }
    )
    assert list(found) == list(METRICS)
    assert all(type(value) is float for value in found.values())


def by_definition(codes: np.ndarray, probabilities: np.ndarray, n_bins: int = 15) -> float:
    """Guo et al., equation 3, bin by bin."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
    edges, total = np.linspace(0, 1, n_bins + 1), 0.0
    for low, high in pairwise(edges):
        inside = (confidence >= low) & (confidence < high) if high < 1 else confidence >= low
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return float(total)


def test_calibration_error_by_hand() -> None:
    """Confidence 0.9 with accuracy 3/4, and confidence 0.6 with accuracy 1/2: (4 * 0.15 + 2 * 0.1) / 6."""
    first = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    codes = np.array([0, 0, 0, 1, 0, 1])
    found = expected_calibration_error(codes, np.column_stack([first, 1 - first]))
    assert found == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)


def test_calibration_error_of_the_certain() -> None:
    certain = np.eye(2)[[0, 1, 0, 1]]
    assert expected_calibration_error(np.array([0, 1, 0, 1]), certain) == 0
    assert expected_calibration_error(np.array([1, 0, 1, 0]), certain) == 1


def test_certainty_shares_the_last_bin() -> None:
    """Confidence 1 with accuracy 0 and confidence 0.95 with accuracy 1: mean confidence 0.975, accuracy 1/2."""
    probabilities = np.array([[1.0, 0.0], [0.95, 0.05]])
    assert expected_calibration_error(np.array([1, 0]), probabilities) == pytest.approx(0.975 - 0.5)


def test_calibration_error_of_fewer_bins_is_no_larger() -> None:
    codes, probabilities = predictions(0, 500, 3)
    assert expected_calibration_error(codes, probabilities, 1) <= expected_calibration_error(
        codes, probabilities, 15
    )


@pytest.mark.parametrize(
    "codes, recalls",
    [([0, 1, 1, 1], [0, 2 / 3]), ([1, 1, 1, 1], [3 / 4]), ([2, 2, 1, 1], [1 / 2, 0])],
)
def test_recalls_are_of_the_classes_that_occur(codes: list[int], recalls: list[float]) -> None:
    predicted = [1, 1, 1, 0]
    found = scores(np.array(codes), np.eye(3)[predicted] * 0.7 + 0.1)
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert found["worst_class_recall"] == min(recalls)


def test_impossible_truth_has_a_finite_likelihood() -> None:
    found = scores(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert found["nll"] == pytest.approx(-np.log(1e-12) / 2)


def test_direction_of_each_metric() -> None:
    """Better predictions score better in the direction that `METRICS` says."""
    codes = np.array([0, 0, 1, 1])
    good = scores(codes, np.eye(2)[codes] * 0.98 + 0.01)
    bad = scores(codes, np.eye(2)[[0, 1, 1, 0]] * 0.98 + 0.01)
    for name, metric in METRICS.items():
        assert (good[name] > bad[name]) is metric.higher_is_better


def test_a_scorer_of_a_loss_is_labelled_as_the_negative_loss() -> None:
    loss = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
    assert find_metrics(loss, np.arange(2))[0].label == "negative log loss"

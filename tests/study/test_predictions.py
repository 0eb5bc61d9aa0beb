"""Confusions, recalls and scores of other rows from stored predictions."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from gen_augment.study import StudyResult
from gen_augment.study.predictions import class_recall, confusion, robustness
from tests.study.pages import HOSTILE
from tests.study.toys import (
    gaussians,
    small_study,
)


@pytest.fixture(scope="module")
def tried() -> StudyResult:
    arms = ["real", "copies:0.5", "copies:1", "copies:2", "copies:shuffled"]
    X, y = gaussians(80)
    return small_study(
        X, HOSTILE[y], arms=arms, n_seeds=3, shifted={"later": (X + 0.5, HOSTILE[y])}
    ).run()


def test_confusion_and_recall_agree_with_scikit_learn(tried: StudyResult) -> None:
    codes = np.concatenate([tried.truth[seed]["test"] for seed in range(3)])
    predicted = np.concatenate(
        [tried.predictions["real", seed]["test"].argmax(axis=1) for seed in range(3)]
    )
    np.testing.assert_array_equal(confusion(tried, "real"), confusion_matrix(codes, predicted))
    np.testing.assert_allclose(
        class_recall(tried, "real"), recall_score(codes, predicted, average=None)
    )
    found = robustness(tried).loc["real", "later"]
    seeds = [
        balanced_accuracy_score(
            tried.truth[s]["later"], tried.predictions["real", s]["later"].argmax(axis=1)
        )
        for s in range(3)
    ]
    assert found == pytest.approx(np.mean(seeds))

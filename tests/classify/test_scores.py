"""Scores of classes from either method of a sampler, with a floor."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from gen_augment import BootstrapSampler, InputError, KDESampler, MixtureSampler
from gen_augment.classify.scores import FLOOR, check_scores, sampler_scores

X = np.array([[-1.0], [0.0], [2.0]])
MEANS = {"a": -1.0, "b": 3.0}


class Densities:
    """A normal distribution for each class."""

    classes_ = np.array(["a", "b"])

    def fit(self, X: Any, y: Any) -> "Densities":
        return self

    def log_prob(self, X: Any, y: Any) -> np.ndarray:
        found: np.ndarray = norm([MEANS[label] for label in y]).logpdf(X[:, 0])
        return found


class Given(Densities):
    """Given scores, which take precedence over densities."""

    def __init__(self, scores: list[list[float]]) -> None:
        self.scores = np.array(scores)

    def class_scores(self, X: Any) -> np.ndarray:
        return self.scores


def test_densities_of_all_classes_are_the_scores() -> None:
    expected = np.stack([norm(mean).logpdf(X[:, 0]) for mean in MEANS.values()], axis=1)
    np.testing.assert_allclose(sampler_scores(Densities(), X), expected)


def test_scores_of_classes_come_first() -> None:
    scores = [[0.0, -1.0], [2.0, 5.0], [-FLOOR, 0.0]]
    assert sampler_scores(Given(scores), X).tolist() == scores


def test_impossible_classes_have_the_floor_and_hopeless_rows_equal_scores() -> None:
    low = -np.inf
    found = sampler_scores(Given([[7.0, low], [low, low], [-2 * FLOOR, 1.0]]), X)
    assert found.tolist() == [[7.0, 7.0 - FLOOR], [0.0, 0.0], [1.0 - FLOOR, 1.0]]
    found = sampler_scores(Given([[np.nan, 1.0]]), X[:1])
    assert found.tolist() == [[0.0, 0.0]]


def test_samplers_without_a_density_are_refused_before_they_are_fitted() -> None:
    for sampler in (Densities(), KDESampler(), MixtureSampler(), Given([[0.0]])):
        check_scores(sampler)
    with pytest.raises(InputError, match=r"BootstrapSampler has no log_prob.*use ConditionalFlow"):
        check_scores(BootstrapSampler())
    for wrong in (MixtureSampler, "kde", None):
        with pytest.raises(InputError, match=r"sampler=.* is not an instance of a sampler"):
            check_scores(wrong)

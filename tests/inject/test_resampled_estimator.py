"""Weights that arrive at the estimator behind an over-sampler."""

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment import GenerativeOverSampler, InputError, SMOTESampler
from gen_augment.inject.resampled_estimator import ResampledEstimator

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 2)), np.repeat([1, 0], [10, 30])
WEIGHTS = np.linspace(0.5, 3, 40)


def over_sampler(**options: Any) -> GenerativeOverSampler:
    return GenerativeOverSampler(SMOTESampler(random_state=0), **options)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), make_pipeline(make_pipeline(StandardScaler(), LogisticRegression()))],
    ids=["classifier", "pipelines"],
)
def test_the_estimator_is_fitted_with_the_weights_of_all_rows(estimator: Any) -> None:
    model = ResampledEstimator(over_sampler(synthetic_weight=0.3), estimator)
    model.fit(X, Y, sample_weight=WEIGHTS)
    over = over_sampler(synthetic_weight=0.3)
    X_new, y_new = over.fit_resample(X, Y, WEIGHTS)
    scaled = isinstance(estimator, Pipeline)
    inputs = StandardScaler().fit(X_new).transform if scaled else np.asarray
    expected = LogisticRegression().fit(inputs(X_new), y_new, over.sample_weight_)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(inputs(X)))
    np.testing.assert_array_equal(model.predict(X), expected.predict(inputs(X)))
    assert model.score(X, Y) == expected.score(inputs(X), Y)
    assert model.classes_.tolist() == [0, 1]
    assert is_classifier(model)


def test_a_target_of_numbers_keeps_its_weights() -> None:
    rows, target = np.arange(100.0)[:, None], np.exp(np.arange(100) / 20)
    over = over_sampler(task="regression", n_bins=3, random_state=0)
    model = ResampledEstimator(over, Ridge()).fit(rows, target, np.linspace(0.1, 1, 100))
    new, new_target = over.fit_resample(rows, target, np.linspace(0.1, 1, 100))
    expected = Ridge().fit(new, new_target, over.sample_weight_)
    np.testing.assert_allclose(model.predict(rows), expected.predict(rows))
    assert is_regressor(model)


@pytest.mark.parametrize("routing", [False, True])
def test_a_grid_search_splits_the_weights(routing: bool) -> None:
    model = ResampledEstimator(over_sampler(), LogisticRegression())
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        grid = {"over_sampler__synthetic_weight": [0.0, 1.0]}
        search = GridSearchCV(model, grid, cv=2).fit(X, Y, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(search.best_estimator_.over_sampler_.sample_weight_[:40], WEIGHTS)


def test_what_takes_no_weights_is_refused_before_training() -> None:
    over = over_sampler(max_draws=0)  # fails as soon as it is used
    model = ResampledEstimator(over, KNeighborsClassifier())
    with pytest.raises(InputError, match=r"KNeighborsClassifier.fit takes no sample_weight"):
        model.fit(X, Y)
    with pytest.raises(InputError, match="is not a GenerativeOverSampler"):
        ResampledEstimator(SMOTESampler(), LogisticRegression()).fit(X, Y)
    with pytest.raises(InputError, match=r"sample_weight has shape \(3,\)"):
        ResampledEstimator(over_sampler(), LogisticRegression()).fit(X, Y, [1, 2, 3])


@pytest.mark.parametrize(
    "parts", [(over_sampler(), LogisticRegression), (GenerativeOverSampler, LogisticRegression())]
)
def test_a_class_in_place_of_an_instance_is_named(parts: Any) -> None:
    with pytest.raises(InputError, match="give an instance"):
        ResampledEstimator(*parts).fit(X, Y)

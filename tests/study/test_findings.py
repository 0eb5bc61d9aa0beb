"""Scores and paired differences of arms."""

from dataclasses import replace

import numpy as np
import pytest

from gen_augment import InputError
from gen_augment.study.findings import variance_over_tests
from gen_augment.study.metrics import METRICS
from gen_augment.study.result import StudyResult
from tests.study.results import REAL, make_result, redesigned, rows


def test_arms_are_chosen_on_validation_only() -> None:
    result = make_result(
        {
            "real": rows(0.70, 0.99, 0.98, 0.97),
            "shift": rows(0.71, 0.50, 0.51, 0.52),
            "gan": rows(0.60, 0.99, 0.99, 0.99),
            "gan+shift": rows(0.61, 0.40, 0.40, 0.42),
        }
    )
    assert result.best(generative=False) == "shift"
    assert result.best(generative=True) == "gan+shift"
    assert "gan+shift worsens balanced accuracy by 10.33 points against shift" in result.verdict()


@pytest.mark.parametrize("metric", ["nll", "ece"])
def test_metrics_that_are_better_when_lower_change_sign(metric: str) -> None:
    result = make_result(
        {
            "real": rows(0.5, 0.50, 0.52, 0.51),
            "shift": rows(0.6, 0.20, 0.20, 0.20),  # worse on validation, so not the reference
            "gan": rows(0.3, 0.30, 0.31, 0.32),
            "gan+shift": rows(0.4, 0.10, 0.10, 0.10),
        },
        metric=metric,
    )
    assert (result.best(generative=False), result.best(generative=True)) == ("real", "gan")
    assert result.difference("gan", "real").mean == pytest.approx(0.2)
    assert result.difference("real", "gan").mean == pytest.approx(-0.2)
    amount = {
        "nll": "negative log-likelihood by 0.20 over",
        "ece": "expected calibration error by 20.00 points over",
    }
    assert result.verdict().startswith(
        f"Yes: synthetic rows helped. gan improves {amount[metric]} real"
    )
    table = result.table()
    assert table.loc["gan", "difference"] == pytest.approx(0.2)
    assert table.loc["gan", metric] == pytest.approx(0.31)


def test_an_arm_with_a_failed_trial_is_neither_reference_nor_candidate() -> None:
    result = make_result(
        {
            "real": REAL,
            "shift": [*rows(0.99, 0.99, 0.99, 0.99), None],
            "gan": REAL,
            "gan+shift": [None, *rows(0.99, 0.99, 0.99, 0.99)],
        }
    )
    assert list(result.scores().columns) == ["real", "gan"]
    with pytest.raises(InputError, match="'shift' is no arm with a score for every seed"):
        result.difference("gan", "shift")
    with pytest.raises(InputError, match="part='tests'"):
        result.scores("tests")
    assert (result.best(generative=False), result.best(generative=True)) == ("real", "gan")
    table = result.table()
    assert table["failed"].tolist() == [0, 1, 0, 1]
    assert table["trials"].tolist() == [4, 3, 4, 3]
    assert table.loc["shift", "balanced_accuracy"] == pytest.approx(0.99)
    assert (
        table.loc[["shift", "gan+shift"], ["difference", "low", "high", "p_value", "p_holm"]]
        .isna()
        .all(axis=None)
    )


def test_seeds_are_paired_for_any_order_of_trials() -> None:
    result = make_result({"real": rows(0.5, 0.1, 0.5, 0.9), "gan": rows(0.5, 0.2, 0.6, 1.0)})
    shuffled = StudyResult(
        result.trials.sample(frac=1, random_state=0),
        result.arms,
        result.metrics,
        result.protocol,
        result.design,
    )
    found = shuffled.difference("gan", "real")
    assert found.mean == pytest.approx(0.1)
    assert found.high - found.low < 1e-9


def test_jackknife_is_the_spread_over_test_parts() -> None:
    """The variance of the difference is known for independent accuracies of 80% and 70%."""
    rng, n, found = np.random.default_rng(0), 400, []
    for _ in range(60):
        codes = rng.integers(0, 2, n)
        predictions = {}
        for arm, rate in (("gan", 0.8), ("real", 0.7)):
            said = np.where(rng.random(n) < rate, codes, 1 - codes)
            predictions |= {(arm, seed): {"test": np.eye(2)[said]} for seed in range(3)}
        trials = make_result({"real": REAL[:3], "gan": REAL[:3]}, metric="accuracy").trials
        result = StudyResult(
            trials, {"real": False, "gan": True}, (METRICS["accuracy"],), {"n_seeds": 3},
            predictions=predictions, truth={seed: {"test": codes} for seed in range(3)},
        )  # fmt: skip
        found.append(variance_over_tests(result, "gan", "real"))
        kept = replace(result, predictions={}, truth={})  # `left_out` replaces the predictions
        assert variance_over_tests(kept, "gan", "real") == found[-1]
        lost = replace(kept, left_out={})  # an interval without the test part would be too narrow
        assert variance_over_tests(lost, "gan", "real") == np.inf
    assert np.mean(found) == pytest.approx((0.8 * 0.2 + 0.7 * 0.3) / n, rel=0.12)
    assert (
        result.difference("gan", "real").high > 0.04
    )  # equal predictions in three seeds are not certain


def test_new_splits_for_each_seed_need_no_jackknife() -> None:
    left_out = {"real": np.zeros((4, 20)), "gan": np.arange(80.0).reshape(4, 20)}
    result = replace(make_result({"real": REAL, "gan": REAL}, overlap=0.4), left_out=left_out)
    assert (
        variance_over_tests(result, "gan", "real")
        == 0
        < variance_over_tests(redesigned(result, fixed_test=True), "gan", "real")
    )


def test_undefined_scores_without_a_group_leave_the_variance_undefined() -> None:
    """With one positive row in the test part, the area without it is undefined."""
    result = redesigned(make_result({"real": REAL, "gan": REAL}, metric="roc_auc"), fixed_test=True)
    left_out = np.full((4, 20), 0.9)
    left_out[:, 3] = np.nan
    unsure = replace(result, left_out={"real": left_out, "gan": left_out})
    assert variance_over_tests(unsure, "gan", "real") == np.inf
    assert unsure.difference("gan", "real").p_value == 1
    assert "no evidence" in unsure.verdict()
    assert "no interval: too few test rows" in unsure.verdict()

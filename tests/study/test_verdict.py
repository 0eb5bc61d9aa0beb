"""Verdicts of studies and their details."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gen_augment.study.metrics import METRICS
from gen_augment.study.result import StudyResult
from tests.study.results import REAL, Rows, make_result, redesigned, rows


def test_verdict_yes() -> None:
    result = make_result({"real": REAL, "gan": rows(0.8, 0.75, 0.78, 0.76, 0.74)})
    interval = stats.ttest_1samp([5, 6, 5, 5], 0).confidence_interval()
    assert result.verdict() == (
        "Yes: synthetic rows helped. gan improves balanced accuracy by 5.25 points over real, the best arm without "
        f"them, chosen on validation (95% interval {interval.low:+.2f} to {interval.high:+.2f}, 4 paired seeds)."
    )


def test_verdict_says_that_a_better_arm_on_test_was_not_chosen() -> None:
    arms = {"real": REAL, "shift": rows(0.6, 0.9, 0.9, 0.9, 0.9), "gan": rows(0.8, *[0.75] * 4)}
    said = "over real, the best arm without them, chosen on validation (shift is better on test) ("
    assert said in make_result(arms).verdict()


def test_verdict_hurt() -> None:
    result = make_result({"real": REAL, "gan": rows(0.8, 0.65, 0.66, 0.66, 0.64)})
    assert result.verdict().startswith(
        "No: synthetic rows hurt. gan worsens balanced accuracy by 5.25 points against real"
    )
    assert "4 paired seeds" in result.verdict()


@pytest.mark.parametrize(
    "scores, change", [((0.72, 0.71, 0.71, 0.72), "+1.00"), ((0.70, 0.70, 0.70, 0.70), "-0.50")]
)
def test_verdict_no_evidence(scores: tuple[float, ...], change: str) -> None:
    result = make_result({"real": REAL, "gan": rows(0.8, *scores)})
    found = result.difference("gan", "real")
    assert found.low < 0 < found.high
    assert result.verdict().startswith(
        f"No: no evidence that synthetic rows helped. gan changes balanced accuracy by {change} points against real"
    )


@pytest.mark.parametrize("n, seeds", [(1, "one seed"), (2, "two seeds")])
def test_verdict_of_too_few_seeds(n: int, seeds: str) -> None:
    result = make_result({"real": rows(0.7, *[0.7] * n), "gan": rows(0.9, *[0.99] * n)})
    assert result.verdict() == (
        f"No verdict: {seeds} cannot tell. gan differs from real by +29.00 points of balanced accuracy; "
        "run 3 seeds or more, better 5."
    )


@pytest.mark.parametrize(
    "arms, missing",
    [
        ({"real": REAL, "gan": [*rows(0.9, 0.9, 0.9, 0.9), None]}, "with"),
        ({"real": [None, *REAL[1:]], "gan": REAL}, "without"),
        ({"real": [None] * 4, "gan": [None] * 4}, "without"),
        ({"real": REAL, "gan": REAL[:2]}, "with"),  # interrupted
    ],
)
def test_verdict_without_a_complete_arm(arms: Rows, missing: str) -> None:
    result = make_result(arms)
    assert (
        result.verdict()
        == f"No verdict: no arm {missing} synthetic rows finished all of its 4 trials."
    )


def test_verdict_of_no_trials_at_all() -> None:
    columns = [
        "arm",
        "seed",
        "error",
        *(f"{part}_{m}" for part in ("train", "validation", "test") for m in METRICS),
    ]
    costs = ["fit_seconds", "sample_seconds", "train_seconds", "predict_us", "model_bytes"]
    trials = pd.DataFrame([], columns=[*columns, *costs])
    result = StudyResult(
        trials, {"real": False, "gan": True}, (METRICS["accuracy"],), {"n_seeds": 3}
    )
    assert result.verdict().startswith("No verdict")
    assert result.table()["trials"].tolist() == [0, 0]


def test_overlap_of_splits_can_take_a_yes_away() -> None:
    arms = {"real": REAL, "gan": rows(0.8, 0.71, 0.75, 0.72, 0.71)}
    assert make_result(arms).verdict().startswith("Yes")
    assert make_result(arms, overlap=3 / 7).verdict().startswith("No: no evidence")


def test_equal_differences_on_one_test_part_ask_for_rows_and_not_for_seeds() -> None:
    real, gan = rows(0.7, 0.70, 0.72, 0.71), rows(0.7, 0.71, 0.73, 0.72)
    rng = np.random.default_rng(0)
    left_out = {
        "real": np.full((3, 20), 0.7),
        "gan": 0.71 + rng.normal(0, 0.02, (1, 20)).repeat(3, axis=0),
    }
    made = redesigned(make_result({"real": real, "gan": gan}), fixed_test=True)
    result = replace(made, left_out=left_out)
    assert result.difference("gan", "real").low < 0
    assert "To show a difference of 1.00 points, the study needs more test rows." in " ".join(
        result.details()
    )


def test_details_distinguish_many_seeds_from_none() -> None:
    real, gan = rows(0.7, 0.70, 0.72, 0.71, 0.69), rows(0.7, 0.80, 0.63, 0.80, 0.60)
    said = " ".join(make_result({"real": real, "gan": gan}).details())
    assert "more than 1,000 seeds" in said
    assert "More seeds would not settle it" in " ".join(
        make_result({"real": real, "gan": gan}, overlap=0.5).details()
    )


def test_a_missing_kind_of_arm_is_reported() -> None:
    assert "no arm with synthetic rows was asked for" in make_result({"real": REAL}).verdict()
    assert "no arm without synthetic rows was asked for" in make_result({"gan": REAL}).verdict()
    assert (
        "with synthetic rows finished all"
        in make_result({"real": REAL, "gan": [None] * 4}).verdict()
    )


def test_a_change_of_a_loss_has_the_sign_of_the_loss() -> None:
    real, gan = rows(0.7, 0.9, 0.8, 0.7, 0.9), rows(0.7, 0.7, 0.9, 0.5, 0.8)
    said = make_result({"real": real, "gan": gan}, metric="nll").verdict()
    interval = stats.ttest_1samp([-0.2, 0.1, -0.2, -0.1], 0).confidence_interval()
    assert "gan changes negative log-likelihood by -0.10 against" in said
    assert f"interval {interval.low:+.2f} to {interval.high:+.2f}" in said
    better = make_result({"real": real, "gan": rows(0.7, 0.2, 0.3, 0.4, 0.4)}, metric="nll")
    assert "gan improves negative log-likelihood by 0.50" in better.verdict()

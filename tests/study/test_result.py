"""What follows from trials: which arms are compared, the table, the verdict."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gen_augment.errors import ArchiveError, InputError
from gen_augment.study.findings import Design, variance_over_tests
from gen_augment.study.metrics import METRICS, find_metrics
from gen_augment.study.result import StudyResult

#: Validation and test scores of each seed; None for a failed trial.
Rows = Mapping[str, Sequence[tuple[float, float] | None]]


def make_result(
    arms: Rows,
    *,
    metric: str = "balanced_accuracy",
    overlap: float = 0.0,
    n_seeds: int | None = None,
) -> StudyResult:
    """Arms whose name begins with "gan" have a sampler."""
    trials = []
    for arm, seeds in arms.items():
        for seed, found in enumerate(seeds):
            error = None if found else "ValueError: planned"
            trial: dict[str, Any] = {"arm": arm, "seed": seed, "code": "", "error": error}
            for part, score in zip(("validation", "test"), found or (None, None), strict=True):
                trial |= {f"{part}_{name}": score for name in METRICS}
            trial |= {f"train_{name}": 1.0 if found else None for name in METRICS}
            seconds = {
                "fit_seconds": 2.0 if arm.startswith("gan") else None,
                "sample_seconds": None,
            }
            costs = {"train_seconds": 1.0 + seed, "predict_us": 1.0, "model_bytes": 100.0}
            trials.append(trial | seconds | costs)
    return StudyResult(
        pd.DataFrame(trials),
        {arm: arm.startswith("gan") for arm in arms},
        (METRICS[metric],),
        {"n_seeds": n_seeds or max(map(len, arms.values()))},
        Design(overlap=overlap),
    )


def redesigned(result: StudyResult, **changes: Any) -> StudyResult:
    """The same trials, compared in another way."""
    return replace(result, design=replace(result.design, **changes))


def rows(validation: float, *test: float) -> list[tuple[float, float] | None]:
    return [(validation, score) for score in test]


REAL = rows(0.7, 0.70, 0.72, 0.71, 0.69)


# The verdict


def test_verdict_yes() -> None:
    result = make_result({"real": REAL, "gan": rows(0.8, 0.75, 0.78, 0.76, 0.74)})
    interval = stats.ttest_1samp([5, 6, 5, 5], 0).confidence_interval()
    assert result.verdict() == (
        "Yes: synthetic rows helped. gan improves balanced accuracy by 5.25 points over real, the best arm without "
        f"them on validation (95% interval {interval.low:+.2f} to {interval.high:+.2f}, 4 paired seeds)."
    )


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


# Selection


def test_arms_are_chosen_on_validation_alone() -> None:
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
def test_lower_is_better_metrics_are_turned_round(metric: str) -> None:
    result = make_result(
        {
            "real": rows(0.5, 0.50, 0.52, 0.51),
            "shift": rows(0.6, 0.20, 0.20, 0.20),  # worse on validation, so not the bar
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


def test_arm_with_a_failed_trial_is_neither_bar_nor_candidate() -> None:
    result = make_result(
        {
            "real": REAL,
            "shift": [*rows(0.99, 0.99, 0.99, 0.99), None],
            "gan": REAL,
            "gan+shift": [None, *rows(0.99, 0.99, 0.99, 0.99)],
        }
    )
    assert list(result.scores().columns) == ["real", "gan"]
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


def test_seeds_are_paired_whatever_the_order_of_trials() -> None:
    result = make_result({"real": rows(0.5, 0.1, 0.5, 0.9), "gan": rows(0.5, 0.2, 0.6, 1.0)})
    shuffled = StudyResult(
        result.trials.sample(frac=1, random_state=0),
        result.arms,
        result.metrics,
        result.protocol,
    )
    found = shuffled.difference("gan", "real")
    assert found.mean == pytest.approx(0.1)
    assert found.high - found.low < 1e-9


# The table


def test_table() -> None:
    arms = {
        "real": REAL,
        "shift": rows(0.6, 0.71, 0.72, 0.73, 0.68),
        "gan": rows(0.8, 0.75, 0.78, 0.74, 0.74),
        "gan+shift": rows(0.7, 0.60, 0.62, 0.63, 0.59),
    }
    table = make_result(arms, overlap=0.25).table()
    assert table.index.tolist() == list(arms)
    assert table.columns.tolist() == [
        "trials", "failed", *METRICS, "validation_balanced_accuracy", "difference", "low", "high", "p_value", "p_holm",
        "low_bca", "high_bca", "p_wilcoxon", "gain_probability", "gap",
        "fit_seconds", "sample_seconds", "train_seconds", "predict_us", "model_bytes",
    ]  # fmt: skip

    tests = {arm: np.array([found[1] for found in seeds if found]) for arm, seeds in arms.items()}
    for arm, scores in tests.items():
        assert table.loc[arm, "balanced_accuracy"] == pytest.approx(scores.mean())
        if arm == "real":
            assert table.loc[arm, ["difference", "low", "high", "p_value", "p_holm"]].isna().all()
            continue
        d = scores - tests["real"]
        error = d.std(ddof=1) * np.sqrt(1 / 4 + 0.25)
        expected = stats.t(3, d.mean(), error).interval(0.95)
        np.testing.assert_allclose(
            table.loc[arm, ["difference", "low", "high"]].tolist(), [d.mean(), *expected]
        )
        assert table.loc[arm, "p_value"] == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, 3))
    assert table["validation_balanced_accuracy"].tolist() == pytest.approx([0.7, 0.6, 0.8, 0.7])
    assert table["train_seconds"].tolist() == [2.5] * 4
    assert table["fit_seconds"].tolist()[2:] == [2.0, 2.0]
    assert table["fit_seconds"].isna().tolist() == [True, True, False, False]


def test_table_holds_holm_s_p_over_all_arms_but_the_reference() -> None:
    rng = np.random.default_rng(0)
    names = ["real", "shift", "flip", "gan", "gan+shift"]
    result = make_result(
        {name: rows(0.9 - 0.1 * i, *rng.uniform(0, 1, 5)) for i, name in enumerate(names)}
    )
    table = result.table().drop(index="real").sort_values("p_value")
    expected = np.maximum.accumulate(table["p_value"].to_numpy() * [4, 3, 2, 1]).clip(max=1)
    np.testing.assert_allclose(table["p_holm"], expected)


def test_table_without_any_arm_to_beat() -> None:
    table = make_result({"gan": REAL, "gan+shift": REAL}).table()
    assert table["difference"].isna().all()
    assert table["balanced_accuracy"].notna().all()


# Files


def test_to_json(tmp_path: Path) -> None:
    result = make_result({"real": REAL, "gan": [*REAL[:3], None]})
    result.to_json(tmp_path / "result.json")
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["verdict"] == result.verdict()
    assert [metric["name"] for metric in record["metrics"]] == ["balanced_accuracy"]
    assert (record["outcome"], record["best_with_synthetic_rows"]) == ("no arm", None)
    assert record["protocol"] == {"n_seeds": 4}
    assert len(record["trials"]) == 8
    assert record["trials"][0]["test_accuracy"] == 0.70
    assert record["trials"][7]["test_accuracy"] is None
    assert record["trials"][7]["error"] == "ValueError: planned"


@pytest.mark.parametrize("write", [StudyResult.to_json, StudyResult.to_html])
def test_folder_that_is_missing(tmp_path: Path, write: Any) -> None:
    with pytest.raises(ArchiveError, match="cannot write"):
        write(make_result({"real": REAL, "gan": REAL}), tmp_path / "missing" / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_found_by_name(metric: str) -> None:
    assert find_metrics(metric, np.arange(2)) == (METRICS[metric],)
    with pytest.raises(InputError, match=f"metric='{metric}s' is not one of balanced_accuracy"):
        find_metrics(metric + "s", np.arange(2))


# What another test part would say


def test_jackknife_is_the_spread_over_test_parts() -> None:
    """Two classifiers, right in 80% and 70% of cases, independently: the variance of the difference is known."""
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
        kept = replace(result, predictions={}, truth={})  # `left_out` stands for what is gone
        assert (
            variance_over_tests(kept, "gan", "real")
            == found[-1]
            > variance_over_tests(replace(kept, left_out={}), "gan", "real")
        )
    assert np.mean(found) == pytest.approx((0.8 * 0.2 + 0.7 * 0.3) / n, rel=0.12)
    assert (
        result.difference("gan", "real").high > 0.04
    )  # three seeds of equal predictions are no certainty


def test_equal_differences_on_one_test_part_ask_for_rows_and_not_for_seeds() -> None:
    real, gan = rows(0.7, 0.70, 0.72, 0.71), rows(0.7, 0.71, 0.73, 0.72)
    rng = np.random.default_rng(0)
    left_out = {
        "real": np.full((3, 20), 0.7),
        "gan": 0.71 + rng.normal(0, 0.02, (1, 20)).repeat(3, axis=0),
    }
    result = replace(make_result({"real": real, "gan": gan}), left_out=left_out)
    assert result.difference("gan", "real").low < 0
    assert (
        "No number of seeds would show a difference of 1.00 points: it takes more rows"
        in " ".join(result.details())
    )


def test_splits_drawn_anew_need_no_jackknife() -> None:
    left_out = {"real": np.zeros((4, 20)), "gan": np.arange(80.0).reshape(4, 20)}
    result = replace(make_result({"real": REAL, "gan": REAL}, overlap=0.4), left_out=left_out)
    assert (
        variance_over_tests(redesigned(result, fixed_test=False), "gan", "real")
        == 0
        < variance_over_tests(result, "gan", "real")
    )


def test_areas_that_a_group_has_not_leave_all_open() -> None:
    """One positive row in the test part: without it there is no area."""
    result = make_result({"real": REAL, "gan": REAL}, metric="roc_auc")
    left_out = np.full((4, 20), 0.9)
    left_out[:, 3] = np.nan
    unsure = replace(result, left_out={"real": left_out, "gan": left_out})
    assert variance_over_tests(unsure, "gan", "real") == np.inf
    assert unsure.difference("gan", "real").p_value == 1
    assert "no evidence" in unsure.verdict()


def test_many_seeds_are_told_from_none() -> None:
    real, gan = rows(0.7, 0.70, 0.72, 0.71, 0.69), rows(0.7, 0.80, 0.63, 0.80, 0.60)
    said = " ".join(make_result({"real": real, "gan": gan}).details())
    assert "takes more than 1,000 seeds" in said
    assert "No number of seeds" in " ".join(
        make_result({"real": real, "gan": gan}, overlap=0.5).details()
    )


def test_a_missing_kind_of_arm_is_said_to_be_missing() -> None:
    assert "no arm with synthetic rows was asked for" in make_result({"real": REAL}).verdict()
    assert "no arm without synthetic rows was asked for" in make_result({"gan": REAL}).verdict()
    assert (
        "with synthetic rows finished all"
        in make_result({"real": REAL, "gan": [None] * 4}).verdict()
    )

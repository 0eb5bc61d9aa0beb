"""The table of arms: means, paired differences and corrected p-values."""

import numpy as np
import pytest
from scipy import stats

from gen_augment.study.metrics import METRICS
from tests.study.results import REAL, make_result, rows


def test_table_of_arms() -> None:
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


def test_holm_corrects_over_all_arms_except_the_reference() -> None:
    rng = np.random.default_rng(0)
    names = ["real", "shift", "flip", "gan", "gan+shift"]
    result = make_result(
        {name: rows(0.9 - 0.1 * i, *rng.uniform(0, 1, 5)) for i, name in enumerate(names)}
    )
    table = result.table().drop(index="real").sort_values("p_value")
    expected = np.maximum.accumulate(table["p_value"].to_numpy() * [4, 3, 2, 1]).clip(max=1)
    np.testing.assert_allclose(table["p_holm"], expected)


def test_table_without_a_reference() -> None:
    table = make_result({"gan": REAL, "gan+shift": REAL}).table()
    assert table["difference"].isna().all()
    assert table["balanced_accuracy"].notna().all()

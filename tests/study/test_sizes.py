"""Learning curves: nested training parts, and samplers that see these parts alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment.errors import InputError
from gen_augment.rng import derive_seed
from gen_augment.study import Arm, StudyResult, load_result
from gen_augment.study.parts import rows_of_size
from gen_augment.study.report import render
from gen_augment.study.statistics import paired_interval
from tests.study.pages import Page, table_rows
from tests.study.small_studies import X, Y, scores
from tests.study.toys import Copies, Failing, Log, TrueDraws, gaussians, row_digests, small_study

SIZES = (3, 8)


def test_samplers_are_fitted_on_each_part_and_see_no_more() -> None:
    log = Log()
    study = small_study(X, Y, samplers={"copies": Copies(log)}, n_seeds=3, sizes=SIZES)
    trials = study.run().trials
    assert len(log) == 9
    for number in range(3):
        split = study.check().task.split(derive_seed(0, "seed", number))
        whole, *parts = sorted(log[3 * number : 3 * number + 3], key=len, reverse=True)
        assert whole == row_digests(split.train.X).tolist()
        assert [len(part) for part in parts] == [16, 6]
        assert set(parts[1]) < set(parts[0]) < set(whole)
    assert trials["n_train"].tolist() == [33, 33, 6, 6, 16, 16] * 3
    assert trials["n_synthetic"].tolist()[1::2] == [33, 6, 16] * 3


def test_scores_are_those_of_classifiers_trained_by_hand() -> None:
    study = small_study(X, Y, arms=["real"], samplers={}, n_seeds=3, sizes=SIZES)
    curve = study.run().learning_curve()
    assert curve["size"].tolist() == [3, 8, 16]
    for size, mean in zip(SIZES, curve["mean"], strict=False):
        by_hand = []
        for number in range(3):
            seed = derive_seed(0, "seed", number)
            split = study.check().task.split(seed)
            rows = rows_of_size(split.train.codes, size, seed)
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(
                split.train.X[rows], split.train.codes[rows]
            )
            by_hand.append(
                balanced_accuracy_score(study.check().task.truth(seed), model.predict(split.test.X))
            )
        assert mean == pytest.approx(np.mean(by_hand))


def test_the_verdict_is_that_of_the_whole_part() -> None:
    with_curve, without = (small_study(X, Y, n_seeds=3, sizes=sizes).run() for sizes in (SIZES, ()))
    assert with_curve.verdict() == without.verdict()
    pd.testing.assert_frame_equal(
        with_curve.table(), without.table(), check_exact=False, rtol=1
    )  # but for seconds
    assert list(with_curve.arms) == ["real", "copies"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResult, Path]:
    """A sampler that draws from the truth: of use where there are few rows."""
    folder = tmp_path_factory.mktemp("curve")
    study = small_study(
        *gaussians(800, dim=10), test=gaussians(2000, dim=10, seed=1), arms=["real", "oversample", "true:8"],
        samplers={"true": TrueDraws()}, n_seeds=4, per_class=100, sizes=(5, 20),
    )  # fmt: skip
    return study.run(folder), folder


def test_learning_curve_is_tidy(found: tuple[StudyResult, Path]) -> None:
    result, _ = found
    curve = result.learning_curve()
    assert curve[["arm", "size"]].to_numpy().tolist() == [
        [arm, size] for size in (5, 20, 80) for arm in ("real", "oversample", "true:8")
    ]
    assert curve["n_train"].tolist() == [10] * 3 + [40] * 3 + [160] * 3
    assert (curve["n_seeds"] == 4).all()
    assert curve["generative"].tolist() == [False, False, True] * 3
    trials = result.trials.set_index(["arm", "seed"])["test_balanced_accuracy"]
    interval = paired_interval(trials["true:8@5"].tolist(), overlap=result.design.overlap)
    assert curve.loc[2, ["mean", "low", "high"]].tolist() == pytest.approx(
        [interval.mean, interval.low, interval.high]
    )
    reference = result.best(generative=False)
    gains = curve[curve["arm"] == "true:8"]["difference"].tolist()
    assert gains[0] == pytest.approx((trials["true:8@5"] - trials[f"{reference}@5"]).mean())
    assert gains[0] > gains[2]  # the fewer real rows, the more they are worth
    whole = result.difference("true:8", str(reference))
    last = curve.iloc[-1]
    assert last[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(
        [whole.mean, whole.low, whole.high]
    )


def test_report_shows_the_curve(found: tuple[StudyResult, Path]) -> None:
    result, folder = found
    html = render(result)
    page = Page(html)
    assert "How many training rows" in page.text
    assert page.open == []
    curve = result.learning_curve().set_index(["arm", "size"])["mean"] * 100
    table = table_rows(html, 1)
    assert [row[0] for row in table[:3]] == list(result.arms)
    for row in table[:3]:
        assert row[1:] == [f"{curve[row[0], size]:.2f}" for size in (5, 20, 80)]
    assert table[3][0] == f"true:8 over {result.best(generative=False)}"
    assert all(" to " in cell for cell in table[3][1:])
    assert table_rows(render(load_result(folder)), 1) == table
    assert "How many training rows" not in render(small_study(X, Y).run())


def test_sizes_may_be_added_and_a_kill_costs_one_trial(tmp_path: Path) -> None:
    log = Log()
    samplers = {"copies": Copies(log)}
    small_study(X, Y, samplers=samplers).run(tmp_path)
    broken = {"copies": Failing(log, at=(3,), error=KeyboardInterrupt)}
    with pytest.raises(KeyboardInterrupt):
        small_study(X, Y, samplers=broken, sizes=SIZES).run()
    log.clear()
    found = small_study(X, Y, samplers=samplers, sizes=SIZES).run(tmp_path)
    assert sorted(map(len, log)) == [6, 6, 16, 16]
    lines = (tmp_path / "trials.jsonl").read_bytes()
    (tmp_path / "trials.jsonl").write_bytes(lines[:-40])
    told: list[Any] = []
    again = small_study(X, Y, samplers=samplers, sizes=SIZES).run(
        tmp_path, on_trial=lambda *a: told.append(a[1:])
    )
    assert told == [(12, 12)]
    pd.testing.assert_frame_equal(scores(again), scores(found))


def test_a_size_that_fails_leaves_the_rest() -> None:
    """SMOTE needs more than one row of a class."""
    result = small_study(X, Y, arms=["real", "smote", "copies"], n_seeds=3, sizes=(1,)).run()
    curve = result.learning_curve()
    assert curve[curve["size"] == 1]["arm"].tolist() == ["real", "copies"]
    assert not result.verdict().startswith("No verdict")
    assert "smote@1" in Page(render(result)).text


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"sizes": (3, 16.5)}, "sizes=16.5 is not a whole number"),
        ({"sizes": (0,)}, "sizes=0 is not"),
        ({"sizes": (3, 3)}, "each may be given once"),
        ({"sizes": (3, 40)}, r"sizes=\[3, 40\]: the training part has 16.5 rows for each class"),
        ({"sizes": (16,)}, r"sizes=\[16\]: the training part has 16.5"),  # which are called 16
        (
            {"sizes": (3,), "arms": ["real", Arm("real@3")]},
            "'real@3' has the name of 'real' at the size 3",
        ),
    ],
)
def test_sizes_that_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small_study(X, Y, **changes).check()

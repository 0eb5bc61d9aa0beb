"""The search finds what helps, recommends nothing where nothing does, and never sees test rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from torch import nn

from gen_augment.errors import InputError
from gen_augment.study import Arm, Study
from gen_augment.study.arms import parse_arm
from gen_augment.study.search import SearchSpace, candidates
from tests.conftest import small_sampler
from tests.study.clock import TICK, WARM_UP, Trained
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    TrueDraws,
    WrongLabels,
    gaussians,
    make_study,
    row_digests,
    small_study,
)

TEST = gaussians(2000, dim=10, seed=1)


def searching(samplers: dict[str, Any], **changes: Any) -> Study:
    settings: dict[str, Any] = {
        "model": GaussianNB(), "arms": ["real", "oversample"], "samplers": samplers, "per_class": 10, "n_seeds": 8,
    }  # fmt: skip
    return small_study(*gaussians(600, dim=10), **({"test": TEST} | settings | changes))


def test_the_sampler_that_knows_the_truth_is_recommended(tmp_path: Path) -> None:
    samplers = {"copies": Copies(), "true": TrueDraws(), "wrong": WrongLabels()}
    study = searching(
        samplers, per_class=20, validation_size=0.5
    )  # few training rows, and enough validation rows to select on
    found = study.recommend(tmp_path, ratios=(0.5, 4), filters=())
    assert found.use == "true:4"
    assert found.verdict.startswith("Yes")
    assert found.counts == {0: 1200, 1: 1200}
    assert set(found.searched) == {
        "real",
        "oversample",
        *(f"{s}:{r}" for s in samplers for r in ("0.5", "4")),
    }
    X, y = gaussians(600, dim=10)
    more, labels = found.augment(X, y)
    assert len(more) == len(labels) == 3000
    np.testing.assert_array_equal(more[:600], X)
    # A second run trains nothing.
    again = study.recommend(tmp_path, ratios=(0.5, 4), filters=())
    assert (again.use, again.searched) == (found.use, found.searched)


def test_nothing_is_recommended_where_nothing_helps() -> None:
    X, y = gaussians(100)
    found = searching({"wrong": WrongLabels()}, n_seeds=4).recommend(ratios=(1,), filters=())
    assert found.use is None
    assert found.sampler is None
    assert found.augment(X, y) == (X, y)
    # A gain below the smallest relevant gain is not recommended.
    small = searching({"true": TrueDraws()}, n_seeds=4, margin=0.5).recommend(
        ratios=(2,), filters=()
    )
    assert small.use is None


def test_the_search_sees_no_test_row() -> None:
    log = Log()
    study = searching({"copies": Copies(log)}, n_seeds=3)
    study.recommend(ratios=(1, 2), filters=())
    assert len(log) == 4  # one fit for each seed of the search and of the confirmation
    assert not {digest for rows in log for digest in rows} & set(row_digests(TEST[0]))
    # Without a given test part, the search and the confirmation set the same rows aside.
    log.clear()
    apart = searching({"copies": Copies(log)}, test=None, n_seeds=3)
    apart.recommend(ratios=(1, 2), filters=())
    assert len({digest for rows in log for digest in rows}) <= 0.7 * 600


def test_candidates() -> None:
    study = searching({"flow": small_sampler("flow"), "gan": small_sampler("gan"), "own": Copies()})
    logit = Arm("logit", balance="logit")
    assert candidates(
        study.check(), SearchSpace((0.5,), ("agreement",), (1.5,), (0.3, 0.6), (0.25,), True), logit
    ) == [
        "flow:0.5+logit", "flow:0.5:guidance=1.5+logit", "flow:0.5:agreement+logit",
        "flow:0.5:agreement:guidance=1.5+logit", "flow:0.5:vary=0.3+logit", "flow:0.5:vary=0.6+logit",
        "gan:0.5+logit", "gan:0.5:agreement+logit", "own:0.5+logit", "own:0.5:agreement+logit",
    ]  # fmt: skip
    study = replace(study, model=lambda: nn.Linear(10, 2))
    space = SearchSpace((4, 0.5, 1), (), (), (), (0.25,), True)
    assert candidates(study.check(), space, Arm("real"))[-5:] == [
        "own:4", "own:0.5", "own:1", "own:1:share=0.25", "own:1:pretrain",
    ]  # fmt: skip


def test_candidates_of_imbalanced_rows_are_added_to_those_of_the_best_arm() -> None:
    study = searching({"own": Copies()}, per_class={0: 20, 1: 5})
    best = parse_arm("smote+weights", study.check().samplers)
    assert candidates(study.check(), SearchSpace((1,), ("realism",), (), (), (), True), best) == [
        "smote+own:1+weights", "smote+own:1:realism+weights", "own+weights",
    ]  # fmt: skip
    assert candidates(study.check(), SearchSpace((1,), (), (), (), (), True), Arm("real")) == [
        "own:1",
        "own",
    ]


def test_rows_are_recommended_in_addition_to_resampled_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "gen_augment.study.search._halve", lambda scout, arms, *_: (arms["oversample+true:4"], {})
    )
    X, y = gaussians(600, dim=10, imbalance=4)
    study = small_study(
        X, y, test=TEST, per_class={0: 20, 1: 5}, n_seeds=8, model=GaussianNB(), arms=["oversample"],
        samplers={"true": TrueDraws()},
    )  # fmt: skip
    found = study.recommend(ratios=(4,), filters=())
    assert (found.use, found.resample) == ("oversample+true:4", "oversample")
    more, labels = found.augment(X, y)
    assert np.bincount(labels).tolist() == [(y == 0).sum() + 1200] * 2
    np.testing.assert_array_equal(more[:600], X)
    np.testing.assert_array_equal(labels[:600], y)


def test_a_share_of_each_batch_can_be_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gen_augment.study.search._halve",
        lambda scout, arms, *_: (arms["true:1:share=0.5"], dict.fromkeys(arms, 0.0)),
    )
    study = searching(
        {"true": TrueDraws()}, model=lambda: nn.Linear(10, 2), n_steps=60, lr=0.1, n_seeds=5
    )
    found = study.recommend(ratios=(1,), filters=(), shares=(0.5,))
    assert (found.use, found.share) == ("true:1:share=0.5", 0.5)


def test_a_budget_shortens_the_search_and_what_is_recommended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gen_augment.study.search._decided", lambda compared, margin: True)
    monkeypatch.setattr("time.monotonic", TICK)
    TICK.now, TICK.pace, log, told = 0.0, 1.0, Log(), []
    study = searching({"slow": Trained(log)}, n_seeds=5)
    found = study.recommend(ratios=(0.5, 1), filters=(), budget=20, on_plan=told.append)
    (steps,) = set(log) - set(WARM_UP)  # in the search, in the confirmation, and on all rows
    assert steps < 3000
    assert f"slow is trained for {steps:,} of its 3,000 steps" in told[0]
    assert found.sampler.max_steps == steps
    assert found.result.n_seeds >= 3
    assert TICK.now / 60 < 24


@pytest.mark.parametrize("changes", [{"per_class": None}, {"per_class": 30}])
def test_all_rows_that_can_be_studied_can_be_searched(changes: dict[str, Any]) -> None:
    X, y = gaussians(60, dim=10)
    study = searching({"copies": Copies()}, arms=["real"], n_seeds=3, **changes)
    for few in (
        make_study(
            X, y, model=GaussianNB(), arms=["real"], samplers={"copies": Copies()}, n_seeds=3
        ),
        study,
    ):
        assert few.recommend(ratios=(1,), filters=()).use is None


def test_unusable_searches_are_refused() -> None:
    with pytest.raises(InputError, match=r"sizes=\[3\]: a search has no learning curve"):
        searching({"copies": Copies()}, sizes=(3,)).recommend()
    with pytest.raises(InputError, match="nothing to search among"):
        searching({}).recommend()
    with pytest.raises(InputError, match="no candidate could be trained"):
        searching({"f": Failing(Log(), at=tuple(range(9)))}).recommend(ratios=(1,), filters=())

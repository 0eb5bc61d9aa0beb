"""Plans from measured times: studies with a simulated clock."""

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gen_augment.errors import ArchiveError
from gen_augment.study import Study
from gen_augment.study.budget import (
    ALLOWANCE,
)
from tests.study.clock import TICK, WARM_UP, SlowBayes, Tick, Trained
from tests.study.small_studies import scores
from tests.study.toys import Log, gaussians, small_study


@pytest.fixture(autouse=True)
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    TICK.now, TICK.pace = 0.0, 1.0
    monkeypatch.setattr("time.monotonic", TICK)
    return TICK


def slow_study(log: Log | None = None, **changes: Any) -> Study:
    """Three samplers of 302 s, 602 s and 152 s, and 8 arms of some 10 s: some 1,150 s a seed."""
    samplers = {
        "flow": Trained(log),
        "gan": Trained(log, seconds=0.2),
        "vae": Trained(log, seconds=0.05),
    }
    arms = ["real", "oversample", "weights", "smote", "flow", "gan", "vae", "vae:0.5"]
    given = {
        "model": SlowBayes(),
        "arms": arms,
        "samplers": samplers,
        "n_seeds": 5,
        "test": gaussians(500, seed=3),
    }
    return small_study(*gaussians(120), **(given | changes))


@pytest.mark.parametrize("minutes", [8, 16, 60, 120])
def test_a_study_with_a_budget_ends_in_time_with_a_verdict(minutes: float, tick: Tick) -> None:
    log, told = Log(), []
    result = slow_study(log).run(budget=minutes, on_plan=told.append)
    assert not result.verdict().startswith("No verdict")
    assert result.n_seeds >= 3
    assert 0.5 * minutes < tick.now / 60 <= ALLOWANCE * minutes + 1
    assert log[:9] == WARM_UP * 3
    steps = set(log[9:])
    assert len(steps) == 1
    (done,) = steps
    assert ("left out" in told[0]) is (minutes < 30)
    for name in {arm.partition(":")[0] for arm, generative in result.arms.items() if generative}:
        assert f"{name} is trained for {done:,} of its 3,000 steps" in told[0]
        assert result.protocol["samplers"][name]["max_steps"] == done
    assert result.details()[0].startswith(f"To fit the budget of {minutes} minutes: ")
    assert result.protocol["given_up"] in told[0]


def test_a_study_that_fits_its_budget_is_not_shortened(tick: Tick) -> None:
    log, told = Log(), []
    result = slow_study(log).run(budget=150, on_plan=told.append)
    assert log[9:] == [3000] * 15
    assert told[0].startswith("A budget of 150 minutes is enough. It takes about ")
    assert abs(float(told[0].split()[-2]) - tick.now / 60) < 4
    assert result.protocol["given_up"] is None
    assert not any("budget" in words for words in result.details())


def test_steps_given_by_the_user_are_kept() -> None:
    log = Log()
    samplers = {"flow": Trained(log, max_steps=500), "vae": Trained(log, seconds=0.05)}
    settings = {"samplers": samplers, "arms": ["real", "flow", "vae"]}
    slow_study(log, **settings).run(budget=10, on_plan=lambda _: None)
    assert {500} < set(log[6:])
    assert max(log[6:]) < 3000
    log.clear()
    told: list[str] = []
    slow_study(log, **settings).run(budget=10, shorten=False, on_plan=told.append)
    assert set(log[6:]) == {500}  # the VAE was dropped instead
    assert "vae left out" in told[0]


def test_without_a_listener_the_plan_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="To fit 20 minutes: 3 of 5 seeds; flow is trained for"):
        slow_study().run(budget=20)


def test_a_machine_that_becomes_slower_still_ends_in_time(tick: Tick) -> None:
    def slow_down(_: str) -> None:
        tick.pace = 1.4

    result = slow_study().run(budget=20, on_plan=slow_down)
    assert result.n_seeds == 3
    assert 20 < tick.now / 60 <= 24


def test_a_budget_that_is_too_short_is_reported(tick: Tick) -> None:
    told: list[str] = []
    result = slow_study().run(budget=2.5, on_plan=told.append)
    assert (
        "That is too long: only seeds that end in time are run; for all of them, give " in told[0]
    )
    assert (result.n_seeds, tick.now / 60 < 3) == (1, True)
    assert result.verdict().startswith("No verdict: one seed cannot tell.")


def test_a_killed_study_resumes_its_plan_and_its_time_counts(tmp_path: Path, tick: Tick) -> None:
    whole = slow_study(Log()).run(budget=20, on_plan=lambda _: None)
    tick.now = 0
    log, plans = Log(), []
    log.stop = 14  # type: ignore[attr-defined]  # in the second fit of the second seed
    study = slow_study(log)
    with pytest.raises(KeyboardInterrupt):
        study.run(tmp_path, budget=20, on_plan=plans.append)
    spent = json.loads((tmp_path / "time.json").read_text())["seconds"]
    tick.now += 10**6  # a long pause of the user
    found = study.run(tmp_path, budget=20, on_plan=plans.append)
    assert 300 < spent < 1200
    assert plans[0] == plans[1]
    pd.testing.assert_frame_equal(scores(found), scores(whole))
    assert found.verdict() == whole.verdict()
    total = json.loads((tmp_path / "time.json").read_text())["seconds"]
    assert spent < total <= 1440


def test_more_minutes_add_seeds_and_repeat_nothing(tmp_path: Path) -> None:
    log = Log()
    study = slow_study(log)
    first = study.run(tmp_path, budget=20, on_plan=lambda _: None)
    n_fits, steps = len(log), log[-1]
    again = study.run(tmp_path, budget=20, on_plan=lambda _: None)
    assert len(log) == n_fits
    pd.testing.assert_frame_equal(again.trials, first.trials)
    more = study.run(tmp_path, budget=40, on_plan=lambda _: None)
    assert (first.n_seeds, more.n_seeds) == (3, 5)
    assert set(log[n_fits:]) == {steps}
    pd.testing.assert_frame_equal(more.trials.head(len(first.trials)), first.trials)


def test_a_plan_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    study = slow_study(n_seeds=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.run(tmp_path, budget=20)
        (tmp_path / "plan.json").write_text('{"of":')
        with pytest.raises(ArchiveError, match=r"plan.json cannot be read .* remove it"):
            study.run(tmp_path, budget=20)
        (tmp_path / "plan.json").unlink()
        study.run(tmp_path, budget=20)

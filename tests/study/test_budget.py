"""What fits a budget: the plan, by numbers made up; and studies whose parts move a clock instead of taking time."""

import json
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from gen_augment.errors import ArchiveError
from gen_augment.study import Study
from gen_augment.study.arms import parse_arm
from gen_augment.study.budget import (
    ALLOWANCE,
    ENOUGH,
    LEAST_SHARE,
    Cost,
    Costs,
    Plan,
    draw_name,
    make_plan,
    makespan,
)
from gen_augment.study.sizes import with_sizes
from tests.study.test_runner import scores
from tests.study.toys import Copies, Log, gaussians, small_study


class Tick:
    """A clock that moves when it is told to; `pace` times as fast for a machine that became slower."""

    now, pace = 0.0, 1.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds * self.pace


TICK = Tick()


@pytest.fixture(autouse=True)
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    TICK.now, TICK.pace = 0.0, 1.0
    monkeypatch.setattr("time.monotonic", TICK)
    return TICK


class Trained(Copies):
    """Takes 2 s to get ready, `seconds` for each of its steps, and a hundredth of a second for each row."""

    def __init__(
        self,
        log: Log | None = None,
        random_state: int = 0,
        max_steps: int = 3000,
        seconds: float = 0.1,
    ) -> None:
        super().__init__(log, random_state)
        self.max_steps = max_steps
        self.seconds = seconds

    def fit(self, X: Any, y: Any) -> Self:
        TICK.pass_by(2 + self.seconds * self.max_steps)
        if self.log is not None:
            self.log.append(self.max_steps)
            if len(self.log) == getattr(self.log, "stop", None):
                raise KeyboardInterrupt
        self.X_, self.y_ = X, np.asarray(y)
        return self

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        TICK.pass_by(0.01 * len(labels))
        return super().draw(labels, rng)


SAMPLERS = {name: Trained() for name in ("flow", "gan", "vae")}
PLAIN = ["real", "oversample", "shift", "shift+mixup"]
ARMS = {
    name: parse_arm(name, SAMPLERS)
    for name in (*PLAIN, *SAMPLERS, *(f"{s}+shift+mixup" for s in SAMPLERS), "gan:shuffled")
}


FEW = {name: ARMS[name] for name in ("real", "flow", "vae")}


def costs_of(
    per_step: dict[str, float], *, arm: float = 10.0, steps: int = 1000, free: bool = True
) -> Costs:
    return Costs(
        dict.fromkeys(ARMS, arm),
        {name: Cost(0.0, seconds, steps, free) for name, seconds in per_step.items()},
        {draw_name(a): 0.0 for a in ARMS.values() if a.is_generative},
    )


def test_a_study_is_cut_down_in_the_order_that_is_promised() -> None:
    costs = costs_of(
        {"flow": 0.2, "gan": 0.4, "vae": 0.1}
    )  # 11 arms of 10 s, and 700 s of fits: 810 s a seed

    def plan(minutes: float) -> Plan:
        return make_plan(costs, ARMS, 5, minutes / ALLOWANCE)

    assert plan(5 * 810 / 60).given_up(ARMS) == ""
    # Steps go first, down to half of them.
    some = plan(4050 / 60 - 1)
    assert (some.n_seeds, some.left_out) == (5, ())
    assert 0.98 <= some.share < 1
    assert plan(5 * (110 + 350) / 60).share == 0.5
    # Then seeds, with as many steps as fit.
    assert (plan(5 * 459 / 60).n_seeds, plan(4 * 460 / 60).share) == (4, 0.5)
    assert (plan(3 * 459 / 60).n_seeds, plan(3 * 459 / 60).share) == (3, 0.49)
    assert plan(3 * (110 + 140) / 60).share == LEAST_SHARE
    # Then arms whose steps are in others; then the costliest samplers, with their controls.
    fewer = plan(3 * 249 / 60)
    assert (fewer.n_seeds, fewer.left_out) == (3, ("flow", "gan", "vae"))
    assert plan(3 * 215 / 60).left_out == ("flow", "gan", "vae", "gan+shift+mixup", "gan:shuffled")
    least = plan(1)
    assert set(ARMS) - set(least.left_out) == {*PLAIN, "vae+shift+mixup"}
    assert least.words(ARMS).endswith(
        "That is too long: only seeds that end in time are run; for all of them, give 5 minutes."
    )


def test_what_is_given_up_is_told() -> None:
    plan = make_plan(costs_of({"flow": 0.2, "vae": 0.1}, steps=3500), FEW, 5, 30)
    assert plan.words(FEW) == (
        "To fit 30 minutes: 3 of 5 seeds; flow is trained for 1,470 of its 3,500 steps; vae is trained for 1,470 of "
        "its 3,500 steps. It takes about 24 minutes."
    )
    assert (
        make_plan(costs_of({}), {"real": ARMS["real"]}, 11, 20).words(ARMS)
        == "A budget of 20 minutes is enough. It takes about 1.8 minutes."
    )


def test_steps_that_are_not_free_are_kept() -> None:
    costs = costs_of({"flow": 0.2, "gan": 0.4, "vae": 0.1}, free=False)
    plan = make_plan(costs, ARMS, 5, 3 * 700 / 60 / ALLOWANCE)
    assert not any(map(plan.steps, SAMPLERS))
    assert plan.left_out == ("flow", "gan", "vae", "gan+shift+mixup", "gan:shuffled")


@given(
    st.dictionaries(st.sampled_from(list(SAMPLERS)), st.floats(0, 2), min_size=3),
    st.floats(0, 60), st.integers(1, 8), st.floats(0.5, 300), st.integers(1, 3), st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_plan_fits_or_is_the_least(
    per_step: dict[str, float], arm: float, n_seeds: int, minutes: float, n_jobs: int, free: bool
) -> None:
    costs = costs_of(per_step, arm=arm, free=free)
    arms = with_sizes(ARMS, (10,))
    plan = make_plan(costs, arms, n_seeds, minutes, n_jobs=n_jobs)
    kept = plan.arms(arms)
    assert min(3, n_seeds) <= plan.n_seeds <= n_seeds
    assert LEAST_SHARE <= plan.share <= 1
    assert plan.share >= ENOUGH or plan.n_seeds == min(3, n_seeds)
    assert {f"{name}{at}" for name in PLAIN for at in ("", "@10")} <= set(kept)
    assert any(a.is_generative and not a.is_control for a in kept.values())
    assert plan.seconds == costs.seconds(kept.values(), plan.n_seeds, plan.share, n_jobs)
    if plan.seconds > ALLOWANCE * 60 * minutes:
        assert (plan.n_seeds, plan.share) == (min(3, n_seeds), LEAST_SHARE)
        assert len({a.row_step for a in kept.values() if a.is_generative and not a.is_control}) == 1
    assert Plan.from_record(json.loads(json.dumps(plan.as_record()))) == plan
    # With twice the minutes and the same arms and steps, there are no fewer seeds.
    assert (
        make_plan(costs, arms, n_seeds, 2 * minutes, n_jobs=n_jobs, before=plan).n_seeds
        >= plan.n_seeds
    )


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_makespan_lies_between_graham_s_bounds(seconds: list[float], n_jobs: int) -> None:
    least = max(sum(seconds) / n_jobs, *seconds, 0)
    assert least - 1e-9 <= makespan(seconds, n_jobs) <= (2 - 1 / n_jobs) * least + 1e-9


# Studies on a clock that their parts move


class SlowBayes(GaussianNB):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        TICK.pass_by(10)
        return super().fit(X, y, sample_weight)


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


WARM_UP = [1, 2, 18]


@pytest.mark.parametrize("minutes", [8, 16, 60, 120])
def test_a_study_ends_in_time_with_a_verdict(minutes: float, tick: Tick) -> None:
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


def test_a_study_that_fits_is_whole(tick: Tick) -> None:
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
    assert set(log[6:]) == {500}  # vae had to go instead
    assert "vae left out" in told[0]


def test_without_a_listener_the_plan_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="To fit 20 minutes: 3 of 5 seeds; flow is trained for"):
        slow_study().run(budget=20)


def test_a_machine_that_became_slower_ends_in_time_all_the_same(tick: Tick) -> None:
    def slow_down(_: str) -> None:
        tick.pace = 1.4

    result = slow_study().run(budget=20, on_plan=slow_down)
    assert result.n_seeds == 3
    assert 20 < tick.now / 60 <= 24


def test_a_budget_that_is_too_short_says_so_and_runs_what_ends_in_time(tick: Tick) -> None:
    told: list[str] = []
    result = slow_study().run(budget=2.5, on_plan=told.append)
    assert (
        "That is too long: only seeds that end in time are run; for all of them, give " in told[0]
    )
    assert (result.n_seeds, tick.now / 60 < 3) == (1, True)
    assert result.verdict().startswith("No verdict: one seed cannot tell.")


def test_killed_and_run_again_it_follows_the_plan_and_its_time_counts(
    tmp_path: Path, tick: Tick
) -> None:
    whole = slow_study(Log()).run(budget=20, on_plan=lambda _: None)
    tick.now = 0
    log, plans = Log(), []
    log.stop = 14  # type: ignore[attr-defined]  # in the second fit of the second seed
    study = slow_study(log)
    with pytest.raises(KeyboardInterrupt):
        study.run(tmp_path, budget=20, on_plan=plans.append)
    spent = json.loads((tmp_path / "time.json").read_text())["seconds"]
    tick.now += 10**6  # until somebody comes back
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

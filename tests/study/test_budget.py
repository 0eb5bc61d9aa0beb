"""Plans that fit a budget, and studies with a simulated clock."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from tests.study.clock import TICK, Tick, Trained


@pytest.fixture(autouse=True)
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    TICK.now, TICK.pace = 0.0, 1.0
    monkeypatch.setattr("time.monotonic", TICK)
    return TICK


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


def test_a_study_is_reduced_in_the_documented_order() -> None:
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
    # Then arms whose steps other arms include, then the most expensive samplers with their
    # controls.
    fewer = plan(3 * 249 / 60)
    assert (fewer.n_seeds, fewer.left_out) == (3, ("flow", "gan", "vae"))
    assert plan(3 * 215 / 60).left_out == ("flow", "gan", "vae", "gan+shift+mixup", "gan:shuffled")
    least = plan(1)
    assert set(ARMS) - set(least.left_out) == {*PLAIN, "vae+shift+mixup"}
    assert least.words(ARMS).endswith(
        "That is too long: only seeds that end in time are run; for all of them, give 5 minutes."
    )


def test_the_plan_reports_what_is_given_up() -> None:
    plan = make_plan(costs_of({"flow": 0.2, "vae": 0.1}, steps=3500), FEW, 5, 30)
    assert plan.words(FEW) == (
        "To fit 30 minutes: 3 of 5 seeds; flow is trained for 1,470 of its 3,500 steps; vae is trained for 1,470 of "
        "its 3,500 steps. It takes about 24 minutes."
    )
    assert (
        make_plan(costs_of({}), {"real": ARMS["real"]}, 11, 20).words(ARMS)
        == "A budget of 20 minutes is enough. It takes about 1.8 minutes."
    )


def test_fixed_steps_are_kept() -> None:
    costs = costs_of({"flow": 0.2, "gan": 0.4, "vae": 0.1}, free=False)
    plan = make_plan(costs, ARMS, 5, 3 * 700 / 60 / ALLOWANCE)
    assert not any(map(plan.steps, SAMPLERS))
    assert plan.left_out == ("flow", "gan", "vae", "gan+shift+mixup", "gan:shuffled")


@given(
    st.dictionaries(st.sampled_from(list(SAMPLERS)), st.floats(0, 2), min_size=3),
    st.floats(0, 60), st.integers(1, 8), st.floats(0.5, 300), st.integers(1, 3), st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_plan_fits_or_is_minimal(
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
    # Twice the budget with the same arms and steps gives at least as many seeds.
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

"""How long the parts of a study take on this machine, measured before the study is planned.

Classifiers are timed by the trials of the first seed, which count. Samplers that train by steps
are timed by a few steps, which are discarded.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import torch

from gen_augment.data import Rows
from gen_augment.jobs import Jobs
from gen_augment.rng import derive_seed
from gen_augment.samplers.registry import set_known
from gen_augment.study.arms import Arm, Synthetic, draw_rows, prepared, unfitted
from gen_augment.study.budget import Cost, Costs, Plan, draw_name, make_plan, shortened
from gen_augment.study.clock import Clock
from gen_augment.study.models import is_network_factory
from gen_augment.study.parts import Parts
from gen_augment.study.seeds import SeedRunner
from gen_augment.study.trial import Setting, run_trial
from gen_augment.study.trial_store import Outcome

__all__ = ["find_plan"]

#: Steps of three fits: the first warms up, and the difference of the others is that of 16 steps,
#: the period of the costs of a GAN.
_STEPS = (1, 2, 18)
#: Synthetic rows that are timed.
_ROWS = 128

Outcomes = Mapping[tuple[int, str], Outcome]


def find_plan(
    runner: SeedRunner,
    arms: Mapping[str, Arm],
    outcomes: Outcomes,
    jobs: Jobs,
    clock: Clock,
    *,
    shorten: bool,
) -> Plan:
    """Return the plan of these arms from the folder, or make one from measured times.

    Parameters
    ----------
    runner : SeedRunner
    arms : dict of str to Arm
    outcomes : dict of (seed, arm) to Outcome
        Trials that are done; `runner` adds to them.
    jobs : Jobs
    clock : Clock
        With a budget.
    shorten : bool
        Whether samplers may be trained for fewer than their default steps.
    """
    n_seeds = runner.study.spec.n_seeds
    of = {"arms": {name: arm.key for name, arm in arms.items()}, "shorten": shorten}
    kept = runner.store.read_json("plan.json") if runner.store is not None else None
    before = Plan.from_record(kept["plan"]) if kept is not None and kept["of"] == of else None
    if before is not None and (before.budget, before.asked) == (clock.minutes, n_seeds):
        return before
    if before is None:
        costs, spent = _measure(runner, arms, outcomes, jobs, shorten)
    else:
        costs, spent = before.costs, 0.0
    plan = make_plan(costs, arms, n_seeds, clock.minutes, n_jobs=jobs.n, spent=spent, before=before)
    if runner.store is not None:
        runner.store.keep_json("plan.json", {"of": of, "plan": plan.as_record()})
    return plan


def _measure(
    runner: SeedRunner, arms: Mapping[str, Arm], outcomes: Outcomes, jobs: Jobs, shorten: bool
) -> tuple[Costs, float]:
    """Return costs, and the seconds that were spent on what is discarded."""
    whole = {name: arm for name, arm in arms.items() if arm.size is None}
    first = [arm for arm in whole.values() if not _trains_by_steps(arm.sampler)]
    begun = time.monotonic()
    todo = [arm for arm in first if (0, arm.name) not in outcomes]
    runner.run({0: todo}, jobs)
    took = time.monotonic() - begun
    costs = _costs(runner, whole, outcomes, jobs, shorten)
    spent = time.monotonic() - begun - took
    if todo == first:
        costs = replace(costs, overhead=max(0.0, took - costs.seconds(first, 1, 1.0, jobs.n)))
    return costs, spent


def _trains_by_steps(sampler: Any) -> bool:
    return sampler is not None and isinstance(sampler.get_params(deep=False).get("max_steps"), int)


def _costs(
    runner: SeedRunner, arms: Mapping[str, Arm], outcomes: Outcomes, jobs: Jobs, shorten: bool
) -> Costs:
    parts = runner.study.task.split(runner.study.seed(0))
    done = {name: outcomes[0, name].trial for name in arms if (0, name) in outcomes}
    plain = {
        _recipe(arm): done[name].get("seconds", 0.0)
        for name, arm in arms.items()
        if (arm.rows, arm.sampler) == ("real", None)
    }
    fits, draws = _known_fits(arms, done)
    for found in jobs.run(_timed_calls(runner, arms, done, plain, parts, shorten)):
        if isinstance(found, Outcome):
            plain[_recipe(arms[found.trial["arm"]])] = found.trial["seconds"]
        else:
            name, fits[name], seconds = found
            draws |= seconds
    trained = {
        name: done[name].get("seconds", 0.0)
        if name in done
        else plain[_recipe(arm)] * _relative_cost(arm, runner.setting, parts.train)
        for name, arm in arms.items()
    }
    return Costs({name: float(seconds) for name, seconds in trained.items()}, fits, draws)


def _timed_calls(
    runner: SeedRunner,
    arms: Mapping[str, Arm],
    done: Mapping[str, Any],
    plain: Mapping[tuple[Any, ...], float],
    parts: Parts,
    shorten: bool,
) -> list[tuple[Any, ...]]:
    """Calls that time recipes without a trial, on real rows, and samplers that train by steps."""
    seed, setting = runner.study.seed(0), runner.setting
    new = {
        _recipe(arm): arm
        for name, arm in arms.items()
        if name not in done and _recipe(arm) not in plain
    }
    others = runner.other_rows(parts) if new else {}
    calls: list[tuple[Any, ...]] = []
    for arm in new.values():
        bare = replace(arm, rows="real", sampler=None, synthetic=Synthetic())
        calls.append((run_trial, setting, bare, parts, others, 0, seed))
    by_sampler: dict[str, list[Arm]] = {}
    for arm in arms.values():
        if _trains_by_steps(arm.sampler):
            by_sampler.setdefault(arm.row_step, []).append(arm)
    for name, users in by_sampler.items():
        calls.append((_time_sampler, setting, name, users, parts, seed, shorten))
    return calls


def _relative_cost(arm: Arm, setting: Setting, train: Rows) -> float:
    """Cost of training with synthetic rows, relative to real rows only."""
    if is_network_factory(setting.model):
        return 1 + arm.synthetic.soft
    real = train.class_counts
    return float(1 + arm.synthetic.counts(real).sum() / real.sum())


def _recipe(arm: Arm) -> tuple[Any, ...]:
    return arm.batch_steps, arm.balance


def _known_fits(
    arms: Mapping[str, Arm], done: Mapping[str, Any]
) -> tuple[dict[str, Cost], dict[str, float]]:
    """Return costs of samplers that do not train by steps, from their trials."""
    fits, draws = {}, {}
    for name, arm in arms.items():
        if arm.is_generative and not _trains_by_steps(arm.sampler):
            fits[arm.row_step] = Cost(done[name]["fit_seconds"] or 0.0)
            draws[draw_name(arm)] = done[name]["sample_seconds"] or 0.0
    return fits, draws


def _time_sampler(
    setting: Setting, name: str, users: Sequence[Arm], parts: Parts, seed: int, shorten: bool
) -> tuple[str, Cost, dict[str, float]]:
    """Time fits of a sampler and its rows; 0 for a sampler that fails, as it will in the study."""
    if setting.one_thread:
        torch.set_num_threads(1)
    train, own = parts.train, users[0].sampler.get_params(deep=False)
    sampler = unfitted(users[0].sampler, train.modality, derive_seed(seed, "sampler"))
    set_known(sampler, {"callbacks": (), "verbose": False})
    times = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a sampler after two steps may warn
            for n in _STEPS:
                fitted, start = shortened(sampler, n), time.monotonic()
                fitted.fit(train.X, train.classes[train.codes])
                times.append(time.monotonic() - start)
            uses = {draw_name(arm): arm.synthetic for arm in users}
            draws = {
                drawn: _time_rows(name, fitted, use, train, seed) for drawn, use in uses.items()
            }
    except Exception:
        return name, Cost(0.0), {draw_name(arm): 0.0 for arm in users}
    per_step = max(0.0, (times[2] - times[1]) / (_STEPS[2] - _STEPS[1]))
    default = signature(type(sampler)).parameters["max_steps"].default
    free = shorten and own["max_steps"] == default
    fixed = max(0.0, times[1] - _STEPS[1] * per_step)
    return name, Cost(fixed, per_step, own["max_steps"], free), draws


def _time_rows(name: str, fitted: Any, use: Synthetic, train: Rows, seed: int) -> float:
    """Estimate the seconds of all rows of a use, as if filters refused half of them."""
    counts = train.class_counts
    wanted = int(use.counts(counts).sum())
    if not wanted:
        return 0.0
    start = time.monotonic()
    if use.filters:
        prepared(name, fitted, use, train, seed)
    ready = time.monotonic()
    some = min(_ROWS, wanted)
    draw_rows(name, fitted, replace(use, filters=(), ratio=some / len(train)), train, seed)
    drawn = time.monotonic() - ready
    return ready - start + drawn * wanted / some * (2 if use.filters else 1)

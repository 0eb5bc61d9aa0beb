"""How long the parts of a study take on this machine, found before it is planned.

Classifiers are timed by the trials of the first seed, which count; samplers that train by steps by a few of them, which
are discarded.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from gen_augment.rng import derive_seed
from gen_augment.study.arms import Arm, Synthetic, draw_rows, prepared
from gen_augment.study.budget import Cost, Costs, Plan, draw_name, make_plan, shortened
from gen_augment.study.models import is_network_factory
from gen_augment.study.rounds import Rounds
from gen_augment.study.schedule import Clock, Jobs
from gen_augment.study.store import Outcome
from gen_augment.study.task import Split
from gen_augment.study.trial import Setting, run_trial

__all__ = ["find_plan"]

#: Steps of three fits: to get ready; and two whose difference is that of 16 steps, after which costs of GANs recur.
_STEPS = (1, 2, 18)
#: Synthetic rows that are timed.
_ROWS = 128

Outcomes = Mapping[tuple[int, str], Outcome]


def find_plan(
    rounds: Rounds, arms: Mapping[str, Arm], outcomes: Outcomes, jobs: Jobs, clock: Clock, n_seeds: int, *,
    shorten: bool,
) -> Plan:  # fmt: skip
    """The plan of these arms that is in the folder, or else one from what is measured now, which is kept there.

    Parameters
    ----------
    rounds : Rounds
    arms : dict of str to Arm
    outcomes : dict of (seed, arm) to Outcome
        Of the trials that are done; `rounds` adds to them.
    jobs : Jobs
    clock : Clock
        With a budget.
    n_seeds : int
    shorten : bool
        Whether samplers may be trained for fewer than their default steps.
    """
    of = {"arms": {name: arm.key for name, arm in arms.items()}, "shorten": shorten}
    kept = rounds.store.read_plan() if rounds.store is not None else None
    before = Plan.from_record(kept["plan"]) if kept is not None and kept["of"] == of else None
    if before is not None and (before.budget, before.asked) == (clock.minutes, n_seeds):
        return before
    costs, spent = (
        _measure(rounds, arms, outcomes, jobs, shorten) if before is None else (before.costs, 0.0)
    )
    plan = make_plan(costs, arms, n_seeds, clock.minutes, n_jobs=jobs.n, spent=spent, before=before)
    if rounds.store is not None:
        rounds.store.keep_plan({"of": of, "plan": plan.as_record()})
    return plan


def _measure(
    rounds: Rounds, arms: Mapping[str, Arm], outcomes: Outcomes, jobs: Jobs, shorten: bool
) -> tuple[Costs, float]:
    """Costs, and the seconds that went into what is discarded."""
    whole = {name: arm for name, arm in arms.items() if arm.size is None}
    first = [arm for arm in whole.values() if not _trains_by_steps(arm.sampler)]
    begun = time.monotonic()
    todo = [arm for arm in first if (0, arm.name) not in outcomes]
    rounds.run({0: todo}, jobs)
    took = time.monotonic() - begun
    costs = _costs(rounds, whole, outcomes, jobs, shorten)
    spent = time.monotonic() - begun - took
    if todo == first:
        costs = replace(costs, overhead=max(0.0, took - costs.seconds(first, 1, 1.0, jobs.n)))
    return costs, spent


def _trains_by_steps(sampler: Any) -> bool:
    return sampler is not None and isinstance(sampler.get_params(deep=False).get("max_steps"), int)


def _costs(
    rounds: Rounds, arms: Mapping[str, Arm], outcomes: Outcomes, jobs: Jobs, shorten: bool
) -> Costs:
    seed = rounds.seed_of(0)
    split = rounds.task.split(seed)
    done = {name: outcomes[0, name].trial for name in arms if (0, name) in outcomes}
    plain = {
        _recipe(arm): done[name].get("seconds", 0.0)
        for name, arm in arms.items()
        if (arm.rows, arm.sampler) == ("real", None)
    }
    new = {
        _recipe(arm): arm
        for name, arm in arms.items()
        if name not in done and _recipe(arm) not in plain
    }
    calls: list[tuple[Any, ...]] = [
        (run_trial, rounds.setting, replace(arm, rows="real", sampler=None, synthetic=Synthetic()), split,
         rounds.other_rows(split), 0, seed)
        for arm in new.values()
    ]  # fmt: skip
    by_sampler: dict[str, list[Arm]] = {}
    for arm in arms.values():
        if _trains_by_steps(arm.sampler):
            by_sampler.setdefault(arm.row_step, []).append(arm)
    calls += [
        (_time_sampler, rounds.setting, name, users, split, seed, shorten)
        for name, users in by_sampler.items()
    ]
    fits, draws = _known_fits(arms, done)
    for found in jobs.run(calls):
        if isinstance(found, Outcome):
            plain[_recipe(arms[found.trial["arm"]])] = found.trial["seconds"]
        else:
            name, fits[name], seconds = found
            draws |= seconds
    real = np.bincount(split.train.codes, minlength=len(rounds.setting.labels))
    network = is_network_factory(rounds.setting.model)
    trained = {
        name: done[name].get("seconds", 0.0)
        if name in done
        else plain[_recipe(arm)]
        * (1 + arm.synthetic.soft if network else 1 + arm.synthetic.counts(real).sum() / real.sum())
        for name, arm in arms.items()
    }
    return Costs({name: float(seconds) for name, seconds in trained.items()}, fits, draws)


def _recipe(arm: Arm) -> tuple[Any, ...]:
    return arm.batch_steps, arm.balance


def _known_fits(
    arms: Mapping[str, Arm], done: Mapping[str, Any]
) -> tuple[dict[str, Cost], dict[str, float]]:
    """Of samplers that do not train by steps, from their trials."""
    fits, draws = {}, {}
    for name, arm in arms.items():
        if arm.is_generative and not _trains_by_steps(arm.sampler):
            fits[arm.row_step] = Cost(done[name]["fit_seconds"] or 0.0)
            draws[draw_name(arm)] = done[name]["sample_seconds"] or 0.0
    return fits, draws


def _time_sampler(
    setting: Setting, name: str, users: Sequence[Arm], split: Split, seed: int, shorten: bool
) -> tuple[str, Cost, dict[str, float]]:
    """Seconds of fits of a sampler and of its synthetic rows; none for one that fails, as it will in the study."""
    if setting.one_thread:
        torch.set_num_threads(1)
    sampler = users[0].sampler
    own = sampler.get_params(deep=False)
    quiet = {
        "callbacks": (),
        "verbose": False,
        "random_state": derive_seed(seed, "sampler") % 2**31,
    }
    sampler = clone(sampler).set_params(
        **{word: value for word, value in quiet.items() if word in own}
    )
    labels = setting.labels[split.train.codes]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of a GAN after two steps
            times = []
            for n in _STEPS:
                fitted, start = shortened(sampler, n), time.monotonic()
                fitted.fit(split.train.X, labels)
                times.append(time.monotonic() - start)
            draws = {
                draw_name(arm): _time_rows(name, fitted, arm.synthetic, setting, split, seed)
                for arm in users
            }
    except Exception:
        return name, Cost(0.0), {draw_name(arm): 0.0 for arm in users}
    per_step = max(0.0, (times[2] - times[1]) / (_STEPS[2] - _STEPS[1]))
    free = shorten and own["max_steps"] == signature(type(sampler)).parameters["max_steps"].default
    return (
        name,
        Cost(max(0.0, times[1] - _STEPS[1] * per_step), per_step, own["max_steps"], free),
        draws,
    )


def _time_rows(
    name: str, fitted: Any, use: Synthetic, setting: Setting, split: Split, seed: int
) -> float:
    """Seconds of all rows of a use, from those of some; as if filters refused half of them."""
    n = len(split.train)
    wanted = int(use.counts(np.bincount(split.train.codes, minlength=len(setting.labels))).sum())
    if not wanted:
        return 0.0
    start = time.monotonic()
    if use.filters:
        prepared(name, fitted, use, split.train, setting.labels, seed)
    ready = time.monotonic()
    some = min(_ROWS, wanted)
    draw_rows(
        name, fitted, replace(use, filters=(), ratio=some / n), split.train, setting.labels, seed
    )
    drawn = time.monotonic() - ready
    return ready - start + drawn * wanted / some * (2 if use.filters else 1)

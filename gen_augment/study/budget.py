"""What the parts of a study cost, and how much of the study fits a budget.

A study is reduced by fewer training steps of samplers, then by fewer seeds, then by fewer arms with
synthetic rows. It never has fewer than three seeds, and all arms without synthetic rows are kept.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sklearn.base import clone

from gen_augment.study.arms import Arm
from gen_augment.study.verdict import MIN_SEEDS

__all__ = [
    "ALLOWANCE",
    "ENOUGH",
    "LEAST_SHARE",
    "Cost",
    "Costs",
    "Plan",
    "make_plan",
]

#: Shares of a sampler's steps: the smallest before seeds are given up, and the smallest at all.
ENOUGH, LEAST_SHARE = 0.5, 0.2
#: Share of the budget that is planned; the rest allows for errors of the measurement.
ALLOWANCE = 0.8


@dataclass(frozen=True)
class Cost:
    """Seconds of one fit of a sampler.

    Attributes
    ----------
    fixed, per_step : float
        Seconds of any fit, and further seconds of each step.
    steps : int
        The sampler's own number of steps.
    free : bool
        Whether the sampler may be trained for fewer steps.
    """

    fixed: float
    per_step: float = 0.0
    steps: int = 0
    free: bool = False

    def shortened(self, share: float) -> int:
        """Return that share of the steps, or all of them if they are not free."""
        return max(1, round(share * self.steps)) if self.free else self.steps

    def seconds(self, share: float) -> float:
        """Return the seconds of a fit with that share of its steps."""
        return self.fixed + self.per_step * self.shortened(share)


@dataclass(frozen=True)
class Costs:
    """Seconds of the parts of one seed.

    Attributes
    ----------
    arms : dict of str to float
        Training and testing, by `Arm.base`.
    fits : dict of str to Cost
        Fits, by the name of the sampler.
    draws : dict of str to float
        Synthetic rows, by `draw_name`.
    overhead : float
        Seconds of a seed in addition to its trials.
    """

    arms: Mapping[str, float]
    fits: Mapping[str, Cost]
    draws: Mapping[str, float]
    overhead: float = 0.0

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Costs":
        """Rebuild from the result of `dataclasses.asdict`."""
        return cls(
            **{**record, "fits": {name: Cost(**cost) for name, cost in record["fits"].items()}}
        )

    def seconds(self, arms: Iterable[Arm], n_seeds: int, share: float, n_jobs: int = 1) -> float:
        """Return the seconds of so many seeds, run one per process at a time."""
        arms = list(arms)
        users = {(arm.row_step, arm.size): arm for arm in arms if arm.is_generative}
        drawn = {(draw_name(arm), arm.size): arm for arm in arms if arm.is_generative}
        fits = [
            self.fits[name].seconds(share)
            + sum(
                self.draws[draw]
                for (draw, of), arm in drawn.items()
                if (arm.row_step, of) == (name, size)
            )
            for name, size in users
        ]
        first = [*(self.arms[arm.base] for arm in arms if not arm.is_generative), *fits]
        then = [self.arms[arm.base] for arm in arms if arm.is_generative]
        rounds = [n_jobs] * (n_seeds // n_jobs) + [n_seeds % n_jobs] * (n_seeds % n_jobs > 0)
        return sum(
            makespan(first * k, n_jobs) + makespan(then * k, n_jobs) + self.overhead * k
            for k in rounds
        )


def draw_name(arm: Arm) -> str:
    """Return a name for the synthetic rows of an arm; arms that share rows share it."""
    return f"{arm.row_step} {arm.synthetic.drawn_as}"


def makespan(seconds: Iterable[float], n_jobs: int) -> float:
    """Return the time until all calls end, if the first free process begins each in turn.

    Examples
    --------
    >>> makespan([3, 1, 1, 2], 1), makespan([3, 1, 1, 2], 2)
    (7.0, 4.0)
    """
    busy = [0.0] * n_jobs
    for duration in seconds:
        next_free = busy.index(min(busy))
        busy[next_free] += duration
    return max(busy)


@dataclass(frozen=True)
class Plan:
    """What is run of a study to fit a budget.

    Attributes
    ----------
    budget : float
        Minutes.
    asked : int
        Seeds of the whole study.
    n_seeds : int
        Seeds that are run.
    share : float
        Share of the steps that samplers with free steps are trained for.
    left_out : tuple of str
        Names of arms that are not run.
    seconds : float
        Expected seconds.
    costs : Costs
    """

    budget: float
    asked: int
    n_seeds: int
    share: float
    left_out: tuple[str, ...]
    seconds: float
    costs: Costs

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Plan":
        """Rebuild from the result of `as_record`."""
        return cls(
            **{
                **record,
                "left_out": tuple(record["left_out"]),
                "costs": Costs.from_record(record["costs"]),
            }
        )

    def as_record(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return asdict(self)

    def steps(self, name: str) -> int | None:
        """Return the steps of a sampler, if they are fewer than its own; otherwise None."""
        cost = self.costs.fits.get(name)
        return (
            None
            if cost is None or cost.shortened(self.share) == cost.steps
            else cost.shortened(self.share)
        )

    def arms(self, arms: Mapping[str, Arm]) -> dict[str, Arm]:
        """Return the arms that are run, with the steps that their samplers get."""
        return {
            name: self._shortened(arm) for name, arm in arms.items() if name not in self.left_out
        }

    def _shortened(self, arm: Arm) -> Arm:
        steps = self.steps(arm.row_step) if arm.is_generative else None
        return arm if steps is None else replace(arm, sampler=shortened(arm.sampler, steps))

    def given_up(self, arms: Mapping[str, Arm]) -> str:
        """Say what is not run of the study with these arms; empty if all of it is."""
        used = dict.fromkeys(arm.row_step for arm in self.arms(arms).values() if arm.is_generative)
        return "; ".join(
            [
                *([f"{self.n_seeds} of {self.asked} seeds"] if self.n_seeds < self.asked else []),
                *(
                    f"{name} is trained for {steps:,} of its {self.costs.fits[name].steps:,} steps"
                    for name in used
                    if (steps := self.steps(name))
                ),
                *([f"{', '.join(self.left_out)} left out"] if self.left_out else []),
            ]
        )

    def words(self, arms: Mapping[str, Arm]) -> str:
        """Say how the study is reduced to fit the budget, and how long it takes."""
        less = self.given_up(arms)
        text = (
            f"To fit {minutes(self.budget)}: {less}"
            if less
            else f"A budget of {minutes(self.budget)} is enough"
        )
        text += f". It takes about {minutes(float(f'{self.seconds / 60:.2g}'))}."
        if self.seconds > 60 * self.budget:
            needed = math.ceil(self.seconds / 60 / ALLOWANCE)
            text += (
                " That is too long: only seeds that end in time are run; for all of them, give "
                f"{minutes(needed)}."
            )
        return text


def minutes(n: float) -> str:
    """Return minutes in words."""
    return f"{n:g} minute{'' if n == 1 else 's'}"


def shortened(sampler: Any, steps: int) -> Any:
    """Return a clone that trains for so many steps."""
    return clone(sampler).set_params(max_steps=steps)


def make_plan(
    costs: Costs,
    arms: Mapping[str, Arm],
    n_seeds: int,
    budget: float,
    *,
    n_jobs: int = 1,
    spent: float = 0.0,
    before: Plan | None = None,
) -> Plan:
    """Plan as much of a study as fits.

    Parameters
    ----------
    costs : Costs
    arms : dict of str to Arm
    n_seeds : int
        Seeds of the whole study.
    budget : float
        Minutes.
    n_jobs : int
        Processes.
    spent : float
        Seconds of the budget that measuring the costs took.
    before : Plan, optional
        A plan for another budget or number of seeds, whose arms and steps are kept.
    """
    allowed = ALLOWANCE * (60 * budget - spent)
    least = min(MIN_SEEDS, n_seeds)
    for kept in _reductions(costs, arms) if before is None else [before.arms(arms)]:
        left_out = tuple(name for name in arms if name not in kept)
        for n in range(n_seeds, least - 1, -1):

            def seconds(share: float, n: int = n, kept: Mapping[str, Arm] = kept) -> float:
                return costs.seconds(kept.values(), n, share, n_jobs)

            floor = ENOUGH if n > least else LEAST_SHARE
            shares = _percents(floor) if before is None else [before.share]
            # Smaller shares take less time, so bisection finds the largest share that fits.
            at = bisect_left(shares, True, key=lambda share: seconds(share) <= allowed)
            share = shares[min(at, len(shares) - 1)]
            plan = Plan(budget, n_seeds, n, share, left_out, seconds(share), costs)
            if at < len(shares):
                return plan
    return plan


def _percents(floor: float) -> list[float]:
    return [share / 100 for share in range(100, round(100 * floor) - 1, -1)]


def _reductions(costs: Costs, arms: Mapping[str, Arm]) -> Iterator[dict[str, Arm]]:
    """Yield all arms, then those whose batch steps no other arm extends, then fewer samplers."""
    kept = dict(arms)
    yield kept
    greater = {
        name: arm
        for name, arm in kept.items()
        if not any(_extends(other, arm) for other in kept.values())
    }
    if len(greater) < len(kept):
        yield (kept := greater)
    while len(names := _samplers(kept)) > 1:
        costliest = max(names, key=lambda name: costs.seconds(_of(name, kept), 1, LEAST_SHARE))
        kept = {
            name: arm
            for name, arm in kept.items()
            if arm.row_step != costliest or not arm.is_generative
        }
        yield kept


def _extends(other: Arm, arm: Arm) -> bool:
    """Return whether both have the same synthetic rows, and `other` has more batch steps."""
    shared = ("row_step", "resample", "size", "synthetic", "balance")
    alike = all(getattr(other, word) == getattr(arm, word) for word in shared)
    return arm.is_generative and alike and set(arm.batch_steps) < set(other.batch_steps)


def _samplers(arms: Mapping[str, Arm]) -> Sequence[str]:
    """Samplers that have a selectable arm."""
    return list(
        dict.fromkeys(
            arm.row_step for arm in arms.values() if arm.is_generative and not arm.is_control
        )
    )


def _of(sampler: str, arms: Mapping[str, Arm]) -> list[Arm]:
    return [arm for arm in arms.values() if arm.is_generative and arm.row_step == sampler]

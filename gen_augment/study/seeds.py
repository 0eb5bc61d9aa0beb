"""The trials of some seeds: what is called in which order, and which rows are on disk already."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gen_augment.containers import take
from gen_augment.errors import LeakError
from gen_augment.jobs import Jobs
from gen_augment.study.arms import Arm, Drawn
from gen_augment.study.copies import near_copies
from gen_augment.study.description import describe_sampler
from gen_augment.study.parts import Parts, smaller
from gen_augment.study.preparation import PreparedStudy, corrupted_rows
from gen_augment.study.trial import Setting, draw, pack_rows, rows_key, run_trial, unpack_rows
from gen_augment.study.trial_store import Outcome, TrialStore
from gen_augment.user_warnings import warn

__all__ = ["SeedRunner"]

#: The number of a seed, and a size of its training part.
Where = tuple[int, int | None]


@dataclass
class _Calls:
    """Calls of some seeds, and what they need."""

    plain: list[tuple[Any, ...]] = field(default_factory=list)
    fits: list[tuple[Any, ...]] = field(default_factory=list)
    generative: list[tuple[Any, ...]] = field(default_factory=list)
    parts: dict[Where, Parts] = field(default_factory=dict)
    drawn: dict[tuple[Where, str], Any] = field(default_factory=dict)


@dataclass
class SeedRunner:
    """Runs trials, a few seeds at a time.

    Attributes
    ----------
    study : PreparedStudy
    setting : Setting
    store : TrialStore or None
        Keeps synthetic rows.
    keep : callable
        Gets each outcome as it ends.
    pictured : set of str
        Samplers that have a picture already.
    """

    study: PreparedStudy
    setting: Setting
    store: TrialStore | None
    keep: Callable[[Outcome], None]
    pictured: set[str]

    def run(self, waiting: Mapping[int, Sequence[Arm]], jobs: Jobs) -> None:
        """Run arms without a sampler and fits of samplers, then the arms that use their rows.

        Parameters
        ----------
        waiting : dict of int to list of Arm
            Arms to run, by the number of the seed.
        jobs : Jobs
        """
        calls = _Calls()
        for number, arms in waiting.items():
            self._add(calls, number, arms)
        for found in jobs.run([*calls.plain, *calls.fits]):
            if isinstance(found, Outcome):
                self.keep(found)
                continue
            where, name, rows = found
            if not isinstance(rows, Exception):
                self._keep_rows(name, rows, calls.parts[where], where, waiting[where[0]])
                rows = calls.drawn.get((where, name), {}) | rows
            calls.drawn[where, name] = rows
        generative = []
        for call in calls.generative:
            arm, number = call[2], call[5]
            shown = self._is_shown(arm, number)
            self.pictured |= {arm.row_step} if shown else set()
            drawn = calls.drawn[(number, arm.size), arm.row_step]
            generative.append((*call, drawn, shown))
        for outcome in jobs.run(generative):
            self.keep(outcome)

    def _add(self, calls: _Calls, number: int, everything: Sequence[Arm]) -> None:
        """Add the calls of one seed."""
        seed = self.study.seed(number)
        whole = self.study.task.split(seed)
        self._check_near_copies(whole)
        others = self.other_rows(whole)
        for size in dict.fromkeys(arm.size for arm in everything):
            arms, where = [arm for arm in everything if arm.size == size], (number, size)
            calls.parts[where] = parts = smaller(whole, size, seed)
            for arm in arms:
                call = (run_trial, self.setting, arm, parts, others, number, seed)
                (calls.generative if arm.is_generative else calls.plain).append(call)
            known, missing = self._draws(arms, parts, number)
            calls.drawn |= {(where, name): rows for name, rows in known.items()}
            for name, users in missing.items():
                uses = [arm.synthetic for arm in users]
                sampler = users[0].sampler
                calls.fits.append((draw, self.setting, name, sampler, uses, parts, where, seed))

    def _is_shown(self, arm: Arm, number: int) -> bool:
        first = number == 0 and arm.size is None
        return first and arm.row_step not in self.pictured and not arm.is_control

    def _draws(
        self, arms: Sequence[Arm], parts: Parts, number: int
    ) -> tuple[dict[str, dict[Any, Drawn]], dict[str, list[Arm]]]:
        """Return by sampler the rows that are on disk, and the arms whose rows are not."""
        known: dict[str, dict[Any, Drawn]] = {}
        missing: dict[str, list[Arm]] = {}
        for arm in _by_rows(arms):
            arrays = self.store and self.store.read_rows(self._rows_key(arm, parts, number))
            if arrays:
                rows = known.setdefault(arm.row_step, {})
                rows[arm.synthetic.drawn_as] = unpack_rows(arrays, parts.train)
            else:
                missing.setdefault(arm.row_step, []).append(arm)
        return known, missing

    def _rows_key(self, arm: Arm, parts: Parts, number: int) -> str:
        described = json.dumps(describe_sampler(arm.sampler), sort_keys=True)
        return rows_key(described, arm.synthetic, parts.train, self.study.seed(number))

    def _keep_rows(
        self, name: str, rows: Any, parts: Parts, where: Where, arms: Sequence[Arm]
    ) -> None:
        if self.store is None:
            return
        number, size = where
        for arm in _by_rows(arms):
            if (arm.row_step, arm.size) != (name, size):
                continue
            found = rows.get(arm.synthetic.drawn_as)
            arrays = pack_rows(found) if isinstance(found, Drawn) else None
            if arrays is not None:
                self.store.keep_rows(self._rows_key(arm, parts, number), arrays)

    def _check_near_copies(self, parts: Parts) -> None:
        action = self.study.task.how.near_copies
        if action == "ignore":
            return
        found = near_copies(parts.train, parts.test)
        if len(found):
            message = (
                f"{len(found)} test rows are near copies of training rows (first: test row "
                f"{found[0]}), which favours every arm that memorises. Remove them, split by their "
                "origin and give split=Split(test=...), or Split(near_copies='ignore')."
            )
            if action == "error":
                raise LeakError(message)
            warn(message)

    def other_rows(self, parts: Parts) -> dict[str, Any]:
        """Return rows to test on in addition to the test part, by name."""
        shifted = {name: rows.X for name, rows in self.study.task.shifted.items()}
        if not self.study.spec.conditions.corruptions:
            return shifted
        chosen = take(parts.test.X, corrupted_rows(len(parts.test)))
        return shifted | self.study.task.modality.corrupted(chosen, parts.train.X)


def _by_rows(arms: Sequence[Arm]) -> list[Arm]:
    """Return one arm for each set of synthetic rows, which several arms may share."""
    found: dict[tuple[Any, ...], Arm] = {}
    for arm in arms:
        if arm.is_generative:
            found.setdefault((arm.row_step, arm.size, arm.synthetic.drawn_as), arm)
    return list(found.values())

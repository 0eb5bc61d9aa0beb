"""The trials of some seeds: what is called in which order, and which of it is on disk already."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gen_augment.containers import take
from gen_augment.errors import LeakError
from gen_augment.modalities import Image
from gen_augment.modalities.image.corruptions import chosen_rows
from gen_augment.study.arms import Arm, Drawn
from gen_augment.study.protocol import describe_sampler
from gen_augment.study.schedule import Jobs
from gen_augment.study.sizes import smaller
from gen_augment.study.store import Outcome, TrialStore
from gen_augment.study.task import Split, Task, near_copies
from gen_augment.study.trial import Setting, draw, pack_rows, rows_key, run_trial, unpack_rows

__all__ = ["Rounds"]

#: Number of a seed, and a size of its training part.
Where = tuple[int, int | None]


@dataclass
class Rounds:
    """Runs trials, a few seeds at a time.

    Attributes
    ----------
    task : Task
    setting : Setting
    seed_of : callable
        From the number of a seed to the seed.
    corruptions : bool
    near_copies : {"warn", "error", "ignore"}
        As of `Study`.
    store : TrialStore or None
        Keeps synthetic rows.
    keep : callable
        Takes each outcome as it ends.
    pictured : set of str
        Samplers of which there is a picture already.
    """

    task: Task
    setting: Setting
    seed_of: Callable[[int], int]
    corruptions: bool
    near_copies: str
    store: TrialStore | None
    keep: Callable[[Outcome], None]
    pictured: set[str]

    def run(self, waiting: Mapping[int, Sequence[Arm]], jobs: Jobs) -> None:
        """First arms without a sampler, and fits of samplers; then the arms that use their rows.

        Parameters
        ----------
        waiting : dict of int to list of Arm
            By the number of the seed.
        jobs : Jobs
        """
        splits: dict[Where, Split] = {}
        drawn: dict[tuple[Where, str], Any] = {}
        plain: list[tuple[Any, ...]] = []
        fits: list[tuple[Any, ...]] = []
        generative: list[tuple[Any, ...]] = []
        for number, everything in waiting.items():
            seed, whole = self.seed_of(number), self.task.split(self.seed_of(number))
            self._check_near_copies(whole)
            others = self.other_rows(whole)
            for size, arms in _by_size(everything).items():
                where = number, size
                splits[where] = split = smaller(whole, size, seed)
                for arm in arms:
                    call = (run_trial, self.setting, arm, split, others, number, seed)
                    (generative if arm.is_generative else plain).append(call)
                known, missing = self._draws(arms, split, number)
                drawn |= {(where, name): rows for name, rows in known.items()}
                fits += [
                    (
                        draw,
                        self.setting,
                        name,
                        users[0].sampler,
                        [arm.synthetic for arm in users],
                        split,
                        where,
                        seed,
                    )
                    for name, users in missing.items()
                ]
        for found in jobs.run([*plain, *fits]):
            if isinstance(found, Outcome):
                self.keep(found)
                continue
            where, name, rows = found
            if not isinstance(rows, Exception):
                self._keep_rows(name, rows, splits[where], where, waiting[where[0]])
                rows = drawn.get((where, name), {}) | rows
            drawn[where, name] = rows
        calls = []
        for call in generative:
            arm, where = call[2], (call[5], call[2].size)
            shown = self._is_shown(arm, call[5])
            self.pictured |= {arm.row_step} if shown else set()
            calls.append((*call, drawn[where, arm.row_step], shown))
        for outcome in jobs.run(calls):
            self.keep(outcome)

    def _is_shown(self, arm: Arm, number: int) -> bool:
        first = self.task.kind == "image" and number == 0 and arm.size is None
        return first and arm.row_step not in self.pictured and not arm.is_control

    def _draws(
        self, arms: Sequence[Arm], split: Split, number: int
    ) -> tuple[dict[str, dict[Any, Drawn]], dict[str, list[Arm]]]:
        """By sampler: rows that are on disk, and the arms whose rows are not."""
        known: dict[str, dict[Any, Drawn]] = {}
        missing: dict[str, list[Arm]] = {}
        for arm in arms:
            if arm.is_generative:
                arrays = self.store and self.store.read_rows(self._rows_key(arm, split, number))
                if arrays:
                    known.setdefault(arm.row_step, {})[arm.synthetic.drawn_as] = unpack_rows(
                        arrays, split.train
                    )
                else:
                    missing.setdefault(arm.row_step, []).append(arm)
        return known, missing

    def _rows_key(self, arm: Arm, split: Split, number: int) -> str:
        described = json.dumps(describe_sampler(arm.sampler), sort_keys=True)
        return rows_key(described, arm.synthetic, split, self.seed_of(number))

    def _keep_rows(
        self, name: str, rows: Any, split: Split, where: Where, arms: Sequence[Arm]
    ) -> None:
        if self.store is None:
            return
        number, size = where
        for arm in arms:
            found = (
                rows.get(arm.synthetic.drawn_as)
                if (arm.row_step, arm.size) == (name, size)
                else None
            )
            arrays = pack_rows(found, split.train) if isinstance(found, Drawn) else None
            if arrays is not None:
                self.store.keep_rows(self._rows_key(arm, split, number), arrays)

    def _check_near_copies(self, split: Split) -> None:
        if self.near_copies == "ignore":
            return
        found = near_copies(split.train.X, split.test.X)
        if len(found):
            message = (
                f"{len(found)} test rows are near copies of training rows (first: test row {found[0]}): scores would "
                "flatter every arm that remembers. Remove them, split by their origin and pass test=, or pass "
                "near_copies='ignore'."
            )
            if self.near_copies == "error":
                raise LeakError(message)
            warnings.warn(message, UserWarning, stacklevel=4)

    def other_rows(self, split: Split) -> dict[str, Any]:
        """Rows to be tested on besides the test part, by name."""
        corrupted = {}
        if self.corruptions:
            chosen = take(split.test.X, chosen_rows(len(split.test.X)))
            corrupted = Image().corrupted(chosen, split.train.X)
        return {name: part.X for name, part in self.task.shifted.items()} | corrupted


def _by_size(arms: Sequence[Arm]) -> dict[int | None, list[Arm]]:
    found: dict[int | None, list[Arm]] = {}
    for arm in arms:
        found.setdefault(arm.size, []).append(arm)
    return found

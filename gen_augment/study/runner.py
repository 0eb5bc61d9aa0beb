"""Runs the trials of a study, some seeds at a time, and keeps each on disk as soon as it ends."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gen_augment.errors import ArchiveError
from gen_augment.jobs import Jobs
from gen_augment.study.clock import Clock
from gen_augment.study.collecting import Collected
from gen_augment.study.preparation import PreparedStudy
from gen_augment.study.progress import progress
from gen_augment.study.result import StudyResult
from gen_augment.study.result_files import save_result, save_settings
from gen_augment.study.seeds import SeedRunner
from gen_augment.study.timing import find_plan
from gen_augment.study.trial import Setting
from gen_augment.study.trial_store import Outcome, Trial, TrialStore
from gen_augment.study.verdict import MIN_SEEDS
from gen_augment.user_warnings import warn

__all__ = ["RunOptions", "Runner", "StudyInterrupted"]

OnTrial = Callable[[Trial, int, int], Any]
OnPlan = Callable[[str], Any]


class StudyInterrupted(KeyboardInterrupt):
    """A study was interrupted by Ctrl-C.

    Attributes
    ----------
    result : StudyResult
        What was found until then.
    """

    def __init__(self, result: StudyResult) -> None:
        super().__init__("the study was interrupted; run it again with its folder to go on.")
        self.result = result


@dataclass(frozen=True)
class RunOptions:
    """How a study is run; see `gen_augment.study.Study.run`."""

    n_jobs: int | None = None
    budget: float | None = None
    shorten: bool = True
    verbose: bool = False
    on_trial: OnTrial | None = None
    on_plan: OnPlan | None = None


class Runner:
    """Runs the trials of a study that are not done yet.

    Parameters
    ----------
    study : PreparedStudy
    directory : path-like, optional
        Folder of the study.
    options : RunOptions
    """

    def __init__(
        self,
        study: PreparedStudy,
        directory: str | os.PathLike[str] | None = None,
        options: RunOptions | None = None,
    ) -> None:
        self.study = study
        self.directory = directory
        self.options = options or RunOptions()
        self.collected = Collected(study, study.sized_arms)
        self._store: TrialStore | None = None
        self._listeners: list[OnTrial] = []

    def run(self) -> StudyResult:
        """Run what is missing, and return the result.

        Raises
        ------
        ArchiveError
            The folder belongs to another study, cannot be written, or is in use.
        InputError
            The budget or the number of jobs cannot be used.
        StudyInterrupted
            Ctrl-C was pressed.
        """
        options = self.options
        jobs, clock = Jobs(options.n_jobs), Clock(options.budget)  # may raise: before the folder
        self._open()
        store = self._store
        with (
            nullcontext() if store is None else store.alone(),
            progress(shown=options.verbose) as show,
        ):
            self._listeners = [listen for listen in (options.on_trial, show) if listen is not None]
            try:
                self._run(jobs, clock)
            except KeyboardInterrupt as error:
                raise StudyInterrupted(self.collected.result()) from error
            result = self.collected.result()
            if self.directory is not None:
                save_result(result, self.directory)
        return result

    def recalled(self) -> StudyResult:
        """Return the result of the trials that are in the folder; nothing is run."""
        if self.directory is not None and not Path(self.directory).is_dir():
            raise ArchiveError(f"{self.directory} does not exist: give the folder of `run`.")
        self._open()
        self._recall()
        return self.collected.result()

    def _open(self) -> None:
        self.collected = Collected(self.study, self.study.sized_arms)
        if self.directory is not None:
            self._store = TrialStore(Path(self.directory), self.study.fingerprint)

    def _run(self, jobs: Jobs, clock: Clock) -> None:
        study, store, limited = self.study, self._store, self.options.budget is not None
        if store is not None and limited:
            clock.spend(float((store.read_json("time.json") or {}).get("seconds", 0.0)))
            jobs.on_end = lambda: store.keep_json("time.json", {"seconds": clock.elapsed})
        self._recall()
        setting = Setting(
            study.model, study.training, study.more_metrics, jobs.many, study.teachers
        )
        pictured = set(self.collected.pictures)
        runner = SeedRunner(study, setting, store, self._keep, pictured)
        if not limited:
            self._describe()
        else:
            self._plan(runner, jobs, clock)
        self._run_seeds(runner, jobs, clock)

    def _plan(self, runner: SeedRunner, jobs: Jobs, clock: Clock) -> None:
        """Plan what fits the budget, and say so."""
        collected, options = self.collected, self.options
        every = collected.running
        plan = find_plan(runner, every, collected.outcomes, jobs, clock, shorten=options.shorten)
        collected.follow(plan)
        self._recall()
        self._describe()
        if options.on_plan is not None:
            options.on_plan(plan.words(every))
        elif plan.given_up(every):
            warn(plan.words(every))

    def _run_seeds(self, runner: SeedRunner, jobs: Jobs, clock: Clock) -> None:
        """Run what is missing until the time is up or the verdict is certain."""
        collected = self.collected
        for numbers in jobs.share_out(range(collected.n_planned)):
            waiting = {}
            for n in numbers:
                arms = [a for a in collected.running.values() if not self._is_done(n, a.name)]
                if arms:
                    waiting[n] = arms
            if waiting:
                expected = self._expected_seconds(len(numbers), jobs.n)
                late = numbers[0] < MIN_SEEDS
                if collected.n_whole() and not clock.has_time(expected, overtime=late):
                    break
                with clock.lap(expected):
                    runner.run(waiting, jobs)
            if self.study.spec.sequential and collected.is_decided(max(numbers) + 1):
                break

    def _is_done(self, number: int, arm: str) -> bool:
        return (number, arm) in self.collected.outcomes

    def _expected_seconds(self, n_seeds: int, n_jobs: int) -> float:
        plan = self.collected.plan
        if plan is None:
            return 0.0
        arms = self.collected.running.values()
        return plan.costs.seconds(arms, n_seeds, plan.share, n_jobs)

    def _recall(self) -> None:
        store, collected = self._store, self.collected
        collected.recall([] if store is None else store.read(collected.keys))
        if store is not None:
            collected.pictures = store.pictures()

    def _describe(self) -> None:
        """Keep what a report of the folder needs if this run is killed."""
        if self.directory is not None:
            n_trials = self.collected.n_trials
            save_settings(self.collected.untested(), n_trials, self.directory)

    def _keep(self, outcome: Outcome) -> None:
        collected = self.collected
        collected.add(outcome)
        if self._store is not None:
            self._store.append(outcome)
        for listen in self._listeners:
            listen(outcome.trial, len(collected.outcomes), collected.n_trials)

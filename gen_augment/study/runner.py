"""Runs the trials of a study, some seeds at a time, and keeps each on disk as soon as it ends."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from gen_augment.codecs import infer_codec
from gen_augment.errors import InputError
from gen_augment.modalities.image.corruptions import CONDITIONS, chosen_rows
from gen_augment.rng import derive_seed, resolve_seed
from gen_augment.samplers import SAMPLERS
from gen_augment.study.arms import DEFAULT_SAMPLERS, Arm, default_arms, read_arms
from gen_augment.study.budget import LEAST_SEEDS, Plan, minutes
from gen_augment.study.metrics import AREAS, scores
from gen_augment.study.models import default_model, default_steps, describe_model, why_not
from gen_augment.study.protocol import fingerprint, settings_of
from gen_augment.study.result import StudyResult, check_metric
from gen_augment.study.rounds import Rounds
from gen_augment.study.saved import save_result
from gen_augment.study.schedule import Clock, Jobs
from gen_augment.study.search import Recommendation, recommend
from gen_augment.study.sizes import check_sizes, with_sizes
from gen_augment.study.statistics import spent_alpha
from gen_augment.study.store import Outcome, Trial, TrialStore
from gen_augment.study.task import Task
from gen_augment.study.trial import COLUMNS, Setting
from gen_augment.study.warmup import find_plan
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["FIRST_LOOK", "Study"]

#: Seeds before the first look of a sequential study.
FIRST_LOOK = 3
#: How many times as large as the smallest class the largest one is where default arms have to meet imbalance.
IMBALANCED = 1.5
OnTrial = Callable[[Trial, int, int], None] | None
OnPlan = Callable[[str], None] | None


class Study:
    """Train one classifier under several arms, with paired seeds, and compare.

    Each seed splits the data, fits each sampler on its training part alone, and trains the classifier under
    every arm for equal steps. The best arm with synthetic rows and the best without are chosen on validation and
    compared on test.

    Parameters
    ----------
    X, y : as `Sampler.fit` takes them
    model : scikit-learn classifier, or callable returning an nn.Module; optional
        A network gets float32 inputs, images as ``(B, C, H, W)`` in [-1, 1] and standardised tables, and gives logits.
        An estimator gets flat pixels or standardised columns, with categories one-hot; a scikit-learn Pipeline gets
        DataFrames as they are. A small CNN (images) or a random forest (tables) by default.
    arms : sequence of str or Arm, optional
        Such as ``("real", "shift+mixup", "gan:0.5", "gan+shift+mixup")``; see `gen_augment.study.arms`. By default,
        `gen_augment.study.arms.default_arms`: baselines, which are oversampled too where classes of images differ by
        half in size, and each sampler with and without classic recipes.
    mirror : bool
        Whether default arms may flip images left to right: for those whose mirror image has the same label.
    samplers : dict of str to Sampler, optional
        Unfitted samplers by the names that arms call them; by default a flow, a GAN and a VAE with their
        default settings.
    n_seeds : int
        Paired repetitions; a verdict needs 3, and is of use from 5.
    test : (X, y), or (X, y, groups) beside `groups`; optional
    groups : array-like of shape (n,), optional
    test_size, validation_size : float
    per_class : int or {label: int}, optional
    drop_duplicates : bool
    shifted : dict of str to (X, y), optional
        See `Task`.
    near_copies : {"warn", "error", "ignore"}
        What to do about test rows that are nearly training rows; see `gen_augment.study.task.near_copies`.
    corruptions : bool
        Test under common corruptions too (images; needs albumentations); see `gen_augment.modalities.image.corruptions`.
    metric : str
        One of `gen_augment.study.metrics.METRICS`, such as "balanced_accuracy", "macro_f1", "roc_auc" or "nll".
    margin : float
        The gain that would matter to you, in units of the metric: 0.01 is one point of accuracy.
    sequential : bool
        Stop as soon as the verdict is certain; the 5% of error are then divided over looks after each seed from the
        third, see `gen_augment.study.statistics.spent_alpha`.
    sizes : sequence of int
        Smaller training parts of each seed, on which every arm is tried too: rows for each class on average, each size
        among the next larger one, with the shares of the classes kept. Samplers are fitted anew for each. See
        `StudyResult.learning_curve`; the verdict is that of the whole training part.
    n_steps : int, optional
        Of a network's training, the same for every arm: optimiser steps of AdamW under a one-cycle schedule. By
        default, more for more training rows: 1,000 for 100 rows, 2,200 for 1,000, 4,600 for 10,000.
    batch_size, lr : int, float
    random_state : int
    device : str
        "auto", "cpu", "cuda", ... for networks.
    precision : {"32-true", "bf16-mixed"}
        Of a network's training; samplers have their own. "bf16-mixed" takes about two thirds of the time on a processor
        that knows bfloat16.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from gen_augment import ConditionalVAE, Study
    >>> X, y = load_wine(return_X_y=True)
    >>> study = Study(X, y, model=LogisticRegression(), arms=["real", "vae"], n_seeds=2,
    ...               samplers={"vae": ConditionalVAE(max_steps=20, device="cpu")})
    >>> study.run().table().index.tolist()
    ['real', 'vae']
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        *,
        model: Any = None,
        arms: Sequence[str | Arm] | None = None,
        mirror: bool = False,
        samplers: Mapping[str, Any] | None = None,
        n_seeds: int = 5,
        test: tuple[Any, ...] | None = None,
        groups: Any = None,
        test_size: float = 0.3,
        validation_size: float = 0.2,
        per_class: int | Mapping[Any, int] | None = None,
        drop_duplicates: bool = False,
        shifted: Mapping[str, tuple[Any, Any]] | None = None,
        near_copies: str = "warn",
        corruptions: bool = False,
        metric: str = "balanced_accuracy",
        margin: float = 0.0,
        sequential: bool = False,
        sizes: Sequence[int] = (),
        n_steps: int | None = None,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: int = 0,
        device: str = "auto",
        precision: str = "32-true",
    ) -> None:
        check_metric(metric)
        check_choice("near_copies", near_copies, ("warn", "error", "ignore"))
        check_choice("precision", precision, ("32-true", "bf16-mixed"))
        self.task = Task(
            X,
            y,
            test=test,
            groups=groups,
            test_size=test_size,
            validation_size=validation_size,
            per_class=per_class,
            drop_duplicates=drop_duplicates,
            shifted=shifted,
        )
        if (
            metric in AREAS
            and self.task.test is not None
            and len(np.unique(self.task.test.codes)) < 2
        ):
            raise InputError(
                f"metric={metric!r} needs rows of two classes or more in the test part, which has one."
            )
        if corruptions and self.task.kind != "image":
            raise InputError(
                "corruptions=True: corruptions are those of images, and the data is a table."
            )
        self.samplers = (
            {name: SAMPLERS[name]() for name in DEFAULT_SAMPLERS}
            if samplers is None
            else dict(samplers)
        )
        shape = infer_codec(self.task.rows.X)[0].shape
        self.model = (
            default_model(self.task.kind, shape, len(self.task.classes)) if model is None else model
        )
        self.n_seeds = check_positive_int("n_seeds", n_seeds)
        self.near_copies = near_copies
        self.corruptions = corruptions
        self.metric = metric
        self.margin = check_range("margin", margin, 0)
        self.sequential = sequential
        self.batch_size = check_positive_int("batch_size", batch_size)
        self.lr = check_range("lr", lr, 0, open_low=True)
        self.random_state = resolve_seed(random_state)
        split = self.task.split(
            self._seed(0)
        )  # rows that cannot be split are found here, not after hours
        counts = np.bincount(split.train.codes)
        self.imbalanced = bool(counts.max() > IMBALANCED * counts.min())
        default = default_arms(
            self.task.kind, self.samplers, mirror=mirror, imbalanced=self.imbalanced
        )
        self.arms = read_arms(
            arms, default, self.samplers, lambda arm: why_not(arm, self.model, self.task.kind)
        )
        self.n_steps = (
            default_steps(len(split.train))
            if n_steps is None
            else check_positive_int("n_steps", n_steps)
        )
        self.sizes = check_sizes(sizes, split.train.codes, len(self.task.classes))
        self.precision = precision
        self.device = (
            ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        )
        self._model_name, self._model_record = describe_model(self.model)
        self._plan: Plan | None = None
        self.running = with_sizes(self.arms, self.sizes)
        self._store: TrialStore | None = None
        self._outcomes: dict[tuple[int, str], Outcome] = {}
        self._pictures: dict[str, bytes] = {}
        self._test_scores: dict[tuple[int, str], Trial] = {}

    def run(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        n_jobs: int | None = None,
        budget: float | None = None,
        shorten: bool = True,
        on_trial: OnTrial = None,
        on_plan: OnPlan = None,
    ) -> StudyResult:
        """Run the trials that are not done yet.

        Parameters
        ----------
        directory : path-like, optional
            Keeps each trial as soon as it ends, and the rows of each fitted sampler. Running again with the same
            directory goes on where it stopped, after a kill too; failed trials are tried again.
        n_jobs : int, optional
            Processes, each with one thread, as joblib counts them; the backend is that of `joblib.parallel_config`
            (loky, dask, ray), whose number of jobs None takes. With 1, trials run here, with torch's threads.
        budget : float, optional
            Minutes, of all runs with one directory together. What fits is planned from times measured first: fewer
            seeds, but at least 3; fewer steps of samplers; then, fewer arms with synthetic rows. The plan is kept in
            the directory: a run that goes on follows it, and with another budget, it has other seeds alone.
            No seed is begun that would not end in time; the first three may end a fifth of the budget later.
        shorten : bool
            Whether samplers with their class's own `max_steps` may be trained for fewer. Any other number is kept.
        on_trial : callable, optional
            Called as ``on_trial(trial, n_done, n_all)`` after each.
        on_plan : callable, optional
            Called with what a budget costs the study, in words; without it, they are a UserWarning.

        Raises
        ------
        ArchiveError
            The directory holds another study, cannot be written, or another process is running its study.
        InputError
            The budget is no number of minutes, or joblib's backend shares memory: trials seed torch's one global
            generator.
        """
        self._plan, self.running = None, with_sizes(self.arms, self.sizes)
        self._outcomes, self._pictures, self._test_scores = {}, {}, {}
        jobs, clock = Jobs(n_jobs), Clock(budget)  # which may refuse, before there is a folder
        self._store = store = (
            None if directory is None else TrialStore(Path(directory), self._fingerprint())
        )
        with nullcontext() if store is None else store.alone():
            if store is not None and budget is not None:
                clock.spend(store.read_time())
                jobs.on_end = lambda: store.keep_time(clock.elapsed)
            self._recall()
            setting = Setting(
                self.model, self.task.classes, self.n_steps, self.batch_size, self.lr, self.device, self.precision,
                jobs.many,
            )  # fmt: skip
            rounds = Rounds(
                self.task, setting, self._seed, self.corruptions, self.near_copies, store,
                lambda outcome: self._keep(outcome, on_trial), set(self._pictures),
            )  # fmt: skip
            if budget is not None:
                self._plan_with(rounds, jobs, clock, shorten, on_plan)
            self._run_seeds(rounds, jobs, clock)
            result = self.result()
            if directory is not None:
                save_result(result, directory)
        return result

    def _run_seeds(self, rounds: Rounds, jobs: Jobs, clock: Clock) -> None:
        """Run what is not done yet, until the time is up or the verdict is certain."""
        for numbers in jobs.share_out(range(self._n_planned)):
            waiting = {
                n: [a for a in self.running.values() if (n, a.name) not in self._outcomes]
                for n in numbers
            }
            if any(waiting.values()):
                expected = 0.0
                if self._plan is not None:
                    expected = self._plan.costs.seconds(
                        self.running.values(), len(numbers), self._plan.share, jobs.n
                    )
                if self._n_whole() and not clock.has_time(
                    expected, overtime=numbers[0] < LEAST_SEEDS
                ):
                    break
                with clock.lap(expected):
                    rounds.run({n: arms for n, arms in waiting.items() if arms}, jobs)
            if self.sequential and self._decided(max(numbers) + 1):
                break

    def _plan_with(
        self, rounds: Rounds, jobs: Jobs, clock: Clock, shorten: bool, on_plan: OnPlan
    ) -> None:
        """Take what fits of the study, and say so."""
        every = self.running
        self._plan = plan = find_plan(
            rounds, every, self._outcomes, jobs, clock, self.n_seeds, shorten=shorten
        )
        self.running = plan.arms(every)
        self._recall()
        if on_plan is not None:
            on_plan(plan.words(every))
        elif plan.given_up(every):
            warnings.warn(plan.words(every), UserWarning, stacklevel=3)

    def _recall(self) -> None:
        """Know the trials of the arms as they are run, made now or before, and no others."""
        keys = {name: arm.key for name, arm in self.running.items()}
        before = [] if self._store is None else self._store.read(keys)
        self._outcomes = {
            (o.trial["seed"], o.trial["arm"]): o
            for o in (*before, *self._outcomes.values())
            if o.trial["seed"] < self._n_planned and keys.get(o.trial["arm"]) == o.trial["arm_key"]
        }
        if self._store is not None:
            self._pictures = self._store.pictures()

    def recommend(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        n_jobs: int | None = None,
        budget: float | None = None,
        ratios: Sequence[float] = (0.5, 1, 2),
        filters: Sequence[str] = ("agreement",),
        guidance: Sequence[float] = (1.5,),
        vary: Sequence[float] = (0.3,),
        shares: Sequence[float] = (0.25,),
        pretrain: bool = True,
        shorten: bool = True,
        on_trial: OnTrial = None,
        on_plan: OnPlan = None,
    ) -> Recommendation:
        """Search for the best use of the samplers, confirm it, and return it ready to use, or say "use none".

        One test part is set aside first, if none was given. On the rest, each sampler with each ratio, filter and
        guidance is tried under the steps of the best arm without synthetic rows: by successive halving on validation,
        with one more seed in each round for the better half. The winner then meets the arms without synthetic rows, on
        fresh seeds and the test part. It is recommended if the interval of its gain lies above `margin`.

        Parameters
        ----------
        directory, n_jobs, budget, shorten, on_trial, on_plan
            As in `run`; the search takes half of the budget.
        ratios, filters, guidance : sequence of float, of str, of float
            Synthetic rows for each real one; names as in arms, and strengths for samplers that have it, each tried
            beside none and beside their own.
        vary, shares, pretrain : sequence of float, of float, bool
            Strengths of new versions of real rows; of networks, synthetic shares of each batch, and whether to train on
            synthetic rows first; tried at the middle ratio alone.

        Raises
        ------
        InputError
            There are no samplers, or none of them can be trained.
        """
        return recommend(
            self, directory, budget=budget, n_jobs=n_jobs, ratios=ratios, filters=filters, guidance=guidance,
            vary=vary, shares=shares, pretrain=pretrain, shorten=shorten, on_trial=on_trial, on_plan=on_plan,
        )  # fmt: skip

    def result(self) -> StudyResult:
        """What has been found so far; of use after `run` was interrupted.

        Seeds count as far as every arm has been tried; of an interrupted study without such, all of them.
        """
        order = {name: i for i, name in enumerate(self.running)}
        arms = {name: arm for name, arm in self.running.items() if arm.size is None}
        outcomes = [
            self._outcomes[key] for key in sorted(self._outcomes, key=lambda k: (k[0], order[k[1]]))
        ]
        whole = self._n_whole()
        kept = [o for o in outcomes if not whole or o.trial["seed"] < whole]
        truth = {seed: self._truth(seed) for seed in {o.trial["seed"] for o in kept}}
        return StudyResult(
            pd.DataFrame([self._tested(o, truth) for o in kept], columns=COLUMNS),
            {name: arm.is_generative for name, arm in arms.items()},
            self.metric,
            self.task.overlap,
            self._protocol(whole),
            {
                name: png
                for name, png in self._pictures.items()
                if name in {arm.row_step for arm in arms.values()}
            },
            controls=frozenset(name for name, arm in arms.items() if arm.is_control),
            margin=self.margin,
            alpha=self._alpha(whole),
            predictions={(o.trial["arm"], o.trial["seed"]): o.predictions for o in kept},
            truth=truth,
            sizes=self.sizes,
            fixed_test=self.task.test is not None,
            test_groups=None if self.task.test is None else self.task.test.groups,
        )

    def _tested(self, outcome: Outcome, truth: Mapping[int, Mapping[str, np.ndarray]]) -> Trial:
        """A trial with its scores on test: they are made here, when trials are done, and nowhere before."""
        trial = outcome.trial
        if trial["error"] is not None:
            return trial
        key = trial["seed"], trial["arm"]
        if key not in self._test_scores:
            found = scores(truth[trial["seed"]]["test"], outcome.predictions["test"].astype(float))
            self._test_scores[key] = {f"test_{metric}": value for metric, value in found.items()}
        return trial | self._test_scores[key]

    @property
    def _n_planned(self) -> int:
        return self.n_seeds if self._plan is None else self._plan.n_seeds

    def _n_whole(self) -> int:
        """Seeds from 0 on that every arm has been tried with."""
        whole = 0
        while whole < self._n_planned and all(
            (whole, arm) in self._outcomes for arm in self.running
        ):
            whole += 1
        return whole

    def _alpha(self, n_seeds: int) -> float:
        """What the verdict may spend of 5%: all of it, or what a sequential plan gives the look after these seeds."""
        return (
            spent_alpha(n_seeds, self._n_planned, first=FIRST_LOOK)
            if self.sequential and n_seeds
            else 0.05
        )

    def _decided(self, n_seeds: int) -> bool:
        """Whether the chosen arms differ by more than chance, as the plan allows after so many seeds."""
        if n_seeds < FIRST_LOOK or n_seeds != self._n_whole():
            return False
        found = self.result().compared()
        return found is not None and found.p_value <= self._alpha(n_seeds)

    def _seed(self, number: int) -> int:
        return derive_seed(self.random_state, "seed", number)

    def _keep(self, outcome: Outcome, on_trial: OnTrial) -> None:
        trial = outcome.trial
        self._outcomes[trial["seed"], trial["arm"]] = outcome
        self._pictures = {**outcome.pictures, **self._pictures}
        if self._store is not None:
            self._store.append(outcome)
        if on_trial is not None:
            on_trial(trial, len(self._outcomes), self._n_planned * len(self.running))

    def _truth(self, number: int) -> dict[str, np.ndarray]:
        """Class numbers of all rows that a seed is tested on, by name."""
        codes = self.task.truth(self._seed(number))
        corrupted = (
            dict.fromkeys(CONDITIONS, codes[chosen_rows(len(codes))]) if self.corruptions else {}
        )
        return (
            {"test": codes}
            | {name: part.codes for name, part in self.task.shifted.items()}
            | corrupted
        )

    def _protocol(self, whole: int) -> dict[str, Any]:
        settings = settings_of(self, self._model_name)
        used = {arm.row_step for arm in self.arms.values()}
        settings["samplers"] = {
            name: how for name, how in settings["samplers"].items() if name in used
        }
        if self._plan is not None:
            for name, described in settings["samplers"].items():
                described |= {"max_steps": steps} if (steps := self._plan.steps(name)) else {}
            settings |= {
                "arms": list(self._plan.arms(self.arms)),
                "n_seeds": self._plan.n_seeds,
                "budget": minutes(self._plan.budget),
                "given_up": self._plan.given_up(with_sizes(self.arms, self.sizes)) or None,
            }
        return settings | (
            {"n_seeds": whole, "n_seeds_planned": self.n_seeds} if 0 < whole < self.n_seeds else {}
        )

    def _fingerprint(self) -> str:
        return fingerprint(settings_of(self, self._model_record), self.task)

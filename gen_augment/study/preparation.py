"""A specification read and checked, before anything is trained."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from gen_augment.containers import take
from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.rng import derive_seed, resolve_seed
from gen_augment.samplers import SAMPLERS
from gen_augment.study.arms import Arm, read_arms
from gen_augment.study.arms.arm import without_addresses
from gen_augment.study.description import describe_sampler, describe_task, fingerprint, versions
from gen_augment.study.metrics import METRICS, Metric, find_metrics
from gen_augment.study.models import default_steps, describe_model, why_not
from gen_augment.study.sizes import check_sizes, with_sizes
from gen_augment.study.spec import StudySpec, Training
from gen_augment.study.splitting import Task
from gen_augment.study.teaching import read_teachers
from gen_augment.training.placement import resolved_precision
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["PreparedStudy", "corrupted_rows", "prepare", "resolved_training"]

#: Default arms treat imbalance if the largest class is so many times as large as the smallest.
IMBALANCED = 1.5
#: Test rows that are corrupted, at most.
_MAX_CORRUPTED = 500


@dataclass(frozen=True, eq=False)
class PreparedStudy:
    """A specification with all its settings resolved.

    Attributes
    ----------
    spec : StudySpec
    task : Task
    model : estimator or network factory
    samplers : dict of str to Sampler
        Unfitted.
    arms : dict of str to Arm
        On the whole training part.
    metrics : tuple of Metric
        The first decides.
    training : Training
        With `n_steps` and `device` resolved.
    sizes : tuple of int
    imbalanced : bool
        Whether class sizes differ enough for default arms to treat it.
    random_state : int
    described_model : tuple of str
        As a report shows it, and as it is hashed; see `describe_model`.
    teachers : tuple of classifiers
        They are averaged; none without a teacher.
    """

    spec: StudySpec
    task: Task
    model: Any
    samplers: Mapping[str, Any]
    arms: Mapping[str, Arm]
    metrics: tuple[Metric, ...]
    training: Training
    sizes: tuple[int, ...]
    imbalanced: bool
    random_state: int
    described_model: tuple[str, str]
    teachers: tuple[Any, ...] = ()

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]

    @property
    def more_metrics(self) -> tuple[Metric, ...]:
        """Metrics that trials do not have anyway."""
        return tuple(metric for metric in self.metrics if metric.name not in METRICS)

    @property
    def sized_arms(self) -> dict[str, Arm]:
        """All arms on training parts of all sizes, by name."""
        return with_sizes(self.arms, self.sizes)

    def seed(self, number: int) -> int:
        """Return the seed of a number."""
        return derive_seed(self.random_state, "seed", number)

    def settings(self) -> dict[str, Any]:
        """Describe the study as JSON values."""
        return self._settings(self.described_model[0], [repr(one) for one in self.teachers])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that decides a trial except its arm and its seed."""
        teachers = [describe_model(one)[1] for one in self.teachers]
        scorers = [without_addresses(repr(metric.scorer)) for metric in self.more_metrics]
        settings = self._settings(self.described_model[1], teachers)
        return fingerprint(settings | ({"scorers": scorers} if scorers else {}), self.task)

    def _settings(self, model: str, teachers: list[str]) -> dict[str, Any]:
        spec, training = self.spec, self.training
        precision = {} if training.precision == "32-true" else {"precision": training.precision}
        more = [metric.name for metric in self.more_metrics]
        return {
            **({"name": spec.data_name} if spec.data_name else {}),
            "data": describe_task(self.task),
            "arms": list(self.arms),
            "n_seeds": spec.n_seeds,
            "metric": self.metric.name,
            **({"more_metrics": more} if more else {}),
            "margin": spec.margin,
            "sizes": list(self.sizes) or None,
            "stopping": "sequential" if spec.sequential else "none",
            "n_steps": training.n_steps,
            "batch_size": training.batch_size,
            "lr": training.lr,
            **precision,
            "random_state": self.random_state,
            "corruptions": spec.conditions.corruptions,
            "model": model,
            **({"teacher": teachers} if teachers else {}),
            "samplers": {name: describe_sampler(s) for name, s in self.samplers.items()},
            "versions": versions(),
        }


def prepare(spec: StudySpec) -> PreparedStudy:
    """Read the data of a specification and check all of it; nothing is trained.

    Parameters
    ----------
    spec : StudySpec

    Raises
    ------
    InputError, LeakError
        A setting cannot be used; the message names the remedy.
    """
    check_positive_int("n_seeds", spec.n_seeds)
    check_range("margin", spec.margin, 0)
    _check_training(spec.training)
    random_state = resolve_seed(spec.random_state)
    conditions = spec.conditions
    task = Task(
        spec.X, spec.y, split=spec.split, shifted=conditions.shifted, modality=spec.modality
    )
    samplers = _read_samplers(spec.samplers, task.modality)
    tested = None if task.test is None else np.unique(task.test.codes)
    metrics = find_metrics(spec.metric, task.classes, tested)
    _check_areas(metrics[0], task)
    if conditions.corruptions:
        _check_corruptions(task)
    model = task.modality.classifier(task.spec) if spec.model is None else spec.model
    described = describe_model(model)  # raises for what is no classifier
    teachers = read_teachers(spec.teacher)
    # Rows that cannot be split are found now, not after hours.
    train = task.split(derive_seed(random_state, "seed", 0)).train
    counts = np.bincount(train.codes)
    imbalanced = bool(counts.max() > IMBALANCED * counts.min())
    default = task.modality.default_arms(samplers, mirror=spec.mirror, imbalanced=imbalanced)
    if teachers:
        default = ["real", "real:teacher", *(f"{name}:10:prior:teacher" for name in samplers)]

    def problem(arm: Arm) -> str | None:
        return why_not(arm, model, task.rows, teachers)

    arms = read_arms(spec.arms, default, samplers, problem, task.modality)
    if spec.add_real and all(arm.is_generative for arm in arms.values()):
        arms = {"real": Arm("real")} | arms
    if spec.add_real and any(arm.taught for arm in arms.values()):
        arms.setdefault("teacher", Arm("teacher", rows="teacher"))
    sizes = check_sizes(spec.sizes, train.codes, len(task.classes))
    with_sizes(arms, sizes)  # raises for names that would be used twice
    training = resolved_training(spec.training, len(train))
    return PreparedStudy(
        spec,
        task,
        model,
        samplers,
        arms,
        metrics,
        training,
        sizes,
        imbalanced,
        random_state,
        described,
        teachers,
    )


def corrupted_rows(n: int) -> np.ndarray:
    """Choose the test rows that are corrupted, evenly spaced: ndarray of positions, int64."""
    return np.linspace(0, n - 1, min(_MAX_CORRUPTED, n)).astype(np.int64)


def _check_training(training: Training) -> None:
    if training.n_steps is not None:
        check_positive_int("n_steps", training.n_steps)
    check_positive_int("batch_size", training.batch_size)
    check_range("lr", training.lr, 0, open_low=True)
    check_choice("precision", training.precision, ("32-true", "bf16-mixed", "auto"))


def resolved_training(training: Training, n_rows: int) -> Training:
    """Return checked settings with the steps for `n_rows` and the device that is used."""
    _check_training(training)
    device = training.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    n_steps = default_steps(n_rows) if training.n_steps is None else training.n_steps
    precision = resolved_precision(training.precision, torch.device(device).type)
    return replace(training, n_steps=n_steps, device=device, precision=precision)


def _check_areas(metric: Metric, task: Task) -> None:
    if metric.is_area and task.test is not None and len(np.unique(task.test.codes)) < 2:
        raise InputError(
            f"metric={metric.name!r} needs rows of two classes or more in the test part, which "
            "has one."
        )


def _check_corruptions(task: Task) -> None:
    """Corrupt a few rows, which raises if their modality has no corruptions."""
    rows = take(task.rows.X, np.arange(2))
    try:
        task.modality.corrupted(rows, rows)
    except InputError as error:
        raise InputError(f"corruptions=True: {error}") from error


def _read_samplers(
    samplers: Mapping[str, Any] | Iterable[Any] | None, modality: Modality
) -> dict[str, Any]:
    """Return unfitted samplers by name; samplers in a list are named by their class."""
    if samplers is None:
        return {name: SAMPLERS[name]() for name in modality.networks.default_samplers}
    if not isinstance(samplers, (Mapping, list, tuple)):
        raise InputError(
            f"samplers is a {type(samplers).__name__}: give a dict such as {{'vae': sampler}}, or "
            "a list of samplers."
        )
    if isinstance(samplers, Mapping):
        named = dict(samplers)
    else:
        short = {cls: name for name, cls in SAMPLERS.items()}
        made = [s if isinstance(s, type) else type(s) for s in samplers]
        names = [short.get(cls, cls.__name__.lower()) for cls in made]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise InputError(
                f"samplers has two of {repeated[0]!r}: give a dict, {{name: sampler}}, instead."
            )
        named = dict(zip(names, samplers, strict=True))
    for name, sampler in named.items():
        if isinstance(sampler, type):
            raise InputError(
                f"samplers: {name!r} is the class {sampler.__name__}: give an instance, "
                f"{sampler.__name__}()."
            )
        if not hasattr(sampler, "fit") or not hasattr(sampler, "get_params"):
            raise InputError(
                f"samplers: {name!r} is a {type(sampler).__name__}, which has no fit: give an "
                "unfitted sampler."
            )
    return named

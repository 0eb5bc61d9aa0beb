"""Runs the trials of a study, one seed after another, and keeps each on disk as soon as it ends."""

import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from gen_augment.codecs import infer_codec
from gen_augment.errors import InputError
from gen_augment.rng import derive_seed, resolve_seed
from gen_augment.samplers import SAMPLERS
from gen_augment.study.arms import (
    BATCH_STEPS,
    DEFAULT_SAMPLERS,
    ROW_STEPS,
    Arm,
    Pool,
    default_arms,
    make_pool,
    parse_arm,
)
from gen_augment.study.metrics import METRICS, scores
from gen_augment.study.models import default_model, describe_model, fit_predict, is_network_factory, without_addresses
from gen_augment.study.pictures import example_grid
from gen_augment.study.result import StudyResult, check_metric
from gen_augment.study.store import Trial, TrialStore
from gen_augment.study.task import Split, Task, row_digests
from gen_augment.validation import check_positive_int, check_range

__all__ = ["Study"]


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
        A small CNN (images) or a random forest (tables) by default.
    arms : sequence of str, optional
        Such as ``("real", "shift+mixup", "gan", "gan+shift+mixup")``; see `gen_augment.study.arms`.
    samplers : dict of str to Sampler, optional
        Unfitted samplers by the names that arms call them; by default a flow, a GAN and a VAE with their
        default settings.
    n_seeds : int
        Paired repetitions; a verdict needs 3, and is of use from 5.
    test : (X, y), optional
    test_size, validation_size : float
    per_class : int, optional
    drop_duplicates : bool
        See `Task`.
    metric : {"balanced_accuracy", "accuracy", "worst_class_recall", "nll", "ece"}
    n_steps, batch_size, lr : int, int, float
        Of a network's training: optimiser steps of AdamW under a one-cycle schedule.
    random_state : int
    device : str
        "auto", "cpu", "cuda", ... for networks.

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
        arms: Sequence[str] | None = None,
        samplers: Mapping[str, Any] | None = None,
        n_seeds: int = 5,
        test: tuple[Any, Any] | None = None,
        test_size: float = 0.3,
        validation_size: float = 0.2,
        per_class: int | None = None,
        drop_duplicates: bool = False,
        metric: str = "balanced_accuracy",
        n_steps: int = 600,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: int = 0,
        device: str = "auto",
    ) -> None:
        check_metric(metric)
        self.task = Task(
            X,
            y,
            test=test,
            test_size=test_size,
            validation_size=validation_size,
            per_class=per_class,
            drop_duplicates=drop_duplicates,
        )
        self.samplers = {name: SAMPLERS[name]() for name in DEFAULT_SAMPLERS} if samplers is None else dict(samplers)
        self.model = self._default_model() if model is None else model
        self.arms = self._parse_arms(arms)
        self.n_seeds = check_positive_int("n_seeds", n_seeds)
        self.metric = metric
        self.n_steps = check_positive_int("n_steps", n_steps)
        self.batch_size = check_positive_int("batch_size", batch_size)
        self.lr = check_range("lr", lr, 0, open_low=True)
        self.random_state = resolve_seed(random_state)
        self.task.split(self._seed(0))  # rows that cannot be split are found here, not after hours
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._model_name, self._model_record = describe_model(self.model)
        self._trials: list[Trial] = []
        self._examples: dict[str, bytes] = {}

    def run(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        on_trial: Callable[[Trial, int, int], None] | None = None,
    ) -> StudyResult:
        """Run the trials that are not done yet.

        Parameters
        ----------
        directory : path-like, optional
            Keeps each trial as soon as it ends. Running again with the same directory goes on where it stopped, after a
            kill too; failed trials are tried again.
        on_trial : callable, optional
            Called as ``on_trial(trial, n_done, n_all)`` after each.

        Raises
        ------
        ArchiveError
            The directory holds another study, or cannot be written.
        """
        self._trials, self._examples = [], {}
        store = None if directory is None else TrialStore(Path(directory), self._fingerprint())
        if store is not None:
            known, self._examples = store.read()
            self._trials = [t for t in known if t["arm"] in self.arms and t["seed"] < self.n_seeds]
        for number in range(self.n_seeds):
            self._run_seed(number, store, on_trial)
        return self.result()

    def result(self) -> StudyResult:
        """What has been found so far; of use after `run` was interrupted."""
        order = {name: i for i, name in enumerate(self.arms)}
        trials = sorted(self._trials, key=lambda t: (t["seed"], order[t["arm"]]))
        arms = {name: arm.is_generative for name, arm in self.arms.items()}
        return StudyResult(
            pd.DataFrame(trials, columns=_COLUMNS),
            arms,
            self.metric,
            self._overlap(),
            self._protocol(),
            {name: png for name, png in self._examples.items() if name in {arm.rows for arm in self.arms.values()}},
        )

    def _seed(self, number: int) -> int:
        return derive_seed(self.random_state, "seed", number)

    def _run_seed(
        self, number: int, store: TrialStore | None, on_trial: Callable[[Trial, int, int], None] | None
    ) -> None:
        done = {t["arm"] for t in self._trials if t["seed"] == number}
        waiting = [arm for name, arm in self.arms.items() if name not in done]
        if not waiting:
            return
        seed = self._seed(number)
        split = self.task.split(seed)
        pools: dict[str, Pool | Exception] = {}
        for arm in waiting:
            trial = self._run_trial(arm, split, pools, number, seed)
            self._trials.append(trial)
            if store is not None:
                store.append(trial, self._examples)
            if on_trial is not None:
                on_trial(trial, len(self._trials), self.n_seeds * len(self.arms))

    def _run_trial(self, arm: Arm, split: Split, pools: dict[str, Pool | Exception], number: int, seed: int) -> Trial:
        """One arm, one seed. A failure is a result too: it is kept with its error, and the study goes on."""
        trial: Trial = dict.fromkeys(_COLUMNS) | {"arm": arm.name, "seed": number}
        try:
            pool = self._pool(arm, split, pools, number, seed)
            start = time.perf_counter()
            predict = fit_predict(
                self.model, arm, pool, split.train, len(self.task.classes), seed,
                n_steps=self.n_steps, batch_size=self.batch_size, lr=self.lr, device=self.device,
            )  # fmt: skip
            trial |= {
                "train_seconds": time.perf_counter() - start,
                "n_train": len(split.train),
                "n_synthetic": pool.n_synthetic,
            }
            trial |= pool.seconds
            for name, part in (("validation", split.validation), ("test", split.test)):
                found = scores(part.codes, predict(part.X))
                trial |= {f"{name}_{metric}": value for metric, value in found.items()}
        except Exception as error:
            trial["error"] = f"{type(error).__name__}: {error}"
        return trial

    def _pool(self, arm: Arm, split: Split, pools: dict[str, Pool | Exception], number: int, seed: int) -> Pool:
        if arm.rows not in pools:
            try:
                pools[arm.rows] = make_pool(arm, split, self.task.classes, seed, time.perf_counter)
            except Exception as error:
                pools[arm.rows] = error  # the arms that share these rows fail alike, without fitting again
        pool = pools[arm.rows]
        if isinstance(pool, Exception):
            raise pool
        if number == 0 and pool.examples is not None and self.task.kind == "image":
            self._examples.setdefault(arm.rows, example_grid(split.train, pool.examples, self.task.classes))
        return pool

    def _default_model(self) -> Any:
        shape = infer_codec(self.task.rows.X)[0].shape
        return default_model(self.task.kind, shape, len(self.task.classes))

    def _parse_arms(self, arms: Sequence[str] | None) -> dict[str, Arm]:
        network = is_network_factory(self.model)
        for name in self.samplers:
            if name in (*ROW_STEPS, *BATCH_STEPS) or not re.fullmatch(r"\w[\w.-]*", name):
                raise InputError(
                    f"samplers: {name!r} has a meaning of its own in arms, or is not made of letters, digits, '_', '-' "
                    "and '.': choose another name."
                )
        names = default_arms(self.task.kind, self.samplers) if arms is None else list(arms)
        parsed = {name: parse_arm(name, self.samplers) for name in names}
        if arms is None and not network:
            parsed = {name: arm for name, arm in parsed.items() if not arm.batch_steps}
        for name, arm in parsed.items():
            if arm.batch_steps and (self.task.kind != "image" or not network):
                raise InputError(
                    f"arm {name!r}: {arm.batch_steps[0]!r} changes batches of images, so it needs images and a network."
                )
            if arm.rows == "smote" and self.task.kind != "table":
                raise InputError(f"arm {name!r}: SMOTE interpolates rows of tables, and the data is images.")
        if not parsed:
            raise InputError("arms is empty: name at least one, such as 'real'.")
        return parsed

    def _overlap(self) -> float:
        if self.task.test is not None:
            return 0.0
        return self.task.test_size / (1 - self.task.test_size)

    def _protocol(self) -> dict[str, Any]:
        packages = ("gen_augment", "torch", "scikit-learn", "numpy")
        return {
            "data": {
                "kind": self.task.kind,
                "rows": len(self.task.rows),
                "classes": [str(label) for label in self.task.classes.tolist()],
                "test": "held out anew for each seed"
                if self.task.test is None
                else f"{len(self.task.test)} rows apart",
                "test_size": self.task.test_size,
                "validation_size": self.task.validation_size,
                "per_class": self.task.per_class,
                "duplicates_dropped": self.task.n_dropped,
            },
            "arms": list(self.arms),
            "n_seeds": self.n_seeds,
            "metric": self.metric,
            "n_steps": self.n_steps,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "random_state": self.random_state,
            "model": self._model_name,
            "samplers": {name: _describe_sampler(sampler) for name, sampler in self.samplers.items()},
            "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
        }

    def _fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        # More seeds or arms may be added to what is there; everything else decides the trials.
        settings = {k: v for k, v in self._protocol().items() if k not in ("n_seeds", "arms", "metric", "versions")}
        digest.update(json.dumps(settings | {"model": self._model_record}, sort_keys=True).encode())
        for part in (self.task.rows, self.task.test):
            if part is not None:
                digest.update("".join(row_digests(part.X)).encode())
                digest.update(part.codes.tobytes())
        return digest.hexdigest()


_COLUMNS = [
    "arm",
    "seed",
    "error",
    "n_train",
    "n_synthetic",
    *(f"{part}_{metric}" for part in ("validation", "test") for metric in METRICS),
    "fit_seconds",
    "sample_seconds",
    "train_seconds",
]


def _describe_sampler(sampler: Any) -> dict[str, Any]:
    """Class and parameters as JSON values."""
    plain = (bool, int, float, str, type(None))
    params = {k: v for k, v in sampler.get_params(deep=False).items() if k != "callbacks"}
    shown = {k: v if isinstance(v, plain) else without_addresses(repr(v)) for k, v in params.items()}
    return {"class": type(sampler).__name__} | shown

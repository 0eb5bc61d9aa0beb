"""Trials of a protocol: records in JSON, and the study's result that they restore."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.comparison import METRIC
from benchmarks.harness import Record, pack, unpack
from gen_augment.study import StudyResult
from gen_augment.study.findings import scores_left_out
from gen_augment.study.metrics import METRICS
from gen_augment.study.predictions import class_recall
from gen_augment.study.trial import columns as trial_columns

__all__ = ["study_result", "to_record"]

_KEPT = (
    "error", "code", "n_train", "n_synthetic", "train_balanced_accuracy",
    "validation_balanced_accuracy", "test_balanced_accuracy", "test_worst_class_recall",
    "test_macro_f1", "test_nll", "test_ece", "fit_seconds", "sample_seconds", "train_seconds",
)  # fmt: skip


def to_record(result: StudyResult, trial: Mapping[Any, Any], elsewhere: pd.DataFrame) -> Record:
    record: Record = {name: _plain(trial[name]) for name in _KEPT}
    if record["error"] is None:
        record["left_out"] = pack(scores_left_out(result, trial["arm"])[0])
        record["recall"] = pack(class_recall(result, trial["arm"]))
        if len(elsewhere.columns):
            record["robustness"] = pack(elsewhere.loc[trial["arm"]].to_numpy())
            parts = [scores_left_out(result, trial["arm"], name)[0] for name in elsewhere.columns]
            record["robustness_left_out"] = pack(
                np.mean(parts, axis=0)
            )  # of the mean over all conditions
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    number = float(value)
    return None if np.isnan(number) else round(number, 5)


def study_result(
    trials: Mapping[tuple[int, str], Record], seeds: Sequence[int], arms: Mapping[str, bool]
) -> StudyResult:
    """Return the result of the trials of all seeds and arms.

    Parameters
    ----------
    trials : dict of (int, str) to dict
        Records by seed and arm.
    seeds : sequence of int
    arms : dict of str to bool
        Whether each arm has a generative sampler.
    """
    chosen = [trials[seed, arm] for seed in seeds for arm in arms]
    columns = {name: [trial.get(name) for trial in chosen] for name in ("arm", "seed", *_KEPT)}
    names = trial_columns()
    table = pd.DataFrame({name: columns.get(name, [np.nan] * len(chosen)) for name in names})
    scores = [name for name in names if name not in ("arm", "seed", "error", "code")]
    return StudyResult(
        table.astype(dict.fromkeys(scores, float)),
        dict(arms),
        (METRICS[METRIC],),
        {"n_seeds": len(seeds)},
        controls=frozenset(arm for arm in arms if "shuffled" in arm),
        left_out={
            arm: np.array([unpack(trials[seed, arm]["left_out"]) for seed in seeds])
            for arm in arms
            if all(trials[seed, arm]["error"] is None for seed in seeds)
        },
    )

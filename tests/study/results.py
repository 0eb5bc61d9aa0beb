"""Results of studies that were never run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from gen_augment.study.findings import Design
from gen_augment.study.metrics import METRICS
from gen_augment.study.result import StudyResult

#: Validation and test scores of each seed; None for a failed trial.
Rows = Mapping[str, Sequence[tuple[float, float] | None]]


def make_result(
    arms: Rows,
    *,
    metric: str = "balanced_accuracy",
    overlap: float = 0.0,
    n_seeds: int | None = None,
) -> StudyResult:
    """Arms whose name begins with "gan" have a sampler."""
    trials = []
    for arm, seeds in arms.items():
        for seed, found in enumerate(seeds):
            error = None if found else "ValueError: planned"
            trial: dict[str, Any] = {"arm": arm, "seed": seed, "code": "", "error": error}
            for part, score in zip(("validation", "test"), found or (None, None), strict=True):
                trial |= {f"{part}_{name}": score for name in METRICS}
            trial |= {f"train_{name}": 1.0 if found else None for name in METRICS}
            seconds = {
                "fit_seconds": 2.0 if arm.startswith("gan") else None,
                "sample_seconds": None,
            }
            costs = {"train_seconds": 1.0 + seed, "predict_us": 1.0, "model_bytes": 100.0}
            trials.append(trial | seconds | costs)
    return StudyResult(
        pd.DataFrame(trials),
        {arm: arm.startswith("gan") for arm in arms},
        (METRICS[metric],),
        {"n_seeds": n_seeds or max(map(len, arms.values()))},
        Design(overlap=overlap, fixed_test=False),
    )


def redesigned(result: StudyResult, **changes: Any) -> StudyResult:
    """The same trials, compared in another way."""
    return replace(result, design=replace(result.design, **changes))


def rows(validation: float, *test: float) -> list[tuple[float, float] | None]:
    return [(validation, score) for score in test]


REAL = rows(0.7, 0.70, 0.72, 0.71, 0.69)

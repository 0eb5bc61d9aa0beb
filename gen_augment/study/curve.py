"""Scores against the size of the training part."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gen_augment.study.statistics import Interval, paired_interval

if TYPE_CHECKING:
    from gen_augment.study.result import StudyResult

__all__ = ["learning_curve"]

COLUMNS = [
    "arm", "size", "n_train", "n_seeds", "generative", "mean", "low", "high", "difference", "difference_low",
    "difference_high",
]  # fmt: skip


def learning_curve(result: "StudyResult") -> pd.DataFrame:
    """See `StudyResult.learning_curve`."""
    found = result.trials.pivot_table(index="seed", columns="arm", values=f"test_{result.metric}")
    complete = found.columns[found.notna().sum() == result.n_seeds]
    n_train = result.trials.groupby("arm")["n_train"].mean()
    n_classes = len(result.protocol["data"]["classes"])
    reference, sign = result.best(generative=False), 1 if result.higher_is_better else -1
    rows = []
    for size in (*result.sizes, None):
        for arm, generative in result.arms.items():
            name, against = (f"{a}" if size is None else f"{a}@{size}" for a in (arm, reference))
            if name not in complete:
                continue
            n, change = n_train[name], None
            if name != against and against in complete:
                differences = sign * (found[name] - found[against])
                change = _interval(result, differences, result.test_variance(name, against))
            row = (arm, size or round(n / n_classes), round(n), len(found), generative)
            rows.append((*row, *_ends(_interval(result, found[name])), *_ends(change)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _interval(result: "StudyResult", values: pd.Series, test_variance: float = 0.0) -> Interval:
    return paired_interval(
        values.tolist(), overlap=result.overlap, test_variance=test_variance, level=1 - result.alpha
    )


def _ends(found: Interval | None) -> tuple[float, float, float]:
    return (np.nan, np.nan, np.nan) if found is None else (found.mean, found.low, found.high)

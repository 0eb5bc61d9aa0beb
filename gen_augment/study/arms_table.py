"""The table of arms, and scores against the size of the training part."""

from typing import Any

import numpy as np
import pandas as pd

from gen_augment.study.findings import Findings, differences, variance_over_tests
from gen_augment.study.metrics import METRICS
from gen_augment.study.statistics import (
    Interval,
    bca_interval,
    gain_probability,
    holm,
    paired_interval,
    signed_rank_p,
)

__all__ = ["arms_table", "learning_curve"]

_NOTHING = Interval(np.nan, np.nan, np.nan, np.nan, 0)
_COSTS = ("fit_seconds", "sample_seconds", "train_seconds", "predict_us", "model_bytes")
_CURVE = [
    *("arm", "size", "n_train", "n_seeds", "generative", "mean", "low", "high"),
    *("difference", "difference_low", "difference_high"),
]


def arms_table(found: Findings) -> pd.DataFrame:
    """Return one row per arm: mean scores, the difference to the reference arm, and costs.

    The reference is the best arm without synthetic rows, chosen on validation. Differences have an
    interval, p-values with and without Holm's correction, and second opinions.
    """
    reference = found.best(generative=False)
    rows = [_row(found, arm, reference) for arm in found.arms]
    tested = [row for row in rows if not np.isnan(row["p_value"])]
    for row, p in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
        row["p_holm"] = p
    return pd.DataFrame(rows).set_index("arm")


def _row(found: Findings, arm: str, reference: str | None) -> dict[str, Any]:
    trials, metric = found.trials[found.trials["arm"] == arm], found.metric.name
    failed = int(trials["error"].notna().sum())
    compared = reference is not None and arm != reference and arm in found.scores()
    change = found.difference(arm, str(reference)) if compared else _NOTHING
    names = [*METRICS, *(more.name for more in found.metrics if more.name not in METRICS)]
    return {
        "arm": arm,
        "trials": len(trials) - failed,
        "failed": failed,
        **{name: trials[f"test_{name}"].mean() for name in names},
        f"validation_{metric}": trials[f"validation_{metric}"].mean(),
        "difference": change.mean,
        "low": change.low,
        "high": change.high,
        "p_value": change.p_value,
        "p_holm": np.nan,
        **_second_opinions(found, arm, reference if compared else None),
        "gap": (trials[f"train_{metric}"] - trials[f"test_{metric}"]).mean(),
        **{name: trials[name].mean() for name in _COSTS},
    }


def _second_opinions(found: Findings, arm: str, reference: str | None) -> dict[str, float]:
    if reference is None:
        return dict.fromkeys(("low_bca", "high_bca", "p_wilcoxon", "gain_probability"), np.nan)
    values, design = differences(found, arm, reference), found.design
    low, high = bca_interval(values, level=1 - design.alpha)
    probability = gain_probability(
        values,
        margin=design.margin,
        overlap=design.overlap,
        test_variance=variance_over_tests(found, arm, reference),
    )
    return {
        "low_bca": low,
        "high_bca": high,
        "p_wilcoxon": signed_rank_p(values),
        "gain_probability": probability,
    }


def learning_curve(found: Findings) -> pd.DataFrame:
    """Return test scores against the size of the training part.

    Returns
    -------
    DataFrame
        One row for each complete arm and size, with the columns ``arm``; ``size``, training rows
        per class on average; ``n_train``, in all; ``n_seeds``; ``generative``; ``mean`` of the
        metric over seeds with its interval, ``low`` and ``high``; and ``difference`` with its
        paired interval, ``difference_low`` and ``difference_high``. Differences are to the arm
        without synthetic rows that is best on validation on the whole training part, at the same
        size; positive is better.
    """
    metric = found.metric
    table = found.trials.pivot_table(index="seed", columns="arm", values=f"test_{metric.name}")
    complete = table.columns[table.notna().sum() == found.n_seeds]
    n_train = found.trials.groupby("arm")["n_train"].mean()
    n_classes = len(found.protocol["data"]["classes"])
    reference = found.best(generative=False)
    rows = []
    for size in (*found.design.sizes, None):
        for arm, generative in found.arms.items():
            name, against = (f"{a}" if size is None else f"{a}@{size}" for a in (arm, reference))
            if name not in complete:
                continue
            n, change = n_train[name], None
            if name != against and against in complete:
                values = metric.sign * (table[name] - table[against])
                change = _interval(found, values, variance_over_tests(found, name, against))
            row = (arm, size or round(n / n_classes), round(n), len(table), generative)
            rows.append((*row, *_ends(_interval(found, table[name])), *_ends(change)))
    return pd.DataFrame(rows, columns=_CURVE)


def _interval(found: Findings, values: pd.Series, test_variance: float = 0.0) -> Interval:
    design = found.design
    return paired_interval(
        values.tolist(),
        overlap=design.overlap,
        test_variance=test_variance,
        level=1 - design.alpha,
    )


def _ends(interval: Interval | None) -> tuple[float, float, float]:
    return (np.nan,) * 3 if interval is None else (interval.mean, interval.low, interval.high)

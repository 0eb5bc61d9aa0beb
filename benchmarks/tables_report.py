"""Tables and the figure of the benchmark of imbalanced tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from benchmarks.harness import Record, markdown, unpack
from benchmarks.tables import CLASSIFIERS, DEEP, METRICS, SCORES
from gen_augment.study.statistics import holm, signed_rank_p

__all__ = ["complete", "figures", "shares", "summary", "table"]


def table(results: Record) -> str:
    """Return ranks and means of all arms with real rows, and shares of synthetic rows alone.

    The ranks are also shown by kind of table.
    """
    trials, begun = complete(results)
    added, kinds = trials[trials["use"] == "beside"], results["tables"]
    parts = [_tables_line(kinds), _added(added), _kinds(added, kinds)]
    if begun:
        parts.append(f"Left out, since not yet run on all tables and seeds: {', '.join(begun)}.")
    alone = trials[trials["use"] == "alone"]
    if stood_in := {trial["table"] for trial in results["trials"] if trial.get("stood_in")}:
        parts.append(
            f"ADASYN could not make any rows in at least one seed of {', '.join(sorted(stood_in))}."
        )
    return "\n\n".join([*parts, _alone(alone, added)])


def summary(results: Record) -> str:
    """Return the table of rows that are added to real rows."""
    trials, _ = complete(results)
    return _added(trials[trials["use"] == "beside"])


def complete(results: Record) -> tuple[pd.DataFrame, list[str]]:
    """Return the trials of arms that ran on all tables and seeds, and the names of the others."""
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
        + ". The imbalance is in brackets."
    )


def _means(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return means over seeds: one row for each table and classifier, one column for each arm.

    Rows that some arm lacks are left out.
    """
    return trials.pivot_table(index=["table", "classifier"], columns="arm", values=metric).dropna()


def _ranks(means: pd.DataFrame) -> pd.Series:
    return means.rank(axis=1, ascending=False).mean()


def _added(trials: pd.DataFrame) -> str:
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
            "the deep sampler selected on rows set aside" if arm == "chosen" else arm,
            *(f"{ranks[m][arm]:.2f}" if arm in ranks[m] else "" for m in METRICS),
            *(f"{100 * by_table[m][arm].mean():.1f}" for m in METRICS),
            *(gains[m].get(arm, "") for m in METRICS),
        ]
        for arm in order
    ]
    header = [
        "arm",
        "rank by AP",
        "rank by BA",
        "AP, %",
        "BA, %",
        "AP minus SMOTE, points",
        "BA minus SMOTE, points",
    ]
    tests = [
        f"{label} p = {_friedman(by_table[m]):.1g}"
        for m, label in zip(METRICS, ("AP", "BA"), strict=True)
    ]
    deep = [arm for arm in DEEP if arm in order]
    best = {m: min(deep, key=lambda arm: ranks[m][arm]) for m in METRICS}
    goal = [
        f"by {label}, {best[m]} ({ranks[m][best[m]]:.2f}) ranks "
        f"{'above' if ranks[m][best[m]] < ranks[m]['smote'] else 'below'} "
        f"SMOTE ({ranks[m]['smote']:.2f})"
        for m, label in zip(METRICS, ("average precision", "balanced accuracy"), strict=True)
    ]
    return (
        "**Added to real rows** (AP: average precision; BA: balanced accuracy)\n\n"
        f"{markdown(header, lines)}\n\n"
        f"Friedman's test that all arms are equal: {', '.join(tests)}. "
        f"The best deep sampler: {'; '.join(goal)}."
    )


def _chosen(trials: pd.DataFrame, metric: str) -> pd.Series:
    """Return test scores of the deep sampler that is best on the rows set aside.

    They are by table and classifier.
    """
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
    """Return mean ranks by average precision for each kind of table and each classifier."""
    means = _means(trials, METRICS[0])
    tables = means.index.get_level_values("table")
    mixed = np.array([kinds[name]["categories"] > 0 for name in tables])
    rare = np.array([kinds[name]["rows"] / (1 + kinds[name]["imbalance"]) for name in tables])
    groups = {
        "numbers only": ~mixed,
        "with categories": mixed,
        "rare class under 50 rows": rare < 50,
        "rare class of 50 rows or more": rare >= 50,
        **{name: means.index.get_level_values("classifier") == name for name in CLASSIFIERS},
    }
    groups = {name: which for name, which in groups.items() if which.any()}
    ranks = pd.DataFrame({name: _ranks(means[which]) for name, which in groups.items()})
    ranks = ranks.loc[_ranks(means).sort_values().index]
    lines = [
        [arm, *(f"{value:.2f}" for value in row)]
        for arm, row in zip(ranks.index, ranks.to_numpy(), strict=True)
    ]
    title = "**Ranks by average precision, by kind of table and by classifier**"
    return f"{title}\n\n{markdown(['arm', *groups], lines)}"


def shares(alone: pd.DataFrame, added: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return scores of synthetic rows alone, divided by those of real rows.

    There is one row for each table and one column for each arm.
    """
    real = _means(added[added["arm"] == "real"], metric)["real"]
    found = _means(alone, metric)
    return found.div(real.loc[found.index], axis=0).groupby("table").mean()


def _alone(alone: pd.DataFrame, added: pd.DataFrame) -> str:
    found = {metric: shares(alone, added, metric) for metric in METRICS}
    order = found[METRICS[1]].mean().sort_values(ascending=False).index
    lines = [
        [
            arm,
            *(f"{found[m][arm].mean():.3f}" for m in METRICS),
            *(f"{int((found[m][arm] >= 0.95).sum())} of {len(found[m])}" for m in METRICS),
        ]
        for arm in order
    ]
    header = [
        "sampler",
        "AP, share",
        "BA, share",
        "tables with AP share of 0.95 or more",
        "with BA share of 0.95 or more",
    ]
    title = "**Synthetic rows alone, as a share of the score of real rows**"
    return f"{title}\n\n{markdown(header, lines)}"


def figures(results: Record) -> dict[str, Figure]:
    """Draw mean ranks of the arms by both metrics."""
    trials, _ = complete(results)
    added = trials[trials["use"] == "beside"]
    ranks = pd.DataFrame({metric: _ranks(_means(added, metric)) for metric in METRICS})
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

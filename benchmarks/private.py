"""The cost of differential privacy: private synthetic rows against a private classifier.

A sampler is fitted within a budget; a classifier is trained on as many of its rows as there are
real ones and tested on real rows. Beside it, the same network is trained on the real rows by DP-SGD
within the same budget, and without one. delta is a tenth of one over the number of rows. Digits
have the public bounds 0 and 16. Wage (ISLR) has 2,000 training rows of ten columns, numbers and
categories, and the label is the type of job. Its ranges and categories are taken as public, and so
are the ranges of breast-cancer. For Wage, the MST of dpmm 0.1.9 (Mahiou et al., 2025,
arXiv:2506.00322; see ``benchmarks/dpmm.py``) has the same budget. All settings are the defaults but
for `max_steps`, `batch_size` and `lr`, which are those of few large steps for all networks alike.
Nothing was chosen on test rows.

"attack" is the area under the ROC curve of the membership attack of an audit on the same rows: 0.5
is guessing.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from benchmarks.dpmm import available, mst_rows
from benchmarks.harness import Record, Trials, markdown
from benchmarks.quality import LABEL, parts
from benchmarks.site_rows import Inputs, Sites, probabilities, train_network
from gen_augment import ConditionalFlow, ConditionalGAN, ConditionalVAE, MarginalSampler, Private
from gen_augment.metrics import membership_auc
from gen_augment.modalities import Table
from gen_augment.privacy.accounting import sampled_sigma
from gen_augment.training.noisy import Noise, NoisyUpdate, PoissonBatches

__all__ = ["run", "table"]

SEEDS, EPSILONS = 5, (1.0, 3.0, 10.0, float("inf"))
SAMPLERS: dict[str, Any] = {
    "marginal": MarginalSampler,
    "flow": ConditionalFlow,
    "vae": ConditionalVAE,
    "gan": ConditionalGAN,
}
MST = "MST of dpmm"
METHODS = (*SAMPLERS, MST, "DP-SGD")
STEPS, BATCH, LR = 300, 256, 2e-3
TABLES: dict[str, Any] = {"digits": load_digits, "breast-cancer": load_breast_cancer}
DATA = (*TABLES, "Wage")


def run(quick: bool) -> Record:
    """Run every trial that is not there yet."""
    trials = Trials("private", quick)
    for name in ("breast-cancer",) if quick else DATA:
        for seed in range(1 if quick else SEEDS):
            for epsilon in (3.0,) if quick else EPSILONS:
                for method in ("flow", "DP-SGD") if quick else METHODS:
                    if method == MST and (name != "Wage" or not available() or epsilon == np.inf):
                        continue
                    key = {"data": name, "epsilon": str(epsilon), "method": method, "seed": seed}
                    trials.add(key, partial(_trial, name, epsilon, method, seed, quick))
    return {"trials": trials.done}


def _load(name: str, seed: int) -> tuple[Any, np.ndarray, Any, np.ndarray, Any]:
    """Return training rows and labels, test rows and labels, and public bounds."""
    if name == "Wage":
        train, test = parts(name, seed, 2000)
        X, test_X = (frame.drop(columns=LABEL) for frame in (train, test))
        bounds = {
            column: values.cat.categories.tolist()
            if values.dtype == "category"
            else (float(values.min()), float(values.max()))
            for column, values in pd.concat([X, test_X]).items()
        }
        return X, train[LABEL].to_numpy(str), test_X, test[LABEL].to_numpy(str), bounds
    X, y = TABLES[name](return_X_y=True)
    ends = zip(X.min(axis=0).tolist(), X.max(axis=0).tolist(), strict=True)
    public = (
        dict.fromkeys(range(X.shape[1]), (0, 16)) if name == "digits" else dict(enumerate(ends))
    )
    X, test_X, y, test_y = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    return X, y, test_X, test_y, public


def _trial(name: str, epsilon: float, method: str, seed: int, quick: bool) -> Record:
    X, y, test_X, test_y, bounds = _load(name, seed)
    encode = _vectors(X)
    n_steps = 5 if quick else STEPS
    sites = Sites(encode(X), y, np.zeros(len(y), int), encode(test_X), test_y, n_steps, n_steps)
    delta = 0.1 / len(X)
    if method == "DP-SGD":
        return {"accuracy": _classifier(sites, epsilon, delta, seed)}
    classes = np.unique(y).tolist()
    spent: float | None = epsilon
    if method == MST:
        made = mst_rows(X.assign(**{LABEL: y}), bounds | {LABEL: classes}, epsilon, delta, seed)
        X_new, y_new = made.drop(columns=LABEL), made[LABEL].to_numpy(str)
    else:
        budget = Private(epsilon, delta, bounds=bounds, classes=classes)
        sampler = SAMPLERS[method](privacy=budget, random_state=seed)
        if method != "marginal":
            sampler.set_params(max_steps=n_steps, batch_size=BATCH, lr=LR, device="cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            X_new, y_new = sampler.fit(X, y).sample(len(X), random_state=seed)
        spent = None if sampler.privacy_ is None else sampler.privacy_["epsilon"]
    inputs, rows = Inputs(sites), encode(X_new)
    codes = torch.from_numpy(np.searchsorted(inputs.classes, y_new))
    network = train_network(inputs.network(seed), inputs(rows), codes, 20 if quick else 600, seed)
    found = inputs.classes[probabilities(network, inputs(sites.test_X)).argmax(axis=1)]
    scale = StandardScaler().fit(sites.X)
    attack = membership_auc(*(scale.transform(part) for part in (sites.X, sites.test_X, rows)))
    return {
        "accuracy": float((found == test_y).mean()),
        "attack": attack,
        "spent": spent,
    }


def _vectors(X: Any) -> Callable[[Any], np.ndarray]:
    """Return a function that encodes rows as vectors; arrays are vectors already."""
    if isinstance(X, np.ndarray):
        return lambda rows: np.asarray(rows)
    codec, _ = Table().fit(X)
    return lambda rows: codec.encode(rows).flatten(1).double().numpy()


def _classifier(sites: Sites, epsilon: float, delta: float, seed: int) -> float:
    """Train on real rows by DP-SGD.

    Class counts and moments of the columns are taken as public, in its favour.
    """
    inputs = Inputs(sites)
    x, codes = inputs(sites.X), torch.from_numpy(np.searchsorted(inputs.classes, sites.y))
    network = inputs.network(seed)
    if np.isinf(epsilon):
        train_network(network, x, codes, 2 * sites.n_steps, seed)
    else:
        rate = min(1.0, BATCH / len(x))
        sigma = sampled_sigma(epsilon, delta, rate, sites.n_steps)
        noise = Noise(sigma, 1.0, rate, rate * len(x), torch.ones(1), {})
        update = NoisyUpdate(network, torch.optim.Adam(network.parameters(), LR), noise)

        def loss(module: Any, rows: Tensor, labels: Tensor) -> dict[str, Tensor]:
            return {"loss": F.cross_entropy(module(rows), labels)}

        batches = PoissonBatches(x, codes, rate)
        for step in range(sites.n_steps):
            update(loss, *batches.at(step))
    found = inputs.classes[probabilities(network.eval(), inputs(sites.test_X)).argmax(axis=1)]
    return float((found == sites.test_y).mean())


def table(results: Record) -> str:
    """Mean accuracy by budget, and the membership attack."""
    trials = pd.DataFrame(results["trials"])
    tables = []
    for data, mine in trials.groupby("data", sort=False):
        budgets = [str(e) for e in EPSILONS if str(e) in set(mine["epsilon"])]
        means = mine.pivot_table(index="method", columns="epsilon", values=["accuracy", "attack"])
        lines = []
        for method in [m for m in METHODS if m in set(mine["method"])]:
            line = [method]
            for figure in ("accuracy", "attack"):
                for budget in budgets:
                    value = means.get((figure, budget), pd.Series(dtype=float)).get(method, np.nan)
                    line.append(
                        ""
                        if np.isnan(value)
                        else f"{100 * value:.1f}"
                        if figure == "accuracy"
                        else f"{value:.2f}"
                    )
            lines.append(line)
        n = mine.groupby(["method", "epsilon"]).size().min()
        header = [
            "method",
            *(f"accuracy, % at {b}" for b in budgets),
            *(f"attack at {b}" for b in budgets),
        ]
        tables.append(f"{data}, seeds: {n} or more:\n\n" + markdown(header, lines))
    return "\n\n".join(tables)

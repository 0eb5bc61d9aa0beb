"""Rows stay at their sites: the models of all classes that can be trained, and how good they are.

Rows are split over five sites: "two classes" gives each site two of ten classes; "Dirichlet" draws
the share of each class at each site with concentration 0.1 (Hsu, Qi and Brown, 2019,
arXiv:1909.06335), again until every site has two classes of at least five rows. Rows of a class
that has fewer at a site are left out there, for all methods. Tables have ten seeds. Images are
2,000 of ten classes, and have three seeds, since a seed takes half an hour of one core.

* "pool": each site sends a sampler; a classifier is trained on as many rows of their pool as there
  are real ones. "pool, 10 times": on ten rows for each real one, since a sampler makes any number.
  Images have a flow, tables a Gaussian mixture. Both are the defaults of their class, with fewer
  steps for images. On validation rows of digits, seeds 100 and 101, 4 and 16 times were both better
  than once.
* "pool, SVM": a pool serves any model, so that of tables also trains scikit-learn's `SVC` with its
  defaults, on the same rows, ten for each real one. On those validation rows it was as good as the
  network or better, and better than with C=10. "real, SVM" is the same of all real rows.
* "local": the mean of the sites' own classifiers. "ensemble": their mean probabilities.
  "corrected": the same, with each probability divided by the site's class prior, multiplied by
  that of all sites, and normalised.
* "averaged 1" and "averaged 20": weights averaged after one round or 20 rounds, by numbers of rows
  (FedAvg: McMahan et al., 2017, arXiv:1602.05629), with as many steps in all as any other
  classifier has.
* "ridge" and "means": on 2,000 random Fourier features that all sites share (Rahimi and Recht,
  2007), ridge regression on the sum of the sites' second moments, and the nearest class mean. Both
  are exactly those of pooled rows. The width of the features is the median distance of rows; the
  penalty is chosen on a fifth of the rows of each site, whose counts of right answers are added up.
* "real": a classifier of all real rows, which no site may have.

All other classifiers are the same network, trained for the same number of steps. Nothing is chosen
on test rows.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pandas as pd
import torch
from scipy import stats
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.harness import Record, Trials, markdown
from benchmarks.site_rows import (
    N_SITES,
    TABLES,
    Inputs,
    Sites,
    load_sites,
    probabilities,
    train_network,
)
from gen_augment import ConditionalFlow, MixtureSampler, pool
from gen_augment.rng import derive_seed
from gen_augment.samplers import Sampler

__all__ = ["run", "table"]

SEEDS, IMAGE_SEEDS = 10, 3
#: Rows of the larger pool for each real one.
ROWS = 10
POOLED, SVM = f"pool, {ROWS} times", "pool, SVM"
METHODS = (
    "local",
    "ensemble",
    "corrected",
    "averaged 1",
    "averaged 20",
    "means",
    "ridge",
    "pool",
    POOLED,
    SVM,
    "real",
    "real, SVM",
)
DATA = ("digits", "wine", "iris", "fashion-mnist", "mnist")
PENALTIES = np.geomspace(1e-3, 1e4, 8)


def run(quick: bool) -> Record:
    """Run every trial that is not there yet; tables come first, since they are cheap."""
    trials = Trials("sites", quick)
    for name in ("wine",) if quick else DATA:
        n_seeds = SEEDS if name in TABLES else IMAGE_SEEDS
        for seed in range(1 if quick else n_seeds):
            for split in ("two classes", "Dirichlet"):
                if split == "two classes" and name in ("wine", "iris"):
                    continue
                for method in METHODS:
                    if "SVM" in method and name not in TABLES:
                        continue
                    key = {"data": name, "split": split, "method": method, "seed": seed}
                    trials.add(key, partial(_accuracy, name, split, method, seed, quick))
    return {"trials": trials.done}


def _accuracy(name: str, split: str, method: str, seed: int, quick: bool) -> Record:
    sites = load_sites(name, split, seed, quick)
    predict = {"ridge": _ridge, "means": _means, "real": _real, "real, SVM": _real_svm}.get(method)
    if predict is not None:
        found = (predict(sites, seed) == sites.test_y).mean()
    elif method.startswith("pool"):
        n = len(sites.y) * (1 if method == "pool" else ROWS)
        X, y = _pooled(name, split, seed, quick).sample(n, random_state=seed)
        predicted = _svm(sites, X, y) if method == SVM else _predicted(sites, X, y, seed)
        found = (predicted == sites.test_y).mean()
    elif method.startswith("averaged"):
        found = (_averaged(sites, int(method.split()[1]), seed) == sites.test_y).mean()
    else:
        found = _of_sites(sites, _each_site(name, split, seed, quick), method)
    return {"accuracy": float(found)}


def _fitted(sites: Sites, X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    inputs = Inputs(sites)
    codes = torch.from_numpy(np.searchsorted(inputs.classes, y))
    network = train_network(inputs.network(seed), inputs(X), codes, sites.n_steps, seed)
    return probabilities(network, inputs(sites.test_X))


def _predicted(sites: Sites, X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    found: np.ndarray = np.unique(sites.y)[_fitted(sites, X, y, seed).argmax(axis=1)]
    return found


def _real(sites: Sites, seed: int) -> np.ndarray:
    return _predicted(sites, sites.X, sites.y, seed)


def _svm(sites: Sites, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(make_pipeline(StandardScaler(), SVC()).fit(X, y).predict(sites.test_X))


def _real_svm(sites: Sites, seed: int) -> np.ndarray:
    return _svm(sites, sites.X, sites.y)


@lru_cache(maxsize=1)
def _pooled(name: str, split: str, seed: int, quick: bool) -> Sampler:
    sites = load_sites(name, split, seed, quick)
    parts: list[Sampler] = []
    for site in range(N_SITES):
        if sites.X.ndim > 2:
            parts.append(
                ConditionalFlow(
                    max_steps=sites.sampler_steps, random_state=seed + site, device="cpu"
                )
            )
        else:
            parts.append(MixtureSampler(random_state=seed + site))
        parts[-1].fit(*sites.of(site))
    return pool(parts)


@lru_cache(maxsize=1)
def _each_site(name: str, split: str, seed: int, quick: bool) -> list[np.ndarray]:
    """Return the probabilities of the test rows by the classifier of each site."""
    sites = load_sites(name, split, seed, quick)
    return [_fitted(sites, *sites.of(site), seed) for site in range(N_SITES)]


def _of_sites(sites: Sites, predicted: list[np.ndarray], method: str) -> float:
    classes = np.unique(sites.y)
    prior = np.array([(sites.y == label).mean() for label in classes])
    each, total = [], np.zeros((len(sites.test_y), len(classes)))
    for site, found in enumerate(predicted):
        each.append((classes[found.argmax(axis=1)] == sites.test_y).mean())
        if method == "corrected":
            own = np.array([(sites.of(site)[1] == label).mean() for label in classes])
            found = found * np.where(own > 0, prior / np.where(own > 0, own, 1), 0)
            found /= found.sum(axis=1, keepdims=True)
        total += found
    if method == "local":
        return float(np.mean(each))
    return float((classes[total.argmax(axis=1)] == sites.test_y).mean())


def _averaged(sites: Sites, n_rounds: int, seed: int) -> np.ndarray:
    inputs = Inputs(sites)
    shared = inputs.network(seed)
    shares = np.bincount(sites.site, minlength=N_SITES) / len(sites.site)
    for number in range(n_rounds):
        states = []
        for site in range(N_SITES):
            X, y = sites.of(site)
            local = inputs.network(seed)
            local.load_state_dict(shared.state_dict())
            codes = torch.from_numpy(np.searchsorted(inputs.classes, y))
            train_network(
                local,
                inputs(X),
                codes,
                max(1, sites.n_steps // n_rounds),
                derive_seed(seed, number, site),
            )
            states.append(local.state_dict())
        mean = {
            name: sum(
                float(share) * state[name] for share, state in zip(shares, states, strict=True)
            )
            if tensor.is_floating_point()
            else tensor
            for name, tensor in states[0].items()
        }
        shared.load_state_dict(mean)
    return np.asarray(
        inputs.classes[probabilities(shared.eval(), inputs(sites.test_X)).argmax(axis=1)]
    )


def _random_features(sites: Sites, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    inputs, rng = Inputs(sites), np.random.default_rng(seed)
    flat = inputs(sites.X).flatten(1).numpy()
    some = flat[rng.permutation(len(flat))[:500]]
    width = np.median(
        np.linalg.norm(some[:, None] - some[None], axis=2)[np.triu_indices(len(some), 1)]
    )
    weights = rng.normal(size=(flat.shape[1], 2000)) / width
    shift = rng.uniform(0, 2 * np.pi, 2000)
    return lambda X: np.cos(inputs(X).flatten(1).numpy() @ weights + shift)


def _ridge(sites: Sites, seed: int) -> np.ndarray:
    features = _random_features(sites, seed)
    classes = np.unique(sites.y)
    Z, hot = features(sites.X), (sites.y[:, None] == classes) * 2.0 - 1
    held = np.random.default_rng(seed).random(len(Z)) < 0.2

    def solve(rows: np.ndarray, penalty: float) -> np.ndarray:
        return np.linalg.solve(
            Z[rows].T @ Z[rows] + penalty * np.eye(Z.shape[1]), Z[rows].T @ hot[rows]
        )

    right = [(Z[held] @ solve(~held, p)).argmax(1) == hot[held].argmax(1) for p in PENALTIES]
    best = float(PENALTIES[int(np.argmax([r.mean() for r in right]))])
    return np.asarray(
        classes[(features(sites.test_X) @ solve(np.ones(len(Z), bool), best)).argmax(1)]
    )


def _means(sites: Sites, seed: int) -> np.ndarray:
    features = _random_features(sites, seed)
    classes = np.unique(sites.y)
    Z, T = features(sites.X), features(sites.test_X)
    means = np.stack([Z[sites.y == label].mean(axis=0) for label in classes])
    distances = (means**2).sum(axis=1) - 2 * T @ means.T
    return np.asarray(classes[distances.argmin(axis=1)])


def table(results: Record) -> str:
    """Mean accuracies, and the gains of the pool over each method with their 95% intervals."""
    trials = pd.DataFrame(results["trials"])
    parts = []
    for (data, split), mine in trials.groupby(["data", "split"], sort=False):
        scores = 100 * mine.pivot(index="seed", columns="method", values="accuracy")
        methods = [method for method in METHODS if method in scores]
        pools = [method for method in (POOLED, SVM) if method in methods]
        if not pools:
            continue
        lines = []
        for method in methods:
            gains = [
                "" if one == method else _interval((scores[one] - scores[method]).dropna())
                for one in pools
            ]
            lines.append([method, f"{scores[method].mean():.1f}", *gains])
        n = int(scores.notna().all(axis=1).sum())
        columns = ["method", "accuracy, %", *(f"{one} minus it, points" for one in pools)]
        parts.append(f"{data}, {split}, {n} seeds:\n\n" + markdown(columns, lines))
    return "\n\n".join(parts)


def _interval(gain: "pd.Series[float]") -> str:
    if len(gain) < 3:
        return f"{gain.mean():+.1f}"
    half = float(stats.t.ppf(0.975, len(gain) - 1) * gain.std() / len(gain) ** 0.5)
    return f"{gain.mean():+.1f} ({gain.mean() - half:+.1f} to {gain.mean() + half:+.1f})"

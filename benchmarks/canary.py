"""Planted rows: what an attack finds in samples with and without differential privacy.

The table has 600 rows of two classes, whose ten columns are normal, and 400 candidates: rows in the
corners of the public bounds, all far from one another and from other rows. Each candidate is
planted with probability 1/2: one half of them once, the other half four times. The attacker knows
the candidates and sees 20,000 generated rows. Distances to the nearest generated row are split in
two groups by k-means, and the candidates of the nearer group are said to be planted.

"found" is the area under the ROC curve for candidates that are planted once and four times: 0.5 is
guessing. "p" is the probability that guessing is as good (Mann-Whitney, candidates of four times).
"epsilon is at least" holds with confidence 95% for candidates that are planted once (Steinke, Nasr
and Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023, arXiv:2305.08846): it
must not exceed the epsilon of the budget. With all guesses right it would be 4.2. delta is 1e-5.

The networks have the defaults of their class, but a width of 16, batches of 128 and 1,000 steps.
Private training takes 100, since each step has a part of the budget. The bootstrap, which repeats
rows, checks the attack itself.
"""

import warnings
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness import Record, Trials, markdown
from gen_augment import (
    BootstrapSampler,
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    MarginalSampler,
    Private,
)
from gen_augment.metrics import audited_epsilon, membership_auc
from gen_augment.samplers.registry import set_known

__all__ = ["plant", "run", "table"]

EPSILONS = (1.0, 3.0, 10.0, float("inf"))
SAMPLERS: dict[str, Any] = {
    "bootstrap": BootstrapSampler,
    "marginal": MarginalSampler,
    "flow": ConditionalFlow,
    "vae": ConditionalVAE,
    "gan": ConditionalGAN,
}
N_ROWS, N_CANDIDATES, N_COLUMNS, REPEATS, DELTA = 600, 400, 10, 4, 1e-5
SETTINGS = {"width": 16, "batch_size": 128, "device": "cpu", "random_state": 0}
STEPS, PRIVATE_STEPS = 1000, 100


def run(quick: bool) -> Record:
    """Run every trial that is not there yet."""
    trials = Trials("canary", quick)
    for method in ("bootstrap", "flow") if quick else SAMPLERS:
        for epsilon in (3.0,) if quick else EPSILONS:
            if method == "bootstrap":
                epsilon = float("inf")  # it has no private training
            key = {"method": method, "epsilon": str(epsilon)}
            trials.add(key, partial(_trial, method, epsilon, quick))
    return {"trials": trials.done}


def plant(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training rows and labels, the candidates, and which of these were planted."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=N_ROWS)
    X = rng.normal(size=(N_ROWS, N_COLUMNS)) + y[:, None]
    corners = rng.choice(2**N_COLUMNS, N_CANDIDATES, replace=False)
    signs = 2 * (corners[:, None] >> np.arange(N_COLUMNS) & 1) - 1
    candidates = signs * rng.uniform(6, 9, signs.shape)
    planted = rng.random(N_CANDIDATES) < 0.5
    times = np.where(np.arange(N_CANDIDATES) < N_CANDIDATES // 2, 1, REPEATS) * planted
    labels = np.arange(N_CANDIDATES) % 2
    X = np.concatenate([X, candidates.repeat(times, axis=0)])
    return X, np.concatenate([y, labels.repeat(times)]), candidates, planted


def _trial(method: str, epsilon: float, quick: bool) -> Record:
    X, y, candidates, planted = plant(0)
    sampler = set_known(SAMPLERS[method](), SETTINGS | {"max_steps": 5 if quick else STEPS})
    if np.isfinite(epsilon):
        set_known(sampler, {"max_steps": 5 if quick else PRIVATE_STEPS})
        known = dict.fromkeys(range(N_COLUMNS), (-9, 9))
        sampler.set_params(privacy=Private(epsilon, DELTA, bounds=known, classes=[0, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = sampler.fit(X, y).sample(2000 if quick else 20_000, random_state=0)[0]
    found: Record = {"spent": sampler.privacy_["epsilon"] if np.isfinite(epsilon) else None}
    for name, part in zip(("once", "often"), np.split(np.arange(N_CANDIDATES), 2), strict=True):
        inside = planted[part]
        distances = NearestNeighbors(n_neighbors=1).fit(rows).kneighbors(candidates[part])[0][:, 0]
        groups = KMeans(2, n_init=1, random_state=0).fit(distances[:, None])
        right = (groups.labels_ == groups.cluster_centers_.argmin()) == inside
        test = mannwhitneyu(distances[inside], distances[~inside], alternative="less")
        found |= {
            name: membership_auc(candidates[part][inside], candidates[part][~inside], rows),
            f"{name}_p": float(test.pvalue),
            f"{name}_at_least": audited_epsilon(int(right.sum()), len(part), delta=DELTA),
        }
    return found


def table(results: Record) -> str:
    """What the attack finds, by sampler and budget."""
    lines = [
        [
            trial["method"],
            trial["epsilon"],
            "" if trial["spent"] is None else f"{trial['spent']:.2f}",
            f"{trial['once']:.2f}",
            f"{trial['often']:.2f}",
            f"{trial['often_p']:.1g}",
            f"{trial['once_at_least']:.2f}",
        ]
        for trial in results["trials"]
    ]
    header = ["sampler", "budget", "accountant's epsilon", "found once", "found four times", "p"]
    return markdown([*header, "epsilon is at least"], lines)

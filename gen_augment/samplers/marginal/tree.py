"""Selection, measurement and inference of a tree of two-way marginals (MST).

1. All one-way marginals are measured, with a third of the budget. States that they cannot tell
   from noise are joined; see `grouping`.
2. A maximum spanning tree is grown, edge by edge. The weight of an edge is the L1 distance of the
   two-way marginal from the product of the measured one-way marginals. The exponential mechanism
   chooses each edge, with a third of the budget.
3. The two-way marginals of the tree are measured with the rest.
   With few rows for the budget, a tree would be one of noise: then steps 2 and 3 are one, in which
   each attribute is paired with the root, as in naive Bayes, with the budget of both.
4. The package ``mbi`` infers marginals that agree with each other and are most likely given all
   measurements.

One row changes a count by one, so each measurement and each weight has sensitivity 1.

References
----------
McKenna, Miklau and Sheldon, "Winning the NIST Contest: A scalable and general approach to
differentially private synthetic data", Journal of Privacy and Confidentiality 11(3), 2021
(arXiv:2108.04978): the mechanism.
McKenna, Sheldon and Miklau, "Graphical-model based estimation and inference for differential
privacy", ICML 2019 (arXiv:1901.09136): the inference.
Cesar and Rogers, "Bounding, Concentrating, and Truncating", ALT 2021 (arXiv:2004.07223): the
exponential mechanism with epsilon is ``epsilon ** 2 / 8``-zero-concentrated private.
"""

import secrets
import warnings
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from gen_augment.errors import MissingDependencyError
from gen_augment.samplers.marginal.grouping import group_counts, grouped, spread

__all__ = ["TreeModel", "learn_tree"]

Edge = tuple[int, int]
#: With fewer rows than this times the noise of a pair, all edges lead to the root.
STAR = 64


@dataclass(frozen=True)
class TreeModel:
    """Attributes in an order in which each depends on an earlier one.

    Attributes
    ----------
    order : list of int
        All attributes but the root.
    parents : dict of int to int
    tables : dict of int to ndarray of shape (n_states of the parent, n_states)
        Conditional probabilities of each attribute given its parent.
    """

    order: list[int]
    parents: dict[int, int]
    tables: dict[int, np.ndarray]


def learn_tree(
    states: np.ndarray, sizes: list[int], root: int, rho: float, n_iterations: int,
    n_ordered: int = 0,
) -> TreeModel:  # fmt: skip
    """Learn a tree of attributes.

    Parameters
    ----------
    states : ndarray of shape (n_rows, n_attributes)
    sizes : list of int
        Number of states of each attribute.
    root : int
        The attribute that rows are conditioned on.
    rho : float
        Budget in zero-concentrated differential privacy; infinite for exact marginals.
    n_iterations : int
        Steps of the inference.
    n_ordered : int
        Number of attributes, the first ones, whose states are those of a number.

    Raises
    ------
    MissingDependencyError
        mbi is not installed.
    """
    # Not repeatable: who knows the seed of the noise can subtract it.
    rng = np.random.default_rng(secrets.randbits(128))
    n = len(sizes)
    single = _deviation(n, rho / 3)
    measured: dict[tuple[int, ...], np.ndarray] = {
        (a,): _noisy(_count(states, sizes, (a,)), single, rng) for a in range(n)
    }
    total = max(1.0, float(np.mean([counts.sum() for counts in measured.values()])))
    is_star = total < STAR * _deviation(n - 1, rho / 3)
    pair = _deviation(n - 1, rho * (2 if is_star else 1) / 3)
    groups = [
        np.arange(sizes[a])
        if a == root
        else grouped(measured[a,], single, pair, ordered=a < n_ordered)
        for a in range(n)
    ]
    within = [spread(_distribution(measured[a,]), groups[a]) for a in range(n)]
    states = np.stack([groups[a][states[:, a]] for a in range(n)], axis=1)
    sizes = [int(group.max()) + 1 for group in groups]
    measured = {(a,): group_counts(measured[a,], groups[a]) for a in range(n)}
    one_way = [_distribution(measured[a,]) for a in range(n)]
    if is_star:
        edges = [(a, root) for a in range(n) if a != root]
    else:
        weights = _weights(states, sizes, total, one_way)
        edges = _spanning_tree(weights, n, np.sqrt(8 * rho / 3 / max(1, n - 1)), rng)
    measured |= {edge: _noisy(_count(states, sizes, edge), pair, rng) for edge in edges}
    if np.isfinite(rho):
        deviations: dict[tuple[int, ...], Any] = dict.fromkeys(edges, np.array(pair))
        # The sum of k counts has the noise of one, times the root of k.
        deviations |= {(a,): single * np.sqrt(np.bincount(groups[a])) for a in range(n)}
        found = _infer(measured, deviations, total, sizes, edges, n_iterations)
    else:
        found = {edge: measured[edge] for edge in edges}
    tree = _rooted(found, one_way, root)
    tables = {
        child: table[groups[tree.parents[child]]][:, groups[child]] * within[child]
        for child, table in tree.tables.items()
    }
    return TreeModel(tree.order, tree.parents, tables)


def _weights(
    states: np.ndarray, sizes: list[int], total: float, one_way: list[np.ndarray]
) -> dict[Edge, float]:
    """Return how far each pair of attributes is from independent ones, in rows."""
    return {
        (a, b): float(
            np.abs(_count(states, sizes, (a, b)) - total * np.outer(one_way[a], one_way[b])).sum()
        )
        for a, b in combinations(range(len(sizes)), 2)
    }


def _deviation(n_queries: int, rho: float) -> float:
    """Return the noise of each of `n_queries` Gaussian mechanisms within `rho` in all."""
    return 0.0 if np.isinf(rho) else float(np.sqrt(n_queries / (2 * rho)))


def _count(states: np.ndarray, sizes: list[int], attributes: tuple[int, ...]) -> np.ndarray:
    shape = [sizes[a] for a in attributes]
    flat = np.ravel_multi_index(states[:, list(attributes)].T, shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape)))
    return np.asarray(counts.reshape(shape), dtype=np.float64)


def _noisy(counts: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(np.rint(counts + deviation * rng.normal(size=counts.shape)))


def _distribution(counts: np.ndarray) -> np.ndarray:
    """Return counts as probabilities along the last axis; uniform where there are none."""
    positive = np.maximum(counts, 0)
    totals = positive.sum(axis=-1, keepdims=True)
    uniform = np.full_like(positive, 1 / positive.shape[-1])
    return np.asarray(np.where(totals > 0, positive / np.where(totals > 0, totals, 1), uniform))


def _spanning_tree(
    weights: dict[Edge, float], n: int, epsilon: float, rng: np.random.Generator
) -> list[Edge]:
    """Grow a spanning tree of heavy edges by the exponential mechanism."""
    group = list(range(n))
    edges: list[Edge] = []
    while len(edges) < n - 1:
        open_edges = [edge for edge in weights if group[edge[0]] != group[edge[1]]]
        scores = np.array([weights[edge] for edge in open_edges])
        if np.isfinite(epsilon):
            # The largest score plus Gumbel noise is a draw from the exponential mechanism.
            scores = 0.5 * epsilon * scores + rng.gumbel(size=len(scores))
        a, b = open_edges[int(scores.argmax())]
        edges.append((a, b))
        group = [group[a] if g == group[b] else g for g in group]
    return edges


def _infer(
    measured: dict[tuple[int, ...], np.ndarray],
    deviations: dict[tuple[int, ...], np.ndarray],
    total: float,
    sizes: list[int],
    edges: list[Edge],
    n_iterations: int,
) -> dict[Edge, np.ndarray]:
    """Return two-way marginals that agree, most likely given the measurements."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the precision of JAX, at import
        try:
            import mbi  # type: ignore[import-untyped]
        except ImportError as error:
            raise MissingDependencyError(
                "MarginalSampler needs mbi: pip install 'gen_augment[privacy]'."
            ) from error
        domain = mbi.Domain(tuple(map(str, range(len(sizes)))), tuple(sizes))
        measurements = []
        for attributes, counts in measured.items():
            lowest = float(deviations[attributes].min())
            weights = np.asarray(lowest / deviations[attributes])
            measurements.append(
                mbi.LinearMeasurement(
                    (counts * weights).flatten(),
                    tuple(map(str, attributes)),
                    stddev=lowest,
                    query=partial(_weighted, weights),
                )
            )
        model: Any = mbi.estimation.MirrorDescent().estimate(
            domain, measurements, known_total=total, iters=n_iterations
        )
        return {
            (a, b): np.asarray(model.project((str(a), str(b))).datavector(flatten=False))
            for a, b in edges
        }


def _weighted(weights: np.ndarray, factor: Any) -> Any:
    return factor.datavector() * weights


def _rooted(pairs: dict[Edge, np.ndarray], one_way: list[np.ndarray], root: int) -> TreeModel:
    order: list[int] = []
    parents: dict[int, int] = {}
    tables: dict[int, np.ndarray] = {}
    reached = [root]
    for parent in reached:
        for (a, b), counts in pairs.items():
            if parent not in (a, b):
                continue
            child, table = (b, counts) if parent == a else (a, counts.T)
            if child in reached:
                continue
            reached.append(child)
            order.append(child)
            parents[child] = parent
            known = np.maximum(table, 0).sum(axis=1, keepdims=True) > 0
            tables[child] = np.where(known, _distribution(table), one_way[child][None])
    return TreeModel(order, parents, tables)

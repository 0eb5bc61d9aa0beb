"""The tree of marginals: what it recovers exactly, and how noise is spent."""

import sys
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from gen_augment.errors import MissingDependencyError
from gen_augment.samplers.marginal import tree
from gen_augment.samplers.marginal.tree import learn_tree


def chain(n: int = 4000) -> np.ndarray:
    """Attributes 0 - 1 - 2 in a chain, and 3, which depends on 1."""
    rng = np.random.default_rng(0)

    def copied(parent: np.ndarray, size: int) -> np.ndarray:
        return np.where(rng.random(n) < 0.8, parent % size, rng.integers(0, size, n))

    first = rng.integers(0, 3, n)
    second = copied(first, 4)
    return np.stack([first, second, copied(second, 3), copied(second, 2)], axis=1)


SIZES = [3, 4, 3, 2]


def heaviest(weights: dict[tuple[int, int], float], n: int) -> set[tuple[int, int]]:
    """The spanning tree of largest weight, by trying all."""
    best = max(
        (
            edges
            for edges in combinations(weights, n - 1)
            if len({frozenset(g) for g in components(edges, n)}) == 1
        ),
        key=lambda edges: sum(weights[edge] for edge in edges),
    )
    return set(best)


def components(edges: tuple[tuple[int, int], ...], n: int) -> list[set[int]]:
    groups = [{i} for i in range(n)]
    for a, b in edges:
        joined = groups[a] | groups[b]
        for i in joined:
            groups[i] = joined
    return groups


def test_without_noise_the_tree_is_the_heaviest_and_its_tables_are_exact() -> None:
    states = chain()
    found = learn_tree(states, SIZES, 0, np.inf, 1)
    assert {tuple(sorted((found.parents[a], a))) for a in found.order} == {(0, 1), (1, 2), (1, 3)}
    assert found.order[0] == 1
    for parent, child in ((0, 1), (1, 2), (1, 3)):
        for a, b in product(range(SIZES[parent]), range(SIZES[child])):
            mine = states[states[:, parent] == a]
            assert found.tables[child][a, b] == pytest.approx((mine[:, child] == b).mean())


def test_edges_are_drawn_by_the_exponential_mechanism() -> None:
    weights = {(0, 1): 3.0, (0, 2): 1.0, (1, 2): 0.0}
    rng = np.random.default_rng(0)
    drawn = [tree._spanning_tree(weights, 3, 2.0, rng)[0] for _ in range(3000)]
    p = np.exp(0.5 * 2.0 * np.array(list(weights.values())))
    observed = [drawn.count(edge) for edge in weights]
    assert stats.chisquare(observed, 3000 * p / p.sum()).pvalue > 1e-3
    assert set(tree._spanning_tree(weights, 3, np.inf, rng)) == heaviest(weights, 3)


def test_queries_stay_within_the_budget() -> None:
    """A Gaussian mechanism with deviation s is 1 / (2 s^2)-zCDP; the parts add up to rho."""
    rho, n = 0.3, 5
    singles = n / (2 * tree._deviation(n, rho / 3) ** 2)
    pairs = (n - 1) / (2 * tree._deviation(n - 1, rho / 3) ** 2)
    epsilon = np.sqrt(8 * rho / 3 / (n - 1))
    assert singles + pairs + (n - 1) * epsilon**2 / 8 == pytest.approx(rho)
    assert tree._deviation(n, np.inf) == 0


def test_one_row_changes_weights_by_at_most_one() -> None:
    states = chain(300)
    shape = [np.full(3, 1 / 3), np.full(4, 1 / 4)]

    def weight(rows: np.ndarray) -> float:
        return float(np.abs(tree._count(rows, SIZES, (0, 1)) - 300 * np.outer(*shape)).sum())

    whole = weight(states)
    assert all(abs(weight(np.delete(states, i, axis=0)) - whole) <= 1 + 1e-9 for i in range(300))


def test_without_mbi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mbi", None)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[privacy\]"):
        learn_tree(chain(100), SIZES, 0, 5.0, 10)
    learn_tree(chain(100), SIZES, 0, np.inf, 10)  # exact marginals need no inference


def test_inference_makes_noisy_marginals_agree() -> None:
    found = learn_tree(chain(), SIZES, 0, 5.0, 300)
    exact = learn_tree(chain(), SIZES, 0, np.inf, 1)
    assert found.parents == exact.parents
    for child, table in found.tables.items():
        np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-6)  # in float32
        np.testing.assert_allclose(table, exact.tables[child], atol=0.05)


def test_few_rows_for_the_budget_pair_each_attribute_with_the_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The choice of edges costs nothing then, so pairs have its share of the budget."""
    spent, deviation = [], tree._deviation

    def noted(n: int, rho: float) -> float:
        spent.append(rho)
        return deviation(n, rho)

    monkeypatch.setattr(tree, "_deviation", noted)
    found = learn_tree(chain(400), SIZES, 0, 0.03, 50)
    assert found.parents == dict.fromkeys((1, 2, 3), 0)
    assert spent == pytest.approx([0.01, 0.01, 0.02])  # one-way, the pairs of a tree, of the root
    for child, table in found.tables.items():
        assert table.shape == (3, SIZES[child])
        np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-6)  # in float32

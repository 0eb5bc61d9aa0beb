"""Figures against closed forms, torchmetrics, SciPy, loops that follow the papers' definitions, and invariants."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import linalg
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from gen_augment import neighbours
from gen_augment.errors import InputError
from gen_augment.metrics import (
    density_coverage,
    fidelity,
    frechet_distance,
    kernel_distance,
    memorisation,
    precision_recall,
)

module = import_module(
    "gen_augment.metrics.fidelity"
)  # a function of the same name hides the module


def whole_numbers(n_sets: int) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """Sets of equal width. Shifts cause no rounding error, and many rows are equal."""
    return st.integers(1, 3).flatmap(
        lambda d: st.tuples(
            *[
                arrays(
                    np.float64,
                    st.tuples(st.integers(6, 12), st.just(d)),
                    elements=st.integers(-9, 9),
                )
            ]
            * n_sets
        )
    )


def draw(n: int, d: int, seed: int, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) * spread


def exactly(mean: Any, covariance: Any, n: int = 50, seed: int = 0) -> np.ndarray:
    """Rows with exactly this mean and this unbiased covariance."""
    white = draw(n, len(mean), seed)
    white -= white.mean(axis=0)
    white = white @ linalg.inv(linalg.cholesky(np.cov(white.T)))
    return white @ linalg.cholesky(np.array(covariance)) + np.array(mean)


class Identity(nn.Module):
    """A feature network for torchmetrics that returns its input."""

    num_features = 5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


# --- distances between distributions


def test_frechet_distance_of_gaussians_has_a_closed_form() -> None:
    real = exactly([0.0, 1.0, 2.0], np.diag([1.0, 4.0, 9.0]))
    fake = exactly([3.0, 1.0, -2.0], np.diag([4.0, 4.0, 1.0]), seed=1)
    assert frechet_distance(real, fake) == pytest.approx(
        9 + 16 + (2 - 1) ** 2 + (3 - 1) ** 2, rel=1e-12
    )


def test_frechet_distance_equals_scipy_and_torchmetrics() -> None:
    real, fake = draw(200, 5, 0) @ draw(5, 5, 7), draw(150, 5, 1, 1.3) + 0.5
    root = linalg.sqrtm(np.cov(real.T) @ np.cov(fake.T)).real
    by_scipy = np.square(real.mean(0) - fake.mean(0)).sum() + np.trace(
        np.cov(real.T) + np.cov(fake.T) - 2 * root
    )
    assert frechet_distance(real, fake) == pytest.approx(by_scipy, rel=1e-9)
    metric = FrechetInceptionDistance(feature=Identity()).set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    assert frechet_distance(real, fake) == pytest.approx(float(metric.compute()), rel=1e-6)


def test_frechet_distance_of_singular_covariances() -> None:
    real = draw(10, 40, 0)  # fewer rows than features
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(real, real + 2) == pytest.approx(4 * 40, rel=1e-9)
    constant = np.ones((5, 3))
    assert frechet_distance(constant, 2 * constant) == pytest.approx(3)


def test_kernel_distance_equals_a_loop_and_torchmetrics() -> None:
    real, fake = draw(30, 5, 0), draw(30, 5, 1, 1.5) + 0.3

    def mean(a: np.ndarray, b: np.ndarray, same: bool) -> float:
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (same and i == j)]
        return float(np.mean([(a[i] @ b[j] / 5 + 1) ** 3 for i, j in pairs]))

    naive = mean(real, real, True) + mean(fake, fake, True) - 2 * mean(real, fake, False)
    assert kernel_distance(real, fake) == pytest.approx(naive, rel=1e-10)
    with pytest.warns(UserWarning, match="save all extracted features"):
        metric = KernelInceptionDistance(feature=Identity(), subsets=1, subset_size=30).set_dtype(
            torch.float64
        )
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    assert kernel_distance(real, fake) == pytest.approx(float(metric.compute()[0]), rel=1e-6)


def test_kernel_distance_is_unbiased() -> None:
    same = [
        kernel_distance(draw(20, 4, 2 * seed), draw(35, 4, 2 * seed + 1)) for seed in range(300)
    ]
    assert abs(np.mean(same)) < 4 * np.std(same) / len(same) ** 0.5
    assert min(same) < 0


# --- manifolds


def _naive_balls(x: np.ndarray, k: int) -> list[float]:
    return [sorted(np.linalg.norm(x - row, axis=1))[k] for row in x]


def _naive_precision(real: np.ndarray, fake: np.ndarray, k: int) -> float:
    radius = _naive_balls(real, k)
    return float(
        np.mean([any(np.linalg.norm(f - r) <= radius[i] for i, r in enumerate(real)) for f in fake])
    )


def test_precision_and_recall_equal_loops() -> None:
    real, fake = draw(40, 3, 0), draw(50, 3, 1, 0.7) + 0.8
    for k in (1, 3, 7):
        expected = _naive_precision(real, fake, k), _naive_precision(fake, real, k)
        assert precision_recall(real, fake, k) == pytest.approx(expected)
        assert expected[0] != expected[1]


def test_density_and_coverage_equal_loops() -> None:
    real, fake = draw(40, 3, 0), draw(50, 3, 1, 0.7) + 0.8
    for k in (1, 5):
        inside = [
            [np.linalg.norm(f - r) <= radius for f in fake]
            for r, radius in zip(real, _naive_balls(real, k), strict=True)
        ]
        assert density_coverage(real, fake, k) == pytest.approx(
            (np.sum(inside) / (k * 50), np.any(inside, axis=1).mean())
        )


def test_density_and_coverage_of_new_samples_equal_the_paper() -> None:
    density, coverage = np.mean(
        [density_coverage(draw(300, 2, s), draw(300, 2, s + 99), k=5) for s in range(8)], axis=0
    )
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - 0.5**5, abs=0.02)


def test_a_dropped_mode_lowers_recall_and_an_invented_one_precision() -> None:
    two = np.concatenate([draw(60, 2, 0), draw(60, 2, 1) + 50])
    one = draw(120, 2, 2)
    for precision, recall in (precision_recall(two, one), density_coverage(two, one)):
        assert precision > 0.85
        assert 0.35 < recall < 0.55
    precision, recall = precision_recall(one, two)
    assert precision < 0.55
    assert recall > 0.85


# --- copies


def test_copies_are_memorised_and_distant_rows_are_not() -> None:
    train = draw(100, 4, 0)
    assert memorisation(train, train + 1e-6).share == 1
    assert memorisation(train, train + 100, reference=train) == (0.0, 1.0)
    assert memorisation(train, np.concatenate([train[:30], train[:10] + 100])).share == 0.75


@pytest.mark.parametrize("d, expected", [(1, 2 / 3), (2, 6 * np.pi / (8 * np.pi + 3 * 3**0.5))])
def test_memorisation_of_new_samples_has_a_closed_form(d: int, expected: float) -> None:
    """The share in closed form: how often neighbours are each other's nearest (Cox 1981)."""
    rng = np.random.default_rng(0)
    found = memorisation(rng.random((3000, d)), rng.random((3000, d)), rng.random((3000, d)))
    assert found.reference == pytest.approx(expected, abs=0.03)
    assert found.share == pytest.approx(expected, abs=0.03)


def test_memorisation_equals_a_loop() -> None:
    train, fake = draw(30, 3, 0), draw(25, 3, 1, 1.2)
    near = []
    for row in fake:
        distance = np.linalg.norm(train - row, axis=1)
        nearest = int(distance.argmin())
        others = np.delete(np.linalg.norm(train - train[nearest], axis=1), nearest)
        near.append(distance[nearest] < others.min())
    assert memorisation(train, fake).share == pytest.approx(np.mean(near))


# --- invariants


@given(whole_numbers(1))
def test_a_set_against_itself_is_ideal(sets: tuple[np.ndarray]) -> None:
    x = sets[0]
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert precision_recall(x, x) == (1, 1)
    density, coverage = density_coverage(x, x)
    assert coverage == 1
    assert density >= 1


@given(whole_numbers(2), st.integers(-100, 100), st.randoms())
def test_figures_are_bounded_and_invariant_to_order_and_origin(
    pair: tuple[np.ndarray, np.ndarray], shift: int, random: Any
) -> None:
    real, fake = pair
    moved = [x[random.sample(range(len(x)), len(x))] + shift for x in pair]
    assert precision_recall(*moved) == precision_recall(real, fake)
    assert density_coverage(*moved) == pytest.approx(density_coverage(real, fake))
    assert frechet_distance(*moved) == pytest.approx(frechet_distance(real, fake), abs=1e-6)
    assert kernel_distance(*(x[::-1] for x in pair)) == pytest.approx(
        kernel_distance(real, fake), abs=1e-6
    )
    assert all(
        0 <= share <= 1
        for share in (*precision_recall(real, fake), density_coverage(real, fake)[1])
    )
    assert (
        0 <= frechet_distance(real, fake) == pytest.approx(frechet_distance(fake, real), abs=1e-6)
    )


def test_memorisation_is_invariant_to_order_and_origin() -> None:
    train, fake = draw(60, 3, 0), draw(60, 3, 1)
    found = memorisation(train, fake, fake[:9])
    assert memorisation(train[::-1] + 3, fake[::-1] + 3, fake[8::-1] + 3) == found


def test_figures_do_not_depend_on_the_part_size(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(60, 4, 0), draw(45, 4, 1)

    def figures() -> list[float]:
        return [
            *precision_recall(real, fake), *density_coverage(real, fake), *memorisation(real, fake, fake[:9]),
            kernel_distance(real, fake),
        ]  # fmt: skip

    whole = figures()
    for size in (1, 130, 60 * 45):
        for where in (module, neighbours):
            monkeypatch.setattr(where, "PART_SIZE", size)
        assert figures() == pytest.approx(whole)
        assert all(
            distance.numel() <= max(size, 60)
            for _, distance in neighbours.distances(torch.tensor(fake), torch.tensor(real))
        )


def test_tensors_lists_and_float32() -> None:
    real, fake = draw(20, 2, 0), draw(20, 2, 1)
    expected = frechet_distance(real, fake)
    assert frechet_distance(torch.tensor(real), fake.tolist()) == expected
    assert frechet_distance(
        real.astype(np.float32), torch.tensor(fake, requires_grad=True)
    ) == pytest.approx(expected)


# --- all of it, and errors


def test_fidelity_returns_every_figure() -> None:
    real, fake, train = draw(40, 3, 0), draw(40, 3, 1), draw(40, 3, 2)
    found = fidelity(real, fake, lambda X: X * 2, train=train)
    assert found == {
        "frechet_distance": frechet_distance(2 * real, 2 * fake),
        "kernel_distance": kernel_distance(2 * real, 2 * fake),
        **dict(zip(["precision", "recall"], precision_recall(real, fake), strict=True)),
        **dict(zip(["density", "coverage"], density_coverage(real, fake), strict=True)),
        **dict(
            zip(
                ["memorisation", "memorisation_of_real"],
                memorisation(train, fake, real),
                strict=True,
            )
        ),
    }
    assert list(fidelity(real, fake, np.asarray)) == list(found)[:6]


@pytest.mark.parametrize("k", [0, -1, 1.5, True])
def test_k_is_a_positive_number(k: Any) -> None:
    for figure in (precision_recall, density_coverage):
        with pytest.raises(InputError, match="k="):
            figure(draw(8, 2, 0), draw(8, 2, 1), k=k)

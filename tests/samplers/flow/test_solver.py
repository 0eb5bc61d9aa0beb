"""The solver against SciPy's, polynomials that it integrates exactly, and its order of convergence."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from gen_augment.samplers.flow.solver import path_times, solve


def end_of(velocity: Callable[[Tensor, float], Tensor], x: Tensor, times: list[float]) -> Tensor:
    *_, end = solve(velocity, x, times)
    return end


@pytest.mark.parametrize("start, end", [(0.0, 1.0), (1.0, 0.0), (0.4, 1.0)])
def test_times_go_evenly_from_both_ends(start: float, end: float) -> None:
    times = np.array(path_times(7, start, end))
    assert times[[0, -1]].tolist() == [start, end]
    steps = np.diff(times) / (end - start)
    np.testing.assert_allclose(steps, steps[::-1])
    assert (np.diff(steps[:4]) > 0).all(), "steps are shorter at the ends"


def test_one_step_is_eulers() -> None:
    x = torch.randn(3, 2)
    assert path_times(1, 0.0, 1.0) == [0.0, 1.0]
    torch.testing.assert_close(end_of(lambda x, t: 2 * x, x, [0.0, 1.0]), 3 * x)


@pytest.mark.parametrize("times", [[0.0, 0.1, 0.35, 0.4, 1.0], [1.0, 0.7, 0.2, 0.0]])
def test_a_quadratic_path_is_exact_after_the_first_step(times: list[float]) -> None:
    """A velocity linear in time is extrapolated without error; Euler's step has ``h^2 / 2``."""
    found = end_of(lambda x, t: torch.full_like(x, t), torch.zeros(1), times)
    first = times[1] - times[0]
    exact = (times[-1] ** 2 - times[0] ** 2) / 2
    assert found.item() == pytest.approx(exact - first**2 / 2, abs=1e-6)


def test_a_nonlinear_equation_converges_at_second_order_to_scipys_solution() -> None:
    def slope(x: Tensor, t: float) -> Tensor:
        return torch.sin(3 * x) + t * x

    start = torch.linspace(-1, 1, 5, dtype=torch.float64)
    exact = solve_ivp(
        lambda t, x: np.sin(3 * x) + t * x, (0, 1), start.numpy(), rtol=1e-10, atol=1e-12
    ).y[:, -1]
    errors = [
        np.abs(end_of(slope, start, path_times(n, 0.0, 1.0)).numpy() - exact).max()
        for n in (50, 100, 200)
    ]
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(4, rel=0.2)

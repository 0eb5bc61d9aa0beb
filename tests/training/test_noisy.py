"""Clipping, noise and sampling of private steps, against computations by hand."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from gen_augment.errors import MissingDependencyError
from gen_augment.modalities.image.conv import ConvDecoder, ConvEncoder
from gen_augment.training import noisy
from gen_augment.training.noisy import Noise, NoisyUpdate, PoissonBatches, with_group_norm

X = torch.tensor([[3.0, 4.0], [0.3, 0.0], [0.0, -6.0], [1.0, 1.0]])
Y = torch.tensor([1.0, -1.0, 2.0, 0.0])


def loss(module: Any, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {"loss": 0.5 * (module(x)[:, 0] - y).square().mean()}


def stepped(
    multiplier: float = 0.0, expected: float = 4.0, rows: tuple[Tensor, ...] = (X, Y)
) -> Tensor:
    """The change of ``w`` by one step of gradient descent from 0, with a rate of 1."""
    module = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(module.weight)
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    noise = Noise(multiplier, 1.5, 0.5, expected, torch.ones(2), {})
    NoisyUpdate(module, optimizer, noise)(loss, *rows)
    return module.weight.detach()[0]


def by_hand(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Minus the sum of the clipped gradients ``-y x`` of single rows, over 4."""
    gradients = -y[:, None] * x
    norms = np.linalg.norm(gradients, axis=1)
    factors = np.minimum(1, 1.5 / np.maximum(norms, 1e-12))
    return np.asarray(-(gradients * factors[:, None]).sum(axis=0) / 4)


def test_gradients_of_single_rows_are_clipped() -> None:
    np.testing.assert_allclose(stepped(), by_hand(X.numpy(), Y.numpy()), atol=1e-5)


def test_one_row_changes_the_sum_by_no_more_than_the_norm() -> None:
    huge = torch.cat([X, torch.tensor([[1e6, 1e6]])]), torch.cat([Y, torch.tensor([5.0])])
    change = 4 * (stepped(rows=huge) - stepped())
    assert float(change.norm()) == pytest.approx(1.5, abs=1e-4)


def test_parts_of_a_batch_are_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stepped()
    monkeypatch.setattr(noisy, "MAX_VALUES", 2)  # one row at a time
    np.testing.assert_allclose(stepped(), whole, atol=1e-6)


def test_noise_is_added_once_and_has_its_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noisy, "MAX_VALUES", 2)
    centre = torch.from_numpy(by_hand(X.numpy(), Y.numpy()))
    draws = torch.stack([stepped(multiplier=2.0) - centre for _ in range(150)]).flatten()
    # std = multiplier * max_grad_norm / expected
    assert stats.kstest(draws.numpy() / (2.0 * 1.5 / 4), "norm").pvalue > 1e-6


def test_an_empty_batch_adds_noise_alone() -> None:
    empty = X[:0], Y[:0]
    assert stepped(rows=empty).tolist() == [0, 0]
    assert stepped(multiplier=1.0, rows=empty).abs().min() > 0


def test_a_row_without_a_finite_gradient_counts_as_zero() -> None:
    bad = torch.cat([X, torch.tensor([[float("inf"), 1.0]])]), torch.cat([Y, torch.ones(1)])
    np.testing.assert_allclose(stepped(rows=bad), stepped(), atol=1e-6)


def test_without_opacus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opacus.optimizers", None)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[privacy\]"):
        stepped()


def test_noise_does_not_follow_the_seed() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        np.random.seed(0)
        found.append(stepped(multiplier=1.0).tolist())
    assert found[0] != found[1]


def test_poisson_batches() -> None:
    n, rate = 400, 0.1
    batches = PoissonBatches(torch.arange(n).float()[:, None], torch.arange(n), rate)
    drawn = [batches.at(step)[1] for step in range(500)]
    sizes = np.array([len(y) for y in drawn])
    assert sizes.std() == pytest.approx((n * rate * (1 - rate)) ** 0.5, rel=0.15)
    counts = torch.bincount(torch.cat(drawn), minlength=n).numpy()
    assert (
        stats.kstest(
            counts + np.random.default_rng(0).random(n) - 0.5, stats.norm(50, 45**0.5).cdf
        ).pvalue
        > 1e-3
    )
    assert all(len(set(y.tolist())) == len(y) for y in drawn[:20])
    everything = PoissonBatches(torch.zeros(5, 1), torch.arange(5), 1.0)
    assert everything.at(0)[1].tolist() == [0, 1, 2, 3, 4]


def test_no_row_reaches_another_through_a_norm() -> None:
    for network, inputs in (
        (ConvEncoder((1, 28, 28), 8), (torch.randn(4, 1, 28, 28),)),
        (ConvDecoder((1, 28, 28), 5, 3, 8), (torch.randn(4, 5), torch.randn(4, 3))),
    ):
        network = with_group_norm(network).train()
        assert not any(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in network.modules())
        alone = torch.cat([network(*(x[i : i + 1] for x in inputs)) for i in range(4)])
        torch.testing.assert_close(network(*inputs), alone, atol=1e-5, rtol=1e-4)

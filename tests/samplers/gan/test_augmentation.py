"""The adaptive probability against its definition."""

import pytest
import torch

from gen_augment.samplers.gan.augmentation import AdaptiveProbability


@pytest.mark.parametrize("overfitting", [1.0, 0.0])
def test_probability_moves_steadily_to_its_bounds(overfitting: float) -> None:
    adaptive = AdaptiveProbability(0.1, 0.6, n_steps=100)
    adaptive.p.fill_(0.4)
    for step in range(1, 60):
        adaptive.update(torch.tensor([overfitting, overfitting, overfitting, overfitting]))
        expected = min(0.6, 0.4 + step / 100) if overfitting else max(0.1, 0.4 - step / 100)
        assert float(adaptive.p) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("start", [0.0, 0.8])
def test_probability_settles_where_the_sign_is_on_target(start: float) -> None:
    # Of real rows, a share of 1 - p / 2 scores above 0: E sign = 1 - p, which is 0.6 at p = 0.4.
    generator = torch.Generator().manual_seed(0)
    adaptive = AdaptiveProbability(0.0, target=0.6, n_steps=500)
    adaptive.p.fill_(start)
    seen = []
    for step in range(3000):
        adaptive.update((torch.rand(64, generator=generator) > adaptive.p / 2).float() - 0.5)
        if step > 1000:
            seen.append(float(adaptive.p))
    assert abs(sum(seen) / len(seen) - 0.4) < 0.02
    assert max(abs(p - 0.4) for p in seen) < 0.1
    copied = AdaptiveProbability(0.1)
    copied.load_state_dict(adaptive.state_dict())
    assert torch.equal(copied.p, adaptive.p)
    assert torch.equal(copied.mean_sign, adaptive.mean_sign)

"""Differentiable augmentation and the moving average, against what their definitions say."""

from typing import Any

import pytest
import torch
from torch import nn

from gen_augment.modalities.image.diffaugment import AdaptiveProbability, diff_augment
from gen_augment.training import EMA


def test_shift_moves_whole_images_and_fills_with_the_lowest_value() -> None:
    torch.manual_seed(0)
    x = torch.full((64, 1, 16, 16), -1.0)
    x[:, :, 8, 8] = 1.0
    moved = diff_augment(x, shift=0.125, cutout=0)
    where = (moved[:, 0] == 1).nonzero()
    assert len(where) == 64  # one bright pixel each, wherever it went
    offsets = where[:, 1:] - 8
    assert offsets.abs().max() == 2
    assert len(torch.unique(offsets, dim=0)) > 15
    assert (moved == -1).sum() == 64 * 255


def test_a_share_of_the_images_is_changed() -> None:
    torch.manual_seed(0)
    x = torch.ones(1000, 1, 8, 8)
    changed = (diff_augment(x, p=0.25, cutout=0.5) != x).any(dim=(1, 2, 3)).float().mean()
    assert abs(changed - 0.25) < 4 * (0.25 * 0.75 / 1000) ** 0.5


def test_gradient_reaches_the_pixels_that_are_seen() -> None:
    torch.manual_seed(0)
    x = torch.rand(8, 3, 16, 16, requires_grad=True)
    diff_augment(x, colour=True, scale=0.2, p=torch.tensor(0.5)).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_cutout_blanks_a_square_of_the_stated_side() -> None:
    torch.manual_seed(0)
    blank = (diff_augment(torch.ones(200, 1, 16, 16), shift=0, cutout=0.25) == 0).sum(dim=(1, 2, 3))
    assert (
        blank.max() == 16 or blank.max() == 9
    )  # a square of 4 px, one less where the centre is a pixel
    assert blank.min() > 0


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_average_follows_its_recurrence(decay: float) -> None:
    layer = nn.BatchNorm1d(2)
    ema = EMA(layer, decay)
    update = ema.follow(layer)
    expected = layer.weight.detach().clone()
    for t in range(30):
        layer.weight.data += 1
        layer.running_mean += 1
        update()
        d = min(decay, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * layer.weight.detach()
    torch.testing.assert_close(ema.module.weight.detach(), expected)
    torch.testing.assert_close(ema.module.running_mean, expected - 1)
    assert int(ema.n_updates) == 30
    assert not any(p.requires_grad for p in ema.parameters())


@pytest.mark.parametrize("params", [{"colour": True}, {"scale": 0.2, "cutout": 0.5}])
def test_probability_as_a_tensor_is_the_same_probability(params: dict[str, Any]) -> None:
    x = torch.rand(32, 3, 12, 10)
    outputs = []
    for p in (0.3, torch.tensor(0.3)):
        torch.manual_seed(1)
        outputs.append(diff_augment(x, p=p, **params))
    assert torch.equal(*outputs)
    assert torch.equal(diff_augment(x, p=torch.tensor(0.0), **params), x)
    assert (diff_augment(x, p=torch.tensor(1.0), **params) != x).any(dim=(1, 2, 3)).all()


def test_scale_enlarges_and_shrinks_about_the_centre() -> None:
    torch.manual_seed(0)
    x = torch.full((400, 1, 33, 33), -1.0)
    x[:, :, 8:25, 8:25] = 1.0
    scaled = diff_augment(x, shift=0, cutout=0, scale=0.2)
    side = ((scaled[:, 0] + 1) / 2).sum(dim=(1, 2)).sqrt()
    logs = torch.log2(side / 17)
    assert abs(float(logs.mean())) < 0.03
    assert abs(float(logs.std()) - 0.2) < 0.03
    assert (scaled - scaled.flip(-1)).abs().max() < 1e-4
    assert scaled.min() >= -1


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

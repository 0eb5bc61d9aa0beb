"""Differentiable augmentation and the moving average, against what their definitions say."""

import pytest
import torch
from torch import nn

from gen_augment.training import EMA, diff_augment


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
    diff_augment(x, colour=True).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_cutout_blanks_a_square_of_the_stated_side() -> None:
    torch.manual_seed(0)
    blank = (diff_augment(torch.ones(200, 1, 16, 16), shift=0, cutout=0.25) == 0).sum(dim=(1, 2, 3))
    assert blank.max() == 16 or blank.max() == 9  # a square of 4 px, one less where the centre is a pixel
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

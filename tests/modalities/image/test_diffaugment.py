"""Differentiable augmentation against its definition."""

from typing import Any

import pytest
import torch

from gen_augment.modalities.image.diffaugment import diff_augment


def test_shift_moves_whole_images_and_fills_with_minus_one() -> None:
    torch.manual_seed(0)
    x = torch.full((64, 1, 16, 16), -1.0)
    x[:, :, 8, 8] = 1.0
    moved = diff_augment(x, shift=0.125, cutout=0)
    where = (moved[:, 0] == 1).nonzero()
    assert len(where) == 64  # one bright pixel each
    offsets = where[:, 1:] - 8
    assert offsets.abs().max() == 2
    assert len(torch.unique(offsets, dim=0)) > 15
    assert (moved == -1).sum() == 64 * 255


def test_a_share_of_the_images_is_changed() -> None:
    torch.manual_seed(0)
    x = torch.ones(1000, 1, 8, 8)
    changed = (diff_augment(x, p=0.25, cutout=0.5) != x).any(dim=(1, 2, 3)).float().mean()
    assert abs(changed - 0.25) < 4 * (0.25 * 0.75 / 1000) ** 0.5


def test_gradient_reaches_the_pixels() -> None:
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
    )  # a square of 4 px, or 3 px if its centre is a pixel
    assert blank.min() > 0


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

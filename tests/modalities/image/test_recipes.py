"""Recipes of image augmentation against their definitions."""

import itertools
import sys
from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torchvision.transforms import v2

from gen_augment.errors import MissingDependencyError
from gen_augment.modalities.image import recipes as batches
from gen_augment.modalities.image.recipes import (
    RECIPES,
    augmix,
    classic,
    cutmix,
    cutout,
    flip,
    mixup,
    operations,
    randaugment,
    shift,
)
from gen_augment.study.arms import Arm


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def labels(n: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.arange(n) % 3, 3).float()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_step_keeps_form_and_range_and_repeats_from_the_seed(
    name: str, channels: int
) -> None:
    x = torch.rand(24, channels, 12, 10) * 2 - 1
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(RECIPES[name](x.clone(), labels(24)))
    for images, y in found:
        assert (images.shape, images.dtype, y.shape) == (x.shape, torch.float32, (24, 3))
        assert images.abs().max() <= 1 + 1e-6
        torch.testing.assert_close(y.sum(dim=1), torch.ones(24))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert not torch.equal(found[0][0], found[2][0])
    assert not torch.equal(found[0][0], x)


def test_cutout_blanks_a_square_of_half_the_side() -> None:
    changed, _ = cutout(torch.ones(200, 1, 16, 16), labels(200))
    blank = (changed == 0).flatten(2).sum(dim=2)
    assert 49 <= blank.max() <= 64
    assert blank.min() >= 12  # squares at the border are cut off
    assert set(changed.unique().tolist()) == {0.0, 1.0}


def test_cutmix_mixes_labels_by_area() -> None:
    """All pixels of image i are i, so that areas can be counted."""
    n = 30
    images = torch.arange(n).float().reshape(n, 1, 1, 1).expand(n, 1, 12, 12)
    one_hot = torch.eye(n)
    changed, y = cutmix(images, one_hot)
    area = torch.stack([(changed == i).flatten(1).float().mean(dim=1) for i in range(n)], dim=1)
    torch.testing.assert_close(y, area, atol=1e-5, rtol=0)


@pytest.mark.parametrize("step", [randaugment, augmix, classic])
def test_images_are_changed_independently(step: batches.BatchStep) -> None:
    image = (torch.rand(1, 1, 16, 16) * 2 - 1).expand(60, 1, 16, 16)
    changed, y = step(image, labels(60))
    assert len({row.numpy().tobytes() for row in changed}) > 20
    torch.testing.assert_close(y, labels(60))
    # Images stay recognisable: most are nearer to the original than to noise.
    assert np.corrcoef(changed.mean(dim=0).flatten(), image[0].flatten())[0, 1] > 0.3


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 30)])
def test_operations_of_randaugment_are_those_of_torchvision(shape: tuple[int, ...]) -> None:
    image = torch.randint(20, 200, shape, dtype=torch.uint8)
    policy = v2.RandAugment(num_ops=1, magnitude=9)
    theirs = torch.stack([policy(image) for _ in range(600)]).unique(dim=0).int()
    ours = (
        torch.cat([make(image[None], sign) for make, sign in product(operations(), (1, -1))])
        .unique(dim=0)
        .int()
    )
    apart = (ours[:, None] - theirs[None]).abs().flatten(2).float()
    nearest = apart.mean(dim=2).argmin(dim=0)
    assert sorted(nearest.tolist()) == list(range(len(ours)))
    assert (
        apart[nearest, torch.arange(len(theirs))].max() <= 1
    )  # the factor of a colour is rounded twice
    # The result for an image does not depend on the other images.
    batch = torch.stack([image, image.flip(-1), 255 - image // 2])
    for make, sign in product(operations(), (1, -1)):
        torch.testing.assert_close(
            make(batch, sign), torch.cat([make(x[None], sign) for x in batch]), rtol=0, atol=0
        )


def test_operations_of_randaugment_are_equally_frequent() -> None:
    image = torch.randint(0, 256, (1, 1, 9, 8), dtype=torch.uint8)
    steps = list(product(operations(), (1, -1)))
    expected = Counter(
        b(a(image, s), t).numpy().tobytes() for (a, s), (b, t) in product(steps, steps)
    )
    n = 40 * len(steps) ** 2
    x, _ = randaugment((image / 127.5 - 1).expand(n, 1, 9, 8), labels(n))
    found = Counter(row.numpy().tobytes() for row in ((x + 1) * 127.5).round().to(torch.uint8))
    assert found.keys() <= expected.keys()
    assert (
        chisquare([found[k] for k in expected], [40 * expected[k] for k in expected]).pvalue > 1e-3
    )


def test_of_four_channels_colours_change_the_first_three_and_moves_all() -> None:
    images = torch.randint(20, 200, (1, 4, 16, 16), dtype=torch.uint8)
    for number, operation in enumerate(operations()):
        changed = batches._apply(number, images.clone(), 1)
        torch.testing.assert_close(changed[:, :3], operation(images[:, :3], 1))
        moved = operation(images[:, 3:], 1) if number in batches._GEOMETRIC else images[:, 3:]
        torch.testing.assert_close(changed[:, 3:], moved)


def test_recipe_without_albumentations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    batches._classic_recipe.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[albumentations\]"):
        classic(torch.zeros(1, 1, 8, 8), labels(1))


def test_functions_and_recipes_are_applied_in_order() -> None:
    arm = Arm("own", batch_steps=(lambda x, y: (x + 1, y), "flip", lambda x, y: (x * 2, y)))
    found, _ = arm.transform(torch.zeros(2, 1, 4, 4), labels(2), RECIPES)
    assert (found == 2).all()


def one_pixel(batch: int, height: int, width: int) -> torch.Tensor:
    x = torch.full((batch, 1, height, width), -1.0)
    x[:, :, height // 2, width // 2] = 1.0
    return x


@settings(max_examples=40, deadline=None)
@given(height=st.integers(8, 40), width=st.integers(8, 40), seed=st.integers(0, 1000))
def test_shift_moves_content_by_at_most_its_limit(height: int, width: int, seed: int) -> None:
    torch.manual_seed(seed)
    y = torch.rand(64, 3)
    shifted, labels = shift(one_pixel(64, height, width), y)

    image, _, row, column = torch.nonzero(shifted == 1.0, as_tuple=True)
    assert image.tolist() == list(range(64))
    assert (row - height // 2).abs().max() <= max(1, round(height / 14))
    assert (column - width // 2).abs().max() <= max(1, round(width / 14))
    assert shifted.sum() == one_pixel(64, height, width).sum()
    torch.testing.assert_close(labels, y)


@pytest.mark.parametrize(
    "height, width, down, across", [(28, 28, 2, 2), (8, 64, 1, 5), (32, 10, 2, 1)]
)
def test_shift_moves_in_every_direction(height: int, width: int, down: int, across: int) -> None:
    torch.manual_seed(0)
    shifted, _ = shift(one_pixel(1000, height, width), torch.zeros(1000, 2))
    _, _, row, column = torch.nonzero(shifted == 1.0, as_tuple=True)
    moves = {
        (r - height // 2, c - width // 2)
        for r, c in zip(row.tolist(), column.tolist(), strict=True)
    }
    assert moves == set(itertools.product(range(-down, down + 1), range(-across, across + 1)))


def test_shift_fills_with_black() -> None:
    assert set(shift(torch.ones(50, 3, 28, 28), torch.zeros(50, 2))[0].unique().tolist()) == {
        -1.0,
        1.0,
    }


def test_flip_mirrors_about_half_of_the_images() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(400, 3, 8, 9), torch.rand(400, 2)
    flipped, labels = flip(x, y)
    same = (flipped == x).flatten(1).all(dim=1)
    mirrored = (flipped == x.flip(-1)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 150 < int(mirrored.sum()) < 250
    torch.testing.assert_close(labels, y)


def test_mixup_mixes_labels_as_it_mixes_images() -> None:
    """Images are one-hot codes of their number, so that the weights of a mixture are visible."""
    torch.manual_seed(0)
    n, weights = 16, []
    images = torch.eye(n).reshape(n, 1, 4, 4)
    y = torch.nn.functional.one_hot(torch.arange(n) % 3, 3).float()
    for _ in range(30):
        mixed, labels = mixup(images, y)
        of_images = mixed.reshape(n, n)  # row: mixture, column: weight of each image
        torch.testing.assert_close(of_images.sum(dim=1), torch.ones(n))
        assert (of_images >= 0).all()
        torch.testing.assert_close(labels, of_images @ y)
        torch.testing.assert_close(labels.sum(dim=1), torch.ones(n))
        assert (torch.diagonal(of_images) > 0).all()
        weights.append(of_images[0, 0].item())
    assert len(set(weights)) > 20

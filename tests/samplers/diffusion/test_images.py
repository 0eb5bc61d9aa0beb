"""Sizes and channels of images."""

import pytest
import torch

from gen_augment import InputError
from gen_augment.samplers.diffusion.images import from_pipeline, in_parts, to_pipeline


def test_grey_images_are_repeated_and_averaged() -> None:
    grey = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    colour = to_pipeline(grey, 3, (8, 8))
    assert torch.equal(colour, grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(from_pipeline(colour / 2 + 0.5, (1, 8, 8)), grey)
    with pytest.raises(InputError, match="images with 4 channels cannot be turned into 3"):
        to_pipeline(torch.zeros(1, 4, 8, 8), 3, (8, 8))


def test_sizes_are_changed_and_the_mean_is_kept() -> None:
    images = torch.rand(2, 3, 12, 20) * 2 - 1
    made = to_pipeline(images, 3, (8, 8))
    assert made.shape == (2, 3, 8, 8)
    torch.testing.assert_close(made.mean(), images.mean(), atol=0.03, rtol=0)
    assert from_pipeline(torch.rand(2, 3, 8, 8), (3, 12, 20)).shape == (2, 3, 12, 20)


def test_parts_have_at_most_the_size() -> None:
    sizes: list[int] = []

    def make(part: slice) -> torch.Tensor:
        rows = torch.arange(7)[part]
        sizes.append(len(rows))
        return rows

    assert in_parts(7, 3, make).tolist() == list(range(7))
    assert sizes == [3, 3, 1]

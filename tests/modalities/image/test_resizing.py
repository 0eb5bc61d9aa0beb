"""Bringing images to one size, against torchvision's transforms."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pil
from torchvision.transforms import v2

from gen_augment import InputError
from gen_augment.modalities import Image
from gen_augment.modalities.image.resizing import (
    check_image_size,
    crop_box,
    resize_all,
    resize_pil,
)


def photograph(width: int, height: int, mode: str = "RGB") -> Pil.Image:
    """A smooth picture, so that resizing has one right answer."""
    across, down = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    planes = [np.sin(across + k) * np.cos(down * (k + 1)) for k in range(4)]
    values = (127 * np.stack(planes, axis=-1) + 128).astype(np.uint8)
    if mode == "L":
        return Pil.fromarray(values[..., 0])
    return Pil.fromarray(values[..., : len(mode)])


@pytest.mark.parametrize("size", [(320, 200), (200, 320), (64, 64), (40, 90)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("center_crop", [True, False])
def test_pil_images_become_what_torchvision_makes_of_them(
    size: tuple[int, int], mode: str, center_crop: bool
) -> None:
    image = photograph(*size, mode)
    made = resize_pil(image, (64, 64), center_crop=center_crop)
    steps = [v2.Resize(64), v2.CenterCrop(64)] if center_crop else [v2.Resize((64, 64))]
    expected = v2.Compose(steps)(image)
    difference = np.asarray(made, int) - np.asarray(expected, int)
    assert np.abs(difference).max() <= (1 if center_crop else 0)
    assert (made.mode, made.size) == (mode, (64, 64))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("layout", ["HW", "HWC", "CHW"])
def test_arrays_and_tensors_keep_dtype_and_axes(dtype: Any, layout: str) -> None:
    pixels = np.asarray(photograph(100, 80)).astype(dtype)
    image = {"HW": pixels[..., 0], "HWC": pixels, "CHW": pixels.transpose(2, 0, 1)}[layout]
    made = resize_all([image, image], (16, 24), center_crop=True)
    shape = {"HW": (16, 24), "HWC": (16, 24, 3), "CHW": (3, 16, 24)}[layout]
    assert (made.shape, made.dtype) == ((2, *shape), np.dtype(dtype))
    as_pil = resize_pil(photograph(100, 80), (16, 24), center_crop=True)
    expected = np.asarray(as_pil, float)
    found = made[0].astype(float)
    found = found.transpose(1, 2, 0) if layout == "CHW" else found
    expected = expected[..., 0] if layout == "HW" else expected
    assert np.abs(found - expected).max() <= 8  # arrays are cropped at whole pixels
    if np.dtype(dtype).isnative and dtype is not np.uint16:
        tensors = [torch.from_numpy(image.copy())] * 2
        assert np.array_equal(resize_all(tensors, (16, 24), center_crop=True).numpy(), made)


def test_images_of_the_size_are_not_touched() -> None:
    X = np.random.default_rng(0).integers(0, 255, (3, 16, 24, 3), dtype=np.uint8)
    assert resize_all(X, (16, 24), center_crop=True) is X
    image = photograph(24, 16)
    assert resize_pil(image, (16, 24), center_crop=True) is image


def test_a_panorama_is_cropped_before_it_is_resized() -> None:
    panorama = Pil.new("RGB", (40_000, 100), (10, 20, 30))
    made = resize_pil(panorama, (64, 64), center_crop=True)
    assert made.getpixel((5, 5)) == (10, 20, 30)
    assert crop_box((100, 40_000), (64, 64), center_crop=True) == (19_950, 0, 20_050, 100)


def test_an_image_that_is_too_small_is_named() -> None:
    images = [photograph(30, 30), photograph(1, 300)]
    with pytest.raises(InputError, match="row 1 of X: an image of 1 x 300 px is too small"):
        resize_all(images, (16, 16), center_crop=True)


@pytest.mark.parametrize("size", [7, 1025, 0, -3, True, 12.5, "64", (64,), (64, 64, 3), (64, 4)])
def test_bad_sizes_are_refused(size: Any) -> None:
    with pytest.raises(InputError, match=r"image_size=.*sides of 8 to 1,024 px"):
        check_image_size(size)
    with pytest.raises(InputError, match="image_size="):
        Image(image_size=size)


def test_sizes_are_read_as_torchvision_reads_them() -> None:
    assert check_image_size(64) == (64, 64)
    assert check_image_size([48, 64]) == (48, 64)
    assert check_image_size(None) is None

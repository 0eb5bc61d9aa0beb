"""Pixels of images in any container, as one array."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gen_augment import InputError
from gen_augment.modalities.image.pixels import (
    element,
    infer_layout,
    plain_mode,
    read_pixels,
    to_nchw,
)

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "X, container, dtype",
    [
        (PIXELS, "ndarray", "uint8"),
        (PIXELS.astype(">i2"), "ndarray", ">i2"),
        (torch.from_numpy(PIXELS), "tensor", "uint8"),
        (torch.from_numpy(PIXELS).bfloat16(), "tensor", "bfloat16"),
        ([Image.fromarray(image) for image in PIXELS], "pil", "uint8"),
    ],
)
def test_pixels_of_every_container(X: Any, container: str, dtype: str) -> None:
    found, values, name = read_pixels(X)
    assert (found, name) == (container, dtype)
    assert values.dtype.isnative
    np.testing.assert_array_equal(values, PIXELS)


@pytest.mark.parametrize(
    "shape, layout",
    [((5, 8, 9), "NHW"), ((5, 3, 8, 9), "NCHW"), ((5, 8, 9, 4), "NHWC"), ((5, 1, 8, 3), "NCHW")],
)
def test_the_channel_axis_is_found(shape: tuple[int, ...], layout: str) -> None:
    assert infer_layout(shape) == layout
    array = np.zeros(shape)
    channels = {"NHW": 1, "NCHW": shape[1], "NHWC": shape[-1]}[layout]
    view = to_nchw(array, layout)
    assert view.shape[:2] == (5, channels)
    assert np.shares_memory(view, array)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: infer_layout((2, 8)), r"2 dimensions, shape \(2, 8\)"),
        (lambda: infer_layout((2, 8, 8, 5)), "no channel axis of size 1, 3 or 4"),
        (lambda: read_pixels(np.array(["a"])), "dtype <U1: images are numbers"),
        (lambda: read_pixels(torch.zeros(2, 8, 8, dtype=torch.complex64)), "complex64"),
        (lambda: read_pixels(torch.zeros(2, 8).to_sparse()), "sparse"),
        (lambda: read_pixels(3), "X is a int: give images"),
        (lambda: read_pixels([Image.new("L", (4, 4)), "a"]), "its row 1 is a str"),
        (lambda: read_pixels([Image.new("F", (4, 4))] * 2), "PIL mode 'F'"),
        (
            lambda: read_pixels([Image.new("L", (4, 4)), Image.new("L", (5, 4))]),
            "2 different modes or",
        ),
    ],
)
def test_unusable_images_are_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_black_and_white_becomes_grey_and_palettes_become_rgb() -> None:
    modes = {mode: plain_mode(Image.new(mode, (2, 2))).mode for mode in ("1", "P", "L", "RGBA")}
    assert modes == {"1": "L", "P": "RGB", "L": "L", "RGBA": "RGBA"}
    assert (element(">f4"), element("bfloat16")) == ("float32", "bfloat16")

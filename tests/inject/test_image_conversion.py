"""Images and rows of every form, each written in the form of the other; against torchvision's own conversions."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from gen_augment import InputError
from gen_augment.inject.image_conversion import blend, to_image, to_rows
from gen_augment.modalities import ImageCodec


def planes_of(P: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    return F.to_dtype(torch.from_numpy(P), dtype, scale=True)


# Each function takes images (n, C, H, W) of uint8. Grey images may have no channel axis.
ROWS: dict[str, Callable[[np.ndarray], Any]] = {
    "array-nchw": lambda P: P,
    "array-nhwc": lambda P: P.transpose(0, 2, 3, 1),
    "array-float32": lambda P: planes_of(P, torch.float32).numpy(),
    "array-big-endian": lambda P: (
        planes_of(P, torch.float64).permute(0, 2, 3, 1).numpy().astype(">f8")
    ),
    "tensor-nchw": lambda P: torch.from_numpy(P),
    "tensor-nhwc-float": lambda P: planes_of(P, torch.float32).permute(0, 2, 3, 1).contiguous(),
    "pil": lambda P: [Image.fromarray(p[0] if len(p) == 1 else p.transpose(1, 2, 0)) for p in P],
    "array-nhw": lambda P: P[:, 0],
    "tensor-nhw": lambda P: planes_of(P, torch.float64)[:, 0],
}
IMAGES: dict[str, Callable[[np.ndarray], Any]] = {
    "pil": lambda p: Image.fromarray(p[0] if len(p) == 1 else p.transpose(1, 2, 0)),
    "tensor": lambda p: torch.from_numpy(p),
    "tensor-float": lambda p: planes_of(p, torch.float32),
    "tensor-double": lambda p: planes_of(p, torch.float64),
    "tv": lambda p: tv_tensors.Image(torch.from_numpy(p)),
    "tv-float": lambda p: tv_tensors.Image(planes_of(p, torch.float32)),
    "array-hwc": lambda p: p.transpose(1, 2, 0),
    "array-hwc-float": lambda p: planes_of(p, torch.float32).permute(1, 2, 0).numpy(),
    "array-hw": lambda p: p[0],
    "tensor-hw": lambda p: torch.from_numpy(p)[0],
}
GREY_ONLY = {"array-nhw", "tensor-nhw", "array-hw", "tensor-hw"}


def assert_same(a: Any, b: Any) -> None:
    """Equal in type, dtype, shape and values."""
    assert type(a) is type(b)
    if isinstance(a, Image.Image):
        assert (a.mode, a.size) == (b.mode, b.size)
    else:
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
    if isinstance(a, torch.Tensor) and a.is_floating_point():
        torch.testing.assert_close(
            a.as_subclass(torch.Tensor), b.as_subclass(torch.Tensor), rtol=0, atol=1e-7
        )
    elif isinstance(a, np.ndarray) and a.dtype.kind == "f":
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
    else:
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def pictures(channels: int, seed: int = 0, height: int = 9, width: int = 8) -> np.ndarray:
    P = np.random.default_rng(seed).integers(0, 256, (4, channels, height, width), dtype=np.uint8)
    P[0, :, 0, :2] = 0, 255
    return P


@pytest.mark.parametrize(
    "row_form, image_form, channels",
    [(r, i, c) for r, i, c in product(ROWS, IMAGES, (1, 3)) if c == 1 or not {r, i} & GREY_ONLY]
    + [("pil", "pil", 4)],
)
def test_every_form_of_row_goes_into_every_form_of_image_and_back(
    row_form: str, image_form: str, channels: int
) -> None:
    P = pictures(channels)
    rows = ROWS[row_form](P)
    codec, _ = ImageCodec.fit(rows)
    template = IMAGES[image_form](P[3])
    for number in range(3):
        image = IMAGES[image_form](P[number])
        assert_same(to_image(rows[number], codec, template), image)
        back = to_rows(image, codec)
        assert len(back) == 1
        assert_same(back[0], rows[number])
        codec.encode(back)  # has the fitted form
    assert_same(template, IMAGES[image_form](P[3]))


@given(
    seed=st.integers(0, 2**32),
    channels=st.sampled_from([1, 3]),
    height=st.integers(8, 20),
    width=st.integers(8, 20),
    forms=st.tuples(
        st.sampled_from(sorted(ROWS.keys() - GREY_ONLY)),
        st.sampled_from(sorted(IMAGES.keys() - GREY_ONLY)),
    ),
)
def test_conversions_are_inverse_to_each_other(
    seed: int, channels: int, height: int, width: int, forms: tuple[str, str]
) -> None:
    P = pictures(channels, seed, height, width)
    rows, image = ROWS[forms[0]](P), IMAGES[forms[1]](P[1])
    codec, _ = ImageCodec.fit(rows)
    assert_same(to_image(to_rows(image, codec)[0], codec, image), image)


def test_results_share_no_memory_with_the_image() -> None:
    P = pictures(3)
    codec, _ = ImageCodec.fit(P)
    image = torch.from_numpy(P[0].copy())
    before = image.clone()
    blend(image, to_image(P[1], codec, image), 1.0).zero_()
    assert torch.equal(image, before)


def test_read_only_and_strided_images_are_read() -> None:
    P = pictures(3)
    codec, _ = ImageCodec.fit(P)
    flipped = P[0].transpose(1, 2, 0)[:, ::-1]
    np.testing.assert_array_equal(to_rows(flipped, codec)[0], P[0][..., ::-1])
    flipped.flags.writeable = False
    np.testing.assert_array_equal(to_rows(flipped, codec)[0], P[0][..., ::-1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats_are_floats(dtype: torch.dtype) -> None:
    P = pictures(1)
    rows = planes_of(P, torch.float32).to(dtype)
    codec, _ = ImageCodec.fit(rows)
    assert torch.equal(to_image(rows[1], codec, torch.zeros(1, 9, 8)), rows[1].float())
    assert torch.equal(to_rows(rows[1].float(), codec)[0], rows[1])
    grey = to_image(rows[1], codec, torch.zeros(1, 9, 8, dtype=torch.uint8))
    assert (
        grey.int() - torch.from_numpy(P[1]).int()
    ).abs().max() <= 2  # of 255: the rounding of short floats


def test_normalised_rows_go_into_normalised_images_as_they_are() -> None:
    rows = planes_of(pictures(3), torch.float32).sub(0.4).div(0.2)
    codec, _ = ImageCodec.fit(rows)
    assert torch.equal(to_image(rows[0], codec, rows[1]), rows[0])
    assert torch.equal(to_rows(rows[0], codec)[0], rows[0])
    with pytest.raises(InputError, match=r"float32 from -2 to 3.*uint8"):
        to_image(rows[0], codec, torch.from_numpy(pictures(3)[0]))
    with pytest.raises(InputError, match=r"uint8.*floats from -2 to 3"):
        to_rows(torch.from_numpy(pictures(3)[0]), codec)


def test_whole_numbers_go_where_they_fit_and_black_is_0_and_white_1() -> None:
    P = pictures(1)
    wide, _ = ImageCodec.fit(P.astype(np.int64))
    assert_same(to_image(P[0].astype(np.int64), wide, P[1][0]), P[0][0])
    assert_same(to_rows(P[0][0], wide)[0], P[0].astype(np.int64))
    beyond, _ = ImageCodec.fit(P.astype(np.int16) * 2)
    with pytest.raises(InputError, match=r"from 0 to 510 cannot be written as torch.uint8"):
        to_image(P[0].astype(np.int16), beyond, P[1][0])
    with pytest.raises(InputError, match=r"int64.*cannot be written as torch.float32"):
        to_image(P[0].astype(np.int64), wide, torch.zeros(1, 9, 8))
    ink, _ = ImageCodec.fit(P > 99)
    assert_same(
        to_image(P[0] > 99, ink, torch.from_numpy(P[1])),
        torch.from_numpy((P[0] > 99) * np.uint8(255)),
    )
    assert_same(
        to_image(P[0] > 99, ink, torch.zeros(1, 9, 8)),
        torch.from_numpy((P[0] > 99).astype(np.float32)),
    )


def test_an_image_that_is_normalised_is_no_place_for_whole_numbers() -> None:
    P = pictures(1)
    codec, _ = ImageCodec.fit(P)
    image = planes_of(P[0], torch.float32)
    for normalised in ((image - 0.5) / 0.5, image * 255):
        for call in (lambda x: to_image(P[0], codec, x), lambda x: to_rows(x, codec)):
            with pytest.raises(InputError, match="before they are normalised"):
                call(normalised)
    overshooting = image * 1.2 - 0.1  # as after v2.Resize with bicubic interpolation
    assert to_rows(overshooting, codec).max() == 255
    assert torch.equal(to_image(P[0], codec, overshooting), image)


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((10, 8, 1), np.uint8), r"1 x 10 x 8, and rows .* 1 x 9 x 8.*resize"),
        (Image.new("RGB", (8, 9)), r"3 x 9 x 8, and rows .* 1 x 9 x 8"),
        (Image.new("L", (9, 8)), r"1 x 8 x 9, and"),
        (Image.new("P", (8, 9)), r"mode 'P'; it may be 'L' or 'RGB' or 'RGBA'"),
        (torch.zeros(2, 1, 9, 8), r"shape \(2, 1, 9, 8\).*SyntheticMix"),
        (np.zeros(9), r"array of shape \(9,\)"),
        (np.full((9, 8), "a"), "is a ndarray"),
        ("picture.png", "is a str: give a PIL image"),
    ],
)
def test_images_that_do_not_fit_are_refused_and_never_resized(image: Any, message: str) -> None:
    P = pictures(1)
    codec, _ = ImageCodec.fit(P)
    with pytest.raises(InputError, match=message):
        to_image(P[0], codec, image)
    with pytest.raises(InputError, match=message):
        to_rows(image, codec)


@pytest.mark.parametrize("form", IMAGES)
def test_blend_is_exact_at_both_ends_and_rounds_between(form: str) -> None:
    P = pictures(1)
    a, b = IMAGES[form](P[0]), IMAGES[form](P[1])
    assert_same(blend(a, b, 0.0), a)
    assert_same(blend(a, b, 1.0), b)
    x, y, mixed = (np.asarray(image).astype(np.float64) for image in (a, b, blend(a, b, 0.3)))
    atol = {np.uint8: 0.5001, np.float32: 1e-6, np.float64: 1e-14}[np.asarray(a).dtype.type]
    np.testing.assert_allclose(mixed, 0.7 * x + 0.3 * y, rtol=0, atol=atol)


@pytest.mark.parametrize("call", [to_image, to_rows], ids=["to_image", "to_rows"])
def test_numbers_of_one_kind_and_another_range_are_refused(call: Any) -> None:
    P = pictures(3).transpose(0, 2, 3, 1)
    unit, wide, deep = P / 255.0, (P - 128.0) / 64, P.astype(np.uint16) * 257
    bad = [(P, deep), (unit, wide), (unit, P * 1.0), (wide, P * 1.0)]
    for rows, images in bad:
        codec, row, image = ImageCodec.fit(rows)[0], rows[0], images[0]
        with pytest.raises(InputError, match="before they are normalised"):
            call(*((row, codec, image) if call is to_image else (image, codec)))
    for rows, images in ((unit, unit + 0.1), (wide, wide * 1.4)):
        codec, row, image = ImageCodec.fit(rows)[0], rows[0], images[0]
        call(*((row, codec, image) if call is to_image else (image, codec)))

"""Images keep their form and range. Errors name what cannot be encoded."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gen_augment import ArchiveError, InputError
from gen_augment.modalities import (
    DataSpec,
    ImageCodec,
    codec_from_json,
    codec_to_json,
    find_modality,
    get_modality,
)
from gen_augment.modalities import Image as ImageModality
from tests.conftest import FORMS, as_form

IMAGE_FORMS = [form for form in FORMS if not form.startswith("table")]
WHOLE = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
FLOATS = ["float16", "float32", "float64"]
LAYOUTS = ["NHW", "NCHW", "NHWC"]
#: What a network may give at its worst.
WILD = [-float("inf"), -1e30, -1.0000001, -1.0, 0.0, 0.3, 1.0, 1.0000001, 1e30, float("inf")]


def fit_codec(X: Any) -> tuple[Any, torch.Tensor]:
    """Infer the modality of rows and fit its encoding."""
    return find_modality(X).fit(X)


def values_of(X: Any) -> np.ndarray:
    """Return the values of any container as float64."""
    if isinstance(X, list):
        X = np.stack([np.asarray(image) for image in X])
    return X.double().numpy() if isinstance(X, torch.Tensor) else np.asarray(X, dtype=np.float64)


def form_of(X: Any) -> tuple[Any, ...]:
    """Container, dtype and shape, or mode and size."""
    if isinstance(X, list):
        return list, {(type(image) is Image.Image, image.mode, image.size) for image in X}, len(X)
    return type(X), X.dtype, X.shape


@st.composite
def arrays(draw: st.DrawFn, dtypes: list[str], *, layouts: list[str] = LAYOUTS) -> np.ndarray:
    """Images of any layout, size and range, with channels that may be constant."""
    layout = draw(st.sampled_from(layouts))
    n, height, width = draw(st.integers(1, 4)), draw(st.integers(8, 14)), draw(st.integers(8, 14))
    channels = 1 if layout == "NHW" else draw(st.sampled_from([1, 3, 4]))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    unit = rng.random((n, channels, height, width)) * draw(st.sampled_from([0, 1]))
    unit *= rng.integers(0, 2, (1, channels, 1, 1)) if draw(st.booleans()) else 1
    X = _in_range(draw, dtype, unit)
    if layout == "NHW":
        return X[:, 0]
    return X.transpose(0, 2, 3, 1) if layout == "NHWC" else X


def _in_range(draw: st.DrawFn, dtype: np.dtype[Any], unit: np.ndarray) -> np.ndarray:
    if dtype.kind == "b":
        return unit > 0.5
    if dtype.kind == "f":
        top = 4 if dtype.itemsize == 2 else 12
        centre, span = (
            draw(st.sampled_from([0, -1, 1])) * 10 ** draw(st.floats(-2, top)) for _ in range(2)
        )
        return (centre + span * unit).astype(dtype)
    info = np.iinfo(dtype)
    # Ranges that float32 represents exactly, anywhere in the range of float64.
    low = draw(st.integers(max(info.min, -(2**53)), min(info.max, 2**53)))
    span = draw(st.integers(0, min(2**22, min(info.max, 2**53) - low)))
    return (low + np.rint(unit * span).astype(np.int64)).astype(dtype)


def round_trip(X: Any) -> Any:
    codec, rows = fit_codec(X)
    assert rows.dtype == torch.float32
    assert rows.shape == (len(X), *codec.shape)
    assert rows.abs().max() <= 1 + 1e-6
    again = codec_from_json(json.loads(json.dumps(codec_to_json(codec))))
    assert again == codec
    assert torch.equal(again.encode(X), rows)
    back = again.decode(rows)
    assert form_of(back) == form_of(X)
    return back


@pytest.mark.parametrize("form", IMAGE_FORMS)
def test_every_form_comes_back(form: str) -> None:
    X, _ = as_form(form)
    back = round_trip(X)
    np.testing.assert_allclose(
        values_of(back), values_of(X), atol=0 if "uint8" in str(form_of(X)) else 1e-6
    )


@given(arrays(WHOLE), st.booleans())
def test_whole_numbers_come_back_exactly(X: np.ndarray, as_tensor: bool) -> None:
    given_X = torch.from_numpy(X.copy()) if as_tensor else X
    np.testing.assert_array_equal(np.asarray(round_trip(given_X)), X)


@given(arrays(FLOATS), st.booleans())
def test_floats_come_back_up_to_rounding(X: np.ndarray, as_tensor: bool) -> None:
    given_X = torch.from_numpy(X.copy()) if as_tensor else X
    error = np.abs(values_of(round_trip(given_X)) - values_of(X)).max()
    values = values_of(X)
    assert error <= np.ptp(values) * 2**-21 + np.abs(values).max() * float(np.finfo(X.dtype).eps)


def test_bfloat16_comes_back() -> None:
    X = torch.randn(4, 3, 9, 8, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    torch.testing.assert_close(round_trip(X), X, rtol=2**-8, atol=1e-5)


@pytest.mark.parametrize("dtype", [">i2", ">u2", ">f4", ">f8"])
def test_foreign_byte_order_comes_back(dtype: str) -> None:
    X = np.arange(128).reshape(2, 8, 8).astype(dtype)
    np.testing.assert_allclose(round_trip(X), X, rtol=1e-6)


def test_read_only_and_mirrored_arrays_give_no_warning() -> None:
    X = np.arange(3 * 3 * 8 * 8, dtype=np.float32).reshape(3, 3, 8, 8)
    X.setflags(write=False)
    for view in (X, X[:, :, ::-1]):
        np.testing.assert_allclose(round_trip(view), view, rtol=1e-6, atol=1e-4)


@given(arrays([*WHOLE, *FLOATS]))
def test_decoded_values_stay_in_the_fitted_range(X: np.ndarray) -> None:
    codec, _ = ImageCodec.fit(X)
    pixels = (
        X[:, None]
        if codec.layout == "NHW"
        else X.transpose(0, 3, 1, 2)
        if codec.layout == "NHWC"
        else X
    )
    wild = torch.tensor(WILD)[:, None, None, None].expand(-1, *codec.shape)
    decoded = codec.decode(wild)
    decoded = (
        decoded[:, None]
        if codec.layout == "NHW"
        else np.moveaxis(decoded, codec.layout.index("C"), 1)
    )
    for channel in range(codec.shape[0]):
        low, high = pixels[:, channel].min(), pixels[:, channel].max()
        if X.dtype in (bool, np.uint8):
            low, high = X.dtype.type(0), X.dtype.type(255 if X.dtype == np.uint8 else 1)
        assert decoded[:, channel].min() >= low
        assert decoded[:, channel].max() <= high
        assert (decoded[:4, channel] == low).all()


def test_pil_images_stay_in_range() -> None:
    codec, _ = ImageCodec.fit([Image.new("RGB", (9, 8), (3, 4, 5))])
    decoded = codec.decode(torch.tensor(WILD)[:, None, None, None].expand(-1, 3, 8, 9))
    assert np.asarray(decoded[0]).max() == 0
    assert np.asarray(decoded[-1]).min() == 255


def test_uint8_is_scaled_by_its_full_range() -> None:
    X = np.linspace(0, 51, 64).astype(np.uint8).reshape(1, 8, 8)
    _, rows = ImageCodec.fit(X)
    np.testing.assert_allclose(rows[:, 0].numpy(), X / 127.5 - 1, atol=1e-6)


def test_channels_are_scaled_separately() -> None:
    X = np.stack(
        [
            np.linspace(0, 1, 64).reshape(8, 8),
            np.linspace(5, 9, 64).reshape(8, 8),
            np.full((8, 8), 7.0),
        ]
    )[None]
    codec, rows = ImageCodec.fit(X)
    assert (codec.low, codec.high) == ((0, 5, 7), (1, 9, 7))
    np.testing.assert_allclose(rows[0, 0].numpy(), np.linspace(-1, 1, 64).reshape(8, 8), atol=1e-6)
    np.testing.assert_allclose(rows[0, 1], rows[0, 0], atol=1e-6)


def test_an_image_of_subnormal_contrast_comes_back() -> None:
    X = np.linspace(0, 1e-40, 64, dtype=np.float32).reshape(1, 8, 8)
    np.testing.assert_allclose(round_trip(X), X, atol=1e-39)


@pytest.mark.parametrize("rows", [list, tuple])
def test_a_list_of_arrays_is_an_array(rows: Any) -> None:
    X = np.random.default_rng(0).integers(0, 255, (5, 8, 9), dtype=np.uint8)
    codec, encoded = fit_codec(rows(X))
    np.testing.assert_array_equal(codec.decode(encoded), X)
    assert torch.equal(codec.encode(rows(X)), encoded)


def test_a_list_of_tensors_is_a_tensor() -> None:
    X = torch.rand(5, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    codec, encoded = fit_codec([row.requires_grad_() for row in X.clone()])
    torch.testing.assert_close(codec.decode(encoded), X)


@pytest.mark.parametrize(
    "shape, inferred",
    [
        ((2, 9, 12), "NHW"),
        ((2, 1, 9, 12), "NCHW"),
        ((2, 3, 9, 12), "NCHW"),
        ((2, 9, 12, 1), "NHWC"),
        ((2, 9, 12, 3), "NHWC"),
        ((2, 4, 9, 12), "NCHW"),
        ((2, 9, 12, 4), "NHWC"),
    ],
)
def test_layout_is_inferred(shape: tuple[int, ...], inferred: str) -> None:
    codec, _ = ImageCodec.fit(np.zeros(shape, np.uint8))
    assert codec.layout == inferred
    assert codec.shape[1:] == (9, 12)


def test_an_ambiguous_layout_has_too_short_a_side() -> None:
    with pytest.raises(InputError, match=r"3 channel.*32 x 3 px"):
        ImageCodec.fit(np.zeros((2, 3, 32, 3)))


def with_value(value: float) -> np.ndarray:
    X = np.zeros((4, 8, 8))
    X[2, 3, 4] = value
    return X


L, RGB = Image.new("L", (8, 9)), Image.new("RGB", (8, 9))
BAD: dict[str, tuple[Any, str]] = {
    "NaN": (with_value(np.nan), "X contains NaN .*row 2; 1 of 4 rows"),
    "inf": (with_value(-np.inf), "X contains infinity .*row 2; 1 of 4 rows"),
    "NaN in a tensor": (torch.from_numpy(with_value(np.nan)).to(torch.bfloat16), "NaN .*row 2"),
    "object": (np.zeros((2, 8, 8), object), "dtype object"),
    "complex": (np.zeros((2, 8, 8), complex), "dtype complex128"),
    "complex tensor": (torch.zeros(2, 8, 8, dtype=torch.complex64), "complex64"),
    "strings": (np.full((2, 8, 8), "a"), "dtype <U1"),
    "long double": (np.zeros((2, 8, 8), np.longdouble), "dtype float|dtype longdouble"),
    "sparse tensor": (torch.zeros(2, 8, 8).to_sparse(), "sparse_coo"),
    "empty": (np.zeros((0, 8, 8)), "0 sample"),
    "5-D": (np.zeros((2, 1, 8, 8, 1)), "5 dimensions"),
    "4 px": (np.zeros((2, 4, 8)), "4 x 8 px.*8 to 1,024"),
    "1100 px": (np.zeros((2, 8, 1100, 3)), "8 x 1100 px.*8 to 1,024"),
    "2 channels": (np.zeros((2, 2, 16, 16)), r"\(2, 2, 16, 16\) has no channel axis"),
    "5 channels": (np.zeros((2, 16, 16, 5)), r"\(2, 16, 16, 5\) has no channel axis"),
    "list of shapes": ([np.zeros((8, 8)), np.zeros((9, 8))], r"\(8, 8\), \(9, 8\)"),
    "ragged rows": ([[[1, 2], [3]], [[1, 2], [3]]], "row 0 of X"),
    "large ints": (
        np.array([0, 2**54] * 64).reshape(2, 8, 8),
        r"channel 0 of X goes from 0 to 1\.80144e\+16",
    ),
    "wide floats": (
        np.array([-3e38, 3e38] * 64, np.float32).reshape(2, 8, 8),
        r"channel 0 of X .*-3e\+38 to 3e\+38",
    ),
    "PIL sizes": (
        [L, Image.new("L", (9, 8))],
        r"2 different .*\('L', \(8, 9\)\), \('L', \(9, 8\)\)",
    ),
    "PIL modes": ([L, RGB], r"2 different .*\('L', \(8, 9\)\), \('RGB', \(8, 9\)\)"),
    "PIL and array": ([L, np.zeros((9, 8))], "row 1 is a ndarray"),
    "array and PIL": ([np.zeros((9, 8)), L], "row 0 is a ndarray"),
    "4 px PIL": ([Image.new("L", (4, 9))], "9 x 4 px"),
    "None": (None, "NoneType"),
    "dict": ({"a": 1}, "dict"),
}


@pytest.mark.parametrize("X, message", BAD.values(), ids=BAD)
def test_bad_images_are_refused(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        get_modality("image").fit(X)


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_other_pil_modes_are_named(mode: str) -> None:
    with pytest.raises(InputError, match=f"PIL mode '{mode}' is not supported"):
        fit_codec([Image.new(mode, (8, 8))] * 2)


def test_four_channels_come_back() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (3, 9, 12, 4), dtype=np.uint8)
    bands = rng.normal(size=(3, 4, 9, 12)).astype(np.float32)
    np.testing.assert_array_equal(round_trip(X), X)
    np.testing.assert_allclose(round_trip(bands), bands, atol=1e-5)
    images = [Image.fromarray(row) for row in X]
    assert [image.mode for image in images] == ["RGBA"] * 3
    np.testing.assert_array_equal(values_of(round_trip(images)), X)


def test_black_and_white_becomes_grey_and_a_palette_becomes_rgb() -> None:
    black = Image.new("1", (9, 8))
    black.putpixel((2, 3), 1)
    palette = Image.new("P", (9, 8))
    palette.putpalette([10, 20, 30] * 256)
    for image, mode, value in ((black, "L", 255), (palette, "RGB", (10, 20, 30))):
        codec, rows = fit_codec([image] * 2)
        back = codec.decode(rows)[0]
        assert (back.mode, back.size) == (mode, (9, 8))
        assert back.getpixel((2, 3)) == value
        assert torch.equal(codec.encode([image] * 2), rows)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_all_networks_take_the_channels(channels: int) -> None:
    X = np.zeros((2, channels, 12, 10), np.uint8)
    codec, rows = ImageCodec.fit(X)
    modality, spec = ImageModality(), DataSpec.of(codec, 2)
    condition, z = torch.zeros(2, 5), torch.zeros(2, 3)
    assert modality.networks.encoder(spec, 4)(rows).shape[0] == 2
    assert modality.networks.decoder(spec, 3, 5, 4)(z, condition).shape == rows.shape
    assert modality.networks.velocity(spec, 5, 8)(rows, condition).shape == rows.shape
    assert modality.networks.pair_decoder(spec, 3, 5, 4)(rows, z, condition).shape == rows.shape
    assert modality.classifier(spec)()(rows).shape == (2, 2)
    assert modality.networks.augmentation(spec)(rows, shift=0.1, colour=True).shape == rows.shape
    sheet = modality.sheet(codec, rows, 2)
    assert sheet.shape == ((12, 20) if channels == 1 else (12, 20, 3))


GREY = np.zeros((3, 8, 9), np.uint8)
BAD_LATER: dict[str, tuple[Any, str]] = {
    "tensor": (torch.zeros(3, 8, 9, dtype=torch.uint8), "fitted as ndarray, got tensor"),
    "PIL": ([L], "fitted as ndarray, got pil"),
    "layout": (GREY[..., None], r"fitted as NHW, got an array of shape \(3, 8, 9, 1\)"),
    "size": (np.zeros((3, 9, 8), np.uint8), r"\(1, 8, 9\), got \(1, 9, 8\)"),
    "floats": (GREY / 255, "fitted as uint8, got float64"),
    "None": (None, "NoneType"),
    "number": (5, "int"),
    "text": ("images", "str"),
}


@pytest.mark.parametrize("X, message", BAD_LATER.values(), ids=BAD_LATER)
def test_images_of_another_form_are_refused_later(X: Any, message: str) -> None:
    codec, _ = ImageCodec.fit(GREY)
    with pytest.raises(InputError, match=message):
        codec.encode(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_later_too(bad: float) -> None:
    codec, _ = ImageCodec.fit(np.zeros((4, 8, 8)))
    with pytest.raises(InputError, match="row 2"):
        codec.encode(with_value(bad))


@pytest.mark.parametrize(
    "change",
    [
        {"container": "list"},
        {"layout": "HWC"},
        {"layout": "NHW"},
        {"dtype": "complex64"},
        {"dtype": "float"},
        {"dtype": ">x9"},
        {"dtype": 5},
        {"shape": [3, 10**9, 10**9]},
        {"shape": [10**9, 8, 8]},
        {"shape": [3, 8]},
        {"shape": "abc"},
        {"low": [0.0]},
        {"high": [float("nan")] * 3},
        {"high": [-1.0] * 3},
        {"low": None},
        {"unknown": 1},
        {"modality": "video"},
    ],
)
def test_a_damaged_record_is_an_archive_error(change: dict[str, Any]) -> None:
    record = codec_to_json(ImageCodec.fit(np.zeros((2, 8, 8, 3), np.uint8))[0])
    with pytest.raises(ArchiveError):
        codec_from_json(record | change)


@pytest.mark.parametrize(
    "key", ["modality", "container", "layout", "dtype", "shape", "low", "high"]
)
def test_an_incomplete_record_is_an_archive_error(key: str) -> None:
    record = codec_to_json(ImageCodec.fit(GREY)[0])
    del record[key]
    with pytest.raises(ArchiveError):
        codec_from_json(record)

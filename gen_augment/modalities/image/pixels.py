"""Pixels of images in any container, as one array."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.containers import is_pil, stack_rows
from gen_augment.errors import InputError

__all__ = [
    "CHANNELS", "DTYPES", "Container", "Layout", "element", "in_container", "infer_layout",
    "plain_mode", "read_pixels", "to_nchw",
]  # fmt: skip

Container = Literal["ndarray", "tensor", "pil"]
Layout = Literal["NHW", "NCHW", "NHWC"]
#: Grey, RGB, and four channels: RGBA, or another band such as infrared.
CHANNELS = (1, 3, 4)
#: PIL modes that come back as they were, and what other modes are converted to.
PIL_MODES = ("L", "RGB", "RGBA")
CONVERTED = {"1": "L"} | dict.fromkeys(("P", "CMYK", "YCbCr", "LAB", "HSV", "LA", "PA"), "RGB")
DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
    "float16", "bfloat16", "float32", "float64",
)  # fmt: skip


def read_pixels(X: Any) -> tuple[Container, np.ndarray, str]:
    """Return the container, the values in native byte order, and the original dtype."""
    X = stack_rows(X)
    if isinstance(X, (list, tuple)):
        return "pil", _from_pil(X), "uint8"
    container: Container = "tensor" if isinstance(X, Tensor) else "ndarray"
    if isinstance(X, Tensor):
        dtype = str(X.dtype).removeprefix("torch.")
        if dtype not in DTYPES or X.layout != torch.strided:
            raise InputError(
                f"X is a {X.layout} Tensor of {X.dtype}: images are dense numbers (uint8 or float)."
            )
        X = X.detach().cpu()
        return container, (X.float() if X.dtype == torch.bfloat16 else X).numpy(), dtype
    if not hasattr(X, "__array__"):
        raise InputError(
            f"X is a {type(X).__name__}: give images as an array, a Tensor or a list of PIL images."
        )
    array = np.asarray(X)
    if array.dtype.name not in DTYPES:
        raise InputError(
            f"X is an array of dtype {array.dtype}: images are numbers (uint8 or float)."
        )
    if array.dtype.isnative:
        return container, array, array.dtype.name
    return container, array.astype(array.dtype.newbyteorder("=")), array.dtype.str


def in_container(X: Any, container: str) -> Any:
    """Return PIL images as an array, or an array of uint8 as PIL images; all else unchanged."""
    if container == "ndarray" and isinstance(X, (list, tuple)) and len(X) and is_pil(X[0]):
        return _from_pil(X)
    is_bytes = isinstance(X, np.ndarray) and X.dtype == np.uint8 and X.shape[3:] in ((), (3,), (4,))
    return [Image.fromarray(image) for image in X] if container == "pil" and is_bytes else X


def plain_mode(image: Image.Image) -> Image.Image:
    """Convert a PIL image of mode "1" to "L", and of a mode such as "P" or "CMYK" to "RGB".

    Images of mode "L", "RGB" and "RGBA", and those of more than 8 bits, stay as they are.
    """
    mode = CONVERTED.get(image.mode)
    return image if mode is None else image.convert(mode)


def _from_pil(images: Sequence[Any]) -> np.ndarray:
    for number, image in enumerate(images):
        if not isinstance(image, Image.Image):
            raise InputError(
                f"X holds PIL images, but its row {number} is a {type(image).__name__}."
            )
    images = [plain_mode(image) for image in images]
    forms = {(image.mode, image.size) for image in images}
    if len(forms) > 1:
        raise InputError(
            f"the images have {len(forms)} different modes or (width, height) sizes, such as "
            f"{sorted(forms)[:3]}: bring them to one size with modality=Image(image_size=128), "
            "and convert them to one mode."
        )
    mode = next(iter(forms))[0]
    if mode not in PIL_MODES:
        raise InputError(
            f"PIL mode {mode!r} is not supported: convert the images to 'L', 'RGB' or 'RGBA', or "
            "give them as arrays, which may have 16 bits: np.asarray(image)."
        )
    return np.stack([np.asarray(image) for image in images])


def infer_layout(shape: tuple[int, ...]) -> Layout:
    """Find the channel axis.

    There is no ambiguity: if both axes could hold channels, one side has at most 4 pixels, which is
    too few in either layout.
    """
    if len(shape) == 3:
        return "NHW"
    if len(shape) != 4:
        raise InputError(
            f"X has {len(shape)} dimensions, shape {shape}: give images of shape (n, H, W), "
            "(n, H, W, C) or (n, C, H, W)."
        )
    if shape[1] not in CHANNELS and shape[3] not in CHANNELS:
        raise InputError(
            f"X of shape {shape} has no channel axis of size 1, 3 or 4, neither second nor last."
        )
    return "NCHW" if shape[1] in CHANNELS else "NHWC"


def to_nchw(array: np.ndarray, layout: str) -> np.ndarray:
    """Return a view of shape (n, C, H, W)."""
    if layout == "NHW":
        return array[:, None]
    return array.transpose(0, 3, 1, 2) if layout == "NHWC" else array


def element(dtype: str) -> str:
    """Return the dtype's name without a byte order."""
    return np.dtype(dtype).name if dtype[:1] in "<>" else dtype

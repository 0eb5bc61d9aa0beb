"""Images: arrays, tensors or PIL, any layout, dtype and value range, to float32 NCHW in [-1, 1] and back."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.containers import stack_rows
from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, Modality, decode_each
from gen_augment.modalities.registry import get_modality
from gen_augment.types import JSON
from gen_augment.validation import check_choice, check_finite

__all__ = ["ImageCodec"]

Container = Literal["ndarray", "tensor", "pil"]
Layout = Literal["NHW", "NCHW", "NHWC"]
MIN_SIDE, MAX_SIDE = 8, 128
_PIL_MODES = ("L", "RGB")
_DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
    "float16", "bfloat16", "float32", "float64",
)  # fmt: skip
# Of these, float32 tells all values apart; the others are scaled in float64.
_NARROW = ("bool", "uint8", "int8", "uint16", "int16", "float16", "bfloat16", "float32")
_LARGEST_INT, _WIDEST = 2**53, 1e30


@dataclass(frozen=True)
class ImageCodec(Codec):
    """How the user holds images.

    Attributes
    ----------
    container : {"ndarray", "tensor", "pil"}
    layout : {"NHW", "NCHW", "NHWC"}
    dtype : str
        Of an element, as numpy or torch name it; with numpy's byte order where that is not the machine's.
    shape : tuple of int
        ``(C, H, W)``.
    low, high : tuple of float
        Value range of each channel, mapped to [-1, 1]: 0 to 255 for uint8, 0 to 1 for bool, and the range
        that `fit` saw for all else, such as a normalised tensor.
    """

    container: Container
    layout: Layout
    dtype: str
    shape: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    bounded = True

    @property
    def kind(self) -> str:
        return "image"

    @property
    def modality(self) -> Modality:
        """Images have no options."""
        return get_modality("image")

    @property
    def binary(self) -> bool:  # type: ignore[override]
        """Whether the images are black and white."""
        return self.dtype == "bool"

    @classmethod
    def fit(cls, X: Any) -> tuple[Self, Tensor]:
        """Learn the form of `X`; return the codec and the encoded images.

        Parameters
        ----------
        X : ndarray or Tensor of shape (n, H, W), (n, H, W, C) or (n, C, H, W), or list of PIL images
        """
        container, array, dtype = _to_numpy(X)
        if len(array) == 0:
            raise InputError(
                f"X has shape {array.shape}: Found array with 0 sample(s) while a minimum of 1 is required."
            )
        layout = _infer_layout(array.shape)
        pixels = _to_nchw(array, layout)
        _check_size(pixels.shape[1:])
        check_finite(array)
        low, high = _value_range(pixels)
        codec = cls(container, layout, dtype, tuple(pixels.shape[1:]), low, high)
        return codec, codec._scale(pixels)

    def encode(self, X: Any) -> Tensor:
        """Images in the form that was fitted to a Tensor of shape (n, C, H, W) in [-1, 1], float32."""
        container, array, dtype = _to_numpy(X)
        if container != self.container:
            raise InputError(f"images were fitted as {self.container}, got {container}.")
        if array.ndim != len(self.layout):
            raise InputError(
                f"images were fitted as {self.layout}, got an array of shape {array.shape}."
            )
        pixels = _to_nchw(array, self.layout)
        if pixels.shape[1:] != self.shape:
            raise InputError(
                f"images were fitted with (C, H, W) = {self.shape}, got {pixels.shape[1:]}."
            )
        if ("float" in _element(dtype)) != ("float" in _element(self.dtype)):
            raise InputError(
                f"images were fitted as {self.dtype}, got {dtype}: the range of values differs, scale them."
            )
        check_finite(array)
        return self._scale(pixels)

    def decode(self, rows: Tensor) -> Any:
        """Images of shape (n, C, H, W) in [-1, 1] to the form that was fitted; Tensors stay on their device."""
        pixels = rows.to(self._working_dtype).clamp(-1, 1)
        low, high = _columns(self.low, pixels), _columns(self.high, pixels)
        # In place: at this size, memory that is asked for and given back costs more than arithmetic.
        pixels.add_(1).mul_((high - low) / 2).add_(low)
        torch.clamp(pixels, low, high, out=pixels)  # rounding may step over the range that was seen
        if self.layout == "NHW":
            pixels = pixels[:, 0]
        elif self.layout == "NHWC":
            pixels = pixels.permute(0, 2, 3, 1)
        dtype = getattr(torch, _element(self.dtype))
        if not dtype.is_floating_point:
            pixels.round_()
        pixels = pixels.to(dtype).contiguous()
        if self.container == "tensor":
            return pixels
        return self.unpack(pixels.cpu().numpy().astype(self.dtype, copy=False))

    def decode_parts(self, parts: Iterable[Tensor]) -> Any:
        """Decode each part while it is in the processor's cache."""
        return decode_each(self, parts)

    def pack(self, X: Any) -> np.ndarray:
        """Decoded images as an array of numbers, as a file holds them."""
        if self.container == "tensor":
            tensor: np.ndarray = (
                (X.view(torch.int16) if X.dtype == torch.bfloat16 else X).cpu().numpy()
            )
            return tensor
        return np.stack([np.asarray(image) for image in X]) if self.container == "pil" else X

    def unpack(self, array: np.ndarray) -> Any:
        """Decoded images out of what `pack` made; a Tensor shares its memory."""
        if self.container == "tensor":
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if self.dtype == "bfloat16" else tensor
        return array if self.container == "ndarray" else [Image.fromarray(image) for image in array]

    def to_json(self) -> JSON:
        """All of it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items()
        }
        codec = cls(**fields)
        check_choice("container", codec.container, ("ndarray", "tensor", "pil"))
        check_choice("layout", codec.layout, ("NHW", "NCHW", "NHWC"))
        check_choice(
            "dtype", _element(codec.dtype), ("uint8",) if codec.container == "pil" else _DTYPES
        )
        _check_size(codec.shape)
        channels = codec.shape[0]
        if codec.layout == "NHW" and channels > 1:
            raise InputError(f"layout='NHW' has no place for {channels} channels.")
        if len(codec.low) != channels or len(codec.high) != channels:
            raise InputError(
                f"{channels} channels have {len(codec.low)} low and {len(codec.high)} high values."
            )
        if not all(
            math.isfinite(a) and math.isfinite(b) and a <= b
            for a, b in zip(codec.low, codec.high, strict=True)
        ):
            raise InputError(f"{codec.low} to {codec.high} is no range of values.")
        return codec

    @property
    def _working_dtype(self) -> torch.dtype:
        return torch.float32 if _element(self.dtype) in _NARROW else torch.float64

    def _scale(self, pixels: np.ndarray) -> Tensor:
        # One copy, scaled in place: a data set of 60,000 images is held once, not three times.
        # PyTorch takes neither negative strides nor, in silence, read-only memory, such as a file that is mapped.
        rows = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).to(
            self._working_dtype, copy=True
        )
        low, high = _columns(self.low, rows), _columns(self.high, rows)
        factor = 2 / (high - low)
        factor[~factor.isfinite()] = 0  # a constant channel
        return rows.sub_(low).mul_(factor).sub_(1).float()


def _columns(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def _element(dtype: str) -> str:
    """The dtype without a byte order."""
    return np.dtype(dtype).name if dtype[:1] in "<>" else dtype


def _to_numpy(X: Any) -> tuple[Container, np.ndarray, str]:
    """Container, values in the machine's byte order, and the dtype they came in."""
    X = stack_rows(X)
    if isinstance(X, (list, tuple)):
        return "pil", _from_pil(X), "uint8"
    container: Container = "tensor" if isinstance(X, Tensor) else "ndarray"
    if isinstance(X, Tensor):
        dtype = str(X.dtype).removeprefix("torch.")
        if dtype not in _DTYPES or X.layout != torch.strided:
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
    if array.dtype.name not in _DTYPES:
        raise InputError(
            f"X is an array of dtype {array.dtype}: images are numbers (uint8 or float)."
        )
    if array.dtype.isnative:
        return container, array, array.dtype.name
    return container, array.astype(array.dtype.newbyteorder("=")), array.dtype.str


def _from_pil(images: Sequence[Any]) -> np.ndarray:
    for number, image in enumerate(images):
        if not isinstance(image, Image.Image):
            raise InputError(
                f"X holds PIL images, but its row {number} is a {type(image).__name__}."
            )
    forms = {(image.mode, image.size) for image in images}
    if len(forms) > 1:
        raise InputError(
            f"the images have {len(forms)} different modes or (width, height) sizes, such as {sorted(forms)[:3]}: "
            "resize and convert them to one, for example with "
            "ImageFolder(path, transform=torchvision.transforms.v2.Resize((64, 64)))."
        )
    mode = next(iter(forms))[0]
    if mode not in _PIL_MODES:
        raise InputError(f"PIL mode {mode!r} is not supported: convert the images to 'L' or 'RGB'.")
    return np.stack([np.asarray(image) for image in images])


def _infer_layout(shape: tuple[int, ...]) -> Layout:
    """Never in doubt: where both axes could be channels, a side has 1 or 3 px, which is too few in either reading."""
    if len(shape) == 3:
        return "NHW"
    if len(shape) != 4:
        raise InputError(
            f"X has {len(shape)} dimensions, shape {shape}: give images of shape (n, H, W), "
            "(n, H, W, C) or (n, C, H, W)."
        )
    if shape[1] not in (1, 3) and shape[3] not in (1, 3):
        raise InputError(
            f"X of shape {shape} has no channel axis of size 1 or 3, neither second nor last."
        )
    return "NCHW" if shape[1] in (1, 3) else "NHWC"


def _to_nchw(array: np.ndarray, layout: str) -> np.ndarray:
    if layout == "NHW":
        return array[:, None]
    return array.transpose(0, 3, 1, 2) if layout == "NHWC" else array


def _check_size(shape: Sequence[int]) -> None:
    channels, height, width = shape
    if channels not in (1, 3) or not all(MIN_SIDE <= side <= MAX_SIDE for side in (height, width)):
        raise InputError(
            f"images of {channels} channel(s), {height} x {width} px: 1 or 3 channels and sides of {MIN_SIDE} to "
            f"{MAX_SIDE} px work. Resize them, for example with torchvision.transforms.v2.Resize; or, if they are "
            "series and no images, give a table: X.reshape(len(X), -1)."
        )


def _value_range(pixels: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    channels = pixels.shape[1]
    if pixels.dtype == np.uint8:
        return (0.0,) * channels, (255.0,) * channels
    if pixels.dtype == bool:
        return (0.0,) * channels, (1.0,) * channels
    low, high = (tuple(map(float, bound(axis=(0, 2, 3)))) for bound in (pixels.min, pixels.max))
    for channel, (least, most) in enumerate(zip(low, high, strict=True)):
        if most - least > _WIDEST or (
            pixels.dtype.kind in "iu" and max(-least, most) > _LARGEST_INT
        ):
            raise InputError(
                f"channel {channel} of X goes from {least:g} to {most:g}, more than can be told apart: scale it first."
            )
    return low, high

"""Encoding of images: any container, layout, dtype and value range to float32 NCHW in [-1, 1]."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.containers import concatenate, is_pil
from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, Modality, check_equal, storage_of
from gen_augment.modalities.image.pixels import (
    CHANNELS,
    DTYPES,
    Container,
    Layout,
    element,
    infer_layout,
    read_pixels,
    to_nchw,
)
from gen_augment.modalities.image.resizing import MAX_SIDE, MIN_SIDE, resize_all
from gen_augment.modalities.registry import get_modality
from gen_augment.types import JSON
from gen_augment.validation import check_choice, check_finite

__all__ = ["ImageCodec"]

# float32 represents all values of these exactly; the others are scaled in float64.
_NARROW = ("bool", "uint8", "int8", "uint16", "int16", "float16", "bfloat16", "float32")
_LARGEST_INT, _WIDEST = 2**53, 1e30


@dataclass(frozen=True)
class ImageCodec(Codec):
    """Encoding of images with 1, 3 or 4 channels and sides of 8 to 1,024 pixels.

    Images are decoded into the container, layout, dtype and value range that were fitted. Of PIL
    images, "L", "RGB" and "RGBA" keep their mode; "1" (black and white) becomes "L" with the values
    0 and 255, and other modes of 8 bits, such as "P" (palette) and "CMYK", become "RGB".

    Attributes
    ----------
    container : {"ndarray", "tensor", "pil"}
    layout : {"NHW", "NCHW", "NHWC"}
    dtype : str
        Name of the element's dtype in NumPy or torch; with NumPy's byte order if it is not native.
    shape : tuple of int
        ``(C, H, W)``.
    low, high : tuple of float
        Value range of each channel, which is mapped to [-1, 1]: 0 to 255 for uint8, 0 to 1 for
        bool, else the range that `fit` saw.
    center_crop : bool or None
        How images of another size are brought to this one, see `Image`; None to refuse them.

    Examples
    --------
    >>> codec, rows = ImageCodec.fit(np.full((5, 8, 9, 4), 255, np.uint8))
    >>> codec.layout, codec.shape, tuple(rows.shape)
    ('NHWC', (4, 8, 9), (5, 4, 8, 9))
    >>> codec.decode(rows).shape
    (5, 8, 9, 4)
    """

    container: Container
    layout: Layout
    dtype: str
    shape: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    center_crop: bool | None = None

    bounded = True

    @property
    def modality(self) -> Modality:
        """The image modality, which brings other images to the size that was fitted."""
        image: Any = type(get_modality("image"))
        size, crop = (
            (None, True) if self.center_crop is None else (self.shape[1:], self.center_crop)
        )
        made: Any = image(image_size=size, center_crop=crop)
        made._container = self.container
        return made  # type: ignore[no-any-return]

    @property
    def one_shape(self) -> bool:  # type: ignore[override]
        """Whether the fitted images had one size before they were resized."""
        return self.center_crop is None

    @property
    def binary(self) -> bool:  # type: ignore[override]
        """Whether the values are booleans, which stand for black and white."""
        return self.dtype == "bool"

    @classmethod
    def fit(cls, X: Any, center_crop: bool | None = None) -> tuple[Self, Tensor]:
        """Learn the form of `X`; return the codec and the encoded images.

        Parameters
        ----------
        X : ndarray, Tensor or list of PIL images
            Arrays and Tensors have shape (n, H, W), (n, H, W, C) or (n, C, H, W).
        center_crop : bool or None
            What the codec does with images of other sizes.

        Raises
        ------
        InputError
            These are not images of one size that can be encoded.
        """
        codec = cls.learn(X, center_crop)
        return codec, codec.encode(X)

    @classmethod
    def learn(cls, X: Any, center_crop: bool | None = None) -> Self:
        """Learn the form of `X`, as in `fit`, without encoding it.

        Of PIL images only the first is looked at; `encode` refuses those of another form.
        """
        container, array, dtype = read_pixels(X[:1] if _is_pil_list(X) else X)
        if len(array) == 0:
            raise InputError(
                f"X has shape {array.shape}: Found array with 0 sample(s) while a minimum of 1 is "
                "required."
            )
        layout = infer_layout(array.shape)
        pixels = to_nchw(array, layout)
        _check_size(pixels.shape[1:])
        check_finite(array)
        low, high = _value_range(pixels)
        return cls(container, layout, dtype, tuple(pixels.shape[1:]), low, high, center_crop)

    def encode(self, X: Any) -> Tensor:
        """Encode images of the fitted form as a float32 Tensor of shape (n, C, H, W) in [-1, 1]."""
        container, array, dtype = read_pixels(self.resized(X))
        if container != self.container:
            raise InputError(f"images were fitted as {self.container}, got {container}.")
        if array.ndim != len(self.layout):
            raise InputError(
                f"images were fitted as {self.layout}, got an array of shape {array.shape}."
            )
        pixels = to_nchw(array, self.layout)
        if pixels.shape[1:] != self.shape:
            raise InputError(
                f"images were fitted with (C, H, W) = {self.shape}, got {pixels.shape[1:]}."
            )
        if ("float" in element(dtype)) != ("float" in element(self.dtype)):
            raise InputError(
                f"images were fitted as {self.dtype}, got {dtype}: scale them to the fitted range."
            )
        check_finite(array)
        return self._scale(pixels)

    def resized(self, X: Any) -> Any:
        """Return images in the fitted size, unless `center_crop` is None."""
        if self.center_crop is None:
            return X
        height, width = self.shape[1:]
        return resize_all(X, (height, width), center_crop=self.center_crop)

    def decode(self, rows: Tensor) -> Any:
        """Decode a Tensor of shape (n, C, H, W) into the fitted form.

        Values outside [-1, 1] are clipped. Tensors stay on their device.
        """
        pixels = rows.to(self._working_dtype).clamp(-1, 1)
        low, high = _columns(self.low, pixels), _columns(self.high, pixels)
        # In place: allocating memory of this size costs more than the arithmetic.
        pixels.add_(1).mul_((high - low) / 2).add_(low)
        torch.clamp(pixels, low, high, out=pixels)  # rounding may exceed the fitted range
        if self.layout == "NHW":
            pixels = pixels[:, 0]
        elif self.layout == "NHWC":
            pixels = pixels.permute(0, 2, 3, 1)
        dtype = getattr(torch, element(self.dtype))
        if not dtype.is_floating_point:
            pixels.round_()
        pixels = pixels.to(dtype).contiguous()
        if self.container == "tensor":
            return pixels
        return self.unpack(pixels.cpu().numpy().astype(self.dtype, copy=False))

    def decode_parts(self, parts: Iterable[Tensor]) -> Any:
        """Decode part by part, while each is in the processor's cache."""
        decoded = [self.decode(part) for part in parts]
        if not decoded:
            return self.decode(torch.empty(0, *self.shape, device="cpu"))
        return concatenate(decoded)

    def pack(self, X: Any) -> np.ndarray:
        """Turn decoded images into an array of numbers, as a file can hold them."""
        if self.container == "tensor":
            tensor: np.ndarray = (
                (X.view(torch.int16) if X.dtype == torch.bfloat16 else X).cpu().numpy()
            )
            return tensor
        return np.stack([np.asarray(image) for image in X]) if self.container == "pil" else X

    def unpack(self, array: np.ndarray) -> Any:
        """Turn an array that `pack` returned into decoded images; a Tensor shares its memory."""
        if self.container == "tensor":
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if self.dtype == "bfloat16" else tensor
        return array if self.container == "ndarray" else [Image.fromarray(image) for image in array]

    def joined(self, others: Sequence[Any]) -> Self:
        """Return an encoding with the value range of all; the form must be the same."""
        codecs = (self, *map(storage_of, others))
        for field in ("container", "layout", "dtype", "shape", "center_crop"):
            check_equal(f"image {field}s", [getattr(codec, field) for codec in codecs])
        low = tuple(map(min, zip(*(codec.low for codec in codecs), strict=True)))
        high = tuple(map(max, zip(*(codec.high for codec in codecs), strict=True)))
        return replace(self, low=low, high=high)

    def to_json(self) -> JSON:
        """Return all fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a codec from `to_json`; raise for values that do not fit together."""
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items()
        }
        codec = cls(**fields)
        codec._check_form()
        codec._check_range()
        return codec

    def _check_form(self) -> None:
        check_choice("container", self.container, ("ndarray", "tensor", "pil"))
        check_choice("layout", self.layout, ("NHW", "NCHW", "NHWC"))
        dtypes = ("uint8",) if self.container == "pil" else DTYPES
        check_choice("dtype", element(self.dtype), dtypes)
        _check_size(self.shape)
        check_choice("center_crop", self.center_crop, (None, True, False))
        if self.layout == "NHW" and self.shape[0] > 1:
            raise InputError(f"layout='NHW' does not allow {self.shape[0]} channels.")

    def _check_range(self) -> None:
        channels = self.shape[0]
        if len(self.low) != channels or len(self.high) != channels:
            raise InputError(
                f"{channels} channels need as many low and high values, got {len(self.low)} and "
                f"{len(self.high)}."
            )
        ranges = zip(self.low, self.high, strict=True)
        if not all(math.isfinite(a) and math.isfinite(b) and a <= b for a, b in ranges):
            raise InputError(f"{self.low} to {self.high} is not a range of values.")

    @property
    def _working_dtype(self) -> torch.dtype:
        return torch.float32 if element(self.dtype) in _NARROW else torch.float64

    def _scale(self, pixels: np.ndarray) -> Tensor:
        # One copy, scaled in place, so that a large data set is in memory once, not three times.
        # PyTorch refuses negative strides and warns about read-only memory, such as a mapped file.
        rows = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).to(
            self._working_dtype, copy=True
        )
        low, high = _columns(self.low, rows), _columns(self.high, rows)
        factor = 2 / (high - low)
        factor[~factor.isfinite()] = 0  # a constant channel
        return rows.sub_(low).mul_(factor).sub_(1).float()


def _is_pil_list(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and len(X) > 0 and is_pil(X[0])


def _columns(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def _check_size(shape: Sequence[int]) -> None:
    channels, height, width = shape
    fits = all(MIN_SIDE <= side <= MAX_SIDE for side in (height, width))
    if channels not in CHANNELS or not fits:
        raise InputError(
            f"images of {channels} channel(s), {height} x {width} px: 1, 3 or 4 channels and sides "
            f"of {MIN_SIDE} to {MAX_SIDE:,} px are supported. Resize them, for example with "
            "modality=Image(image_size=128), or give rows that are not images as a table: "
            "X.reshape(len(X), -1)."
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
                f"channel {channel} of X goes from {least:g} to {most:g}, too wide a range for its "
                "precision: scale it first."
            )
    return low, high

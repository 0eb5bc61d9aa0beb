"""Images: arrays, tensors or PIL, any layout, dtype and value range, to float32 NCHW in [-1, 1] and back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.types import JSON, Kind
from gen_augment.validation import check_choice, check_finite

__all__ = ["ImageCodec"]

Layout = Literal["NHW", "NCHW", "NHWC"]
MIN_SIDE, MAX_SIDE = 8, 128
_PIL_MODES = {"L": 1, "RGB": 3}


@dataclass(frozen=True)
class ImageCodec:
    """How the user holds images.

    Attributes
    ----------
    container : {"ndarray", "tensor", "pil"}
    layout : {"NHW", "NCHW", "NHWC"}
    dtype : str
        Of an element, as numpy or torch name it.
    shape : tuple of int
        ``(C, H, W)``.
    low, high : tuple of float
        Value range of each channel, mapped to [-1, 1]: 0 to 255 for uint8, 0 to 1 for bool, and the range
        that `fit` saw for all else, such as a normalised tensor.
    """

    container: Literal["ndarray", "tensor", "pil"]
    layout: Layout
    dtype: str
    shape: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    kind: ClassVar[Kind] = "image"

    @classmethod
    def fit(cls, X: Any, *, layout: str | None = None) -> tuple[Self, Tensor]:
        """Learn the form of `X`; return the codec and the encoded images.

        Parameters
        ----------
        X : ndarray or Tensor of shape (n, H, W), (n, H, W, C) or (n, C, H, W), or list of PIL images
        layout : {"NCHW", "NHWC"}, optional
            Needed only where both the second and the last axis could be channels.
        """
        container, array = _to_numpy(X)
        if len(array) == 0:
            raise InputError(
                f"X has shape {array.shape}: Found array with 0 sample(s) while a minimum of 1 is required."
            )
        layout = _infer_layout(array.shape, layout)
        pixels = _to_nchw(array, layout)
        _check_size(pixels.shape[1:])
        check_finite(array)
        low, high = _value_range(pixels)
        dtype = str(X.dtype).removeprefix("torch.") if container != "pil" else "uint8"
        codec = cls(container, layout, dtype, tuple(pixels.shape[1:]), low, high)
        return codec, codec._scale(pixels)

    def encode(self, X: Any) -> Tensor:
        """Images in the form that was fitted to a Tensor of shape (n, C, H, W) in [-1, 1], float32."""
        container, array = _to_numpy(X)
        if container != self.container:
            raise InputError(f"images were fitted as {self.container}, got {container}.")
        if array.ndim != len(self.layout):
            raise InputError(f"images were fitted as {self.layout}, got an array of shape {array.shape}.")
        pixels = _to_nchw(array, self.layout)
        if pixels.shape[1:] != self.shape:
            raise InputError(f"images were fitted with (C, H, W) = {self.shape}, got {pixels.shape[1:]}.")
        check_finite(array)
        return self._scale(pixels)

    def decode(self, rows: Tensor) -> Any:
        """Images of shape (n, C, H, W) in [-1, 1] to the form that was fitted."""
        low, high = _columns(self.low, rows), _columns(self.high, rows)
        pixels = torch.addcmul(low, rows.clamp(-1, 1) + 1, (high - low) / 2)
        pixels = torch.clamp(pixels, low, high)  # rounding may step over the range that was seen
        if self.layout == "NHW":
            pixels = pixels[:, 0]
        elif self.layout == "NHWC":
            pixels = pixels.permute(0, 2, 3, 1)
        dtype = getattr(torch, self.dtype)
        if not dtype.is_floating_point:
            pixels = pixels.round()
        pixels = pixels.to(dtype).contiguous()
        if self.container == "tensor":
            return pixels
        array = pixels.cpu().numpy()
        return array if self.container == "ndarray" else [Image.fromarray(image) for image in array]

    def to_json(self) -> JSON:
        """All of it as JSON values."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild from `to_json`."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k != "kind"}
        codec = cls(**fields)
        check_choice("container", codec.container, ("ndarray", "tensor", "pil"))
        check_choice("layout", codec.layout, ("NHW", "NCHW", "NHWC"))
        if not isinstance(getattr(torch, codec.dtype, None), torch.dtype):
            raise InputError(f"dtype={codec.dtype!r} is unknown.")
        _check_size(codec.shape)
        return codec

    def _scale(self, pixels: np.ndarray) -> Tensor:
        # One float32 copy, scaled in place: a data set of 60,000 images is held once, not three times.
        rows = torch.from_numpy(np.ascontiguousarray(pixels)).to(torch.float32, copy=True)
        low, high = _columns(self.low, rows), _columns(self.high, rows)
        span = torch.where(high > low, high - low, 1)
        return rows.sub_(low).mul_(2 / span).sub_(1)


def _columns(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device)[:, None, None]


def _to_numpy(X: Any) -> tuple[Literal["ndarray", "tensor", "pil"], np.ndarray]:
    if isinstance(X, Tensor):
        X = X.detach().cpu()
        return "tensor", (X.float() if X.dtype == torch.bfloat16 else X).numpy()
    if isinstance(X, np.ndarray):
        if X.dtype.kind not in "buif":
            raise InputError(f"X is an array of dtype {X.dtype}: images are numbers (uint8 or float).")
        return "ndarray", X
    return "pil", _from_pil(X)


def _from_pil(images: Sequence[Image.Image]) -> np.ndarray:
    forms = {(image.mode, image.size) for image in images}
    if len(forms) > 1:
        raise InputError(
            f"the images have {len(forms)} different modes or (width, height) sizes, such as {sorted(forms)[:3]}: "
            "resize and convert them to one, for example with torchvision.transforms.v2.Resize."
        )
    mode = next(iter(forms))[0]
    if mode not in _PIL_MODES:
        raise InputError(f"PIL mode {mode!r} is not supported: convert the images to 'L' or 'RGB'.")
    return np.stack([np.asarray(image) for image in images])


def _infer_layout(shape: tuple[int, ...], layout: str | None) -> Layout:
    if layout is not None:
        check_choice("layout", layout, ("NCHW", "NHWC"))
    if len(shape) == 3:
        return "NHW"
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if layout is None and first and last:
        raise InputError(f"X of shape {shape} can be read as NCHW and as NHWC: pass layout='NCHW' or layout='NHWC'.")
    if not (first or last):
        raise InputError(f"X of shape {shape} has no channel axis of size 1 or 3, neither second nor last.")
    chosen: Layout = layout or ("NCHW" if first else "NHWC")  # type: ignore[assignment]
    if shape[chosen.index("C")] not in (1, 3):
        raise InputError(
            f"layout={layout!r} reads {shape[chosen.index('C')]} channels out of X of shape {shape}; 1 or 3 work."
        )
    return chosen


def _to_nchw(array: np.ndarray, layout: str) -> np.ndarray:
    if layout == "NHW":
        return array[:, None]
    return array.transpose(0, 3, 1, 2) if layout == "NHWC" else array


def _check_size(shape: Sequence[int]) -> None:
    channels, height, width = shape
    if channels not in (1, 3) or not all(MIN_SIDE <= side <= MAX_SIDE for side in (height, width)):
        raise InputError(
            f"images of {channels} channel(s), {height} x {width} px: 1 or 3 channels and sides of {MIN_SIDE} to "
            f"{MAX_SIDE} px work. Resize them, for example with torchvision.transforms.v2.Resize."
        )


def _value_range(pixels: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    channels = pixels.shape[1]
    if pixels.dtype == np.uint8:
        return (0.0,) * channels, (255.0,) * channels
    if pixels.dtype == bool:
        return (0.0,) * channels, (1.0,) * channels
    low, high = pixels.min(axis=(0, 2, 3)), pixels.max(axis=(0, 2, 3))
    return tuple(low.astype(float).tolist()), tuple(high.astype(float).tolist())

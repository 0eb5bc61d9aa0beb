"""Conversion between an image of a user's pipeline and a row of a bank or sampler.

Values do not change if both are floats or both are integers. Between uint8 (0 to 255) and
float (0 to 1) they are scaled like torchvision's ``to_dtype(scale=True)``. Images are resized only
where the rows were fitted on images of several sizes.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from gen_augment.errors import InputError
from gen_augment.modalities import ImageCodec

__all__ = ["blend", "sized", "to_image", "to_rows"]

_PIL_LAYOUTS = {"L": "HW", "RGB": "HWC", "RGBA": "HWC"}
_TENSOR_LAYOUTS = {2: "HW", 3: "CHW"}
_ARRAY_LAYOUTS = {2: "HW", 3: "HWC"}
#: Cubic resizing exceeds [0, 1] by up to this much; normalised images exceed it more.
_OVERSHOOT = 0.25


def to_image(row: Any, codec: ImageCodec, image: Any) -> Any:
    """Return a row that `codec` decoded, in the type, layout and dtype of `image`.

    Raises
    ------
    InputError
        They differ in size or channels, or in their ranges of values.
    """
    form, mine = _Form.of(image), _Form.of_rows(codec)
    planes = mine.read(row)
    current = form.read(sized(image, codec))
    _check_size(current, codec)
    _check_range(current, planes.dtype, codec)
    out = form.write(
        _convert(
            planes, current.dtype, min(codec.low), max(codec.high), "rows of the bank or sampler"
        )
    )
    if not isinstance(image, Tensor):
        return out
    out = out.to(image.device)
    return tv_tensors.wrap(out, like=image) if isinstance(image, tv_tensors.TVTensor) else out


def to_rows(image: Any, codec: ImageCodec) -> Any:
    """Return an image as one row in the form that `codec` was fitted on."""
    form, mine = _Form.of(image), _Form.of_rows(codec)
    planes = form.read(sized(image, codec)).cpu()
    _check_size(planes, codec)
    dtype = getattr(torch, mine.torch_dtype)
    _check_range(planes, dtype, codec)
    if planes.dtype.is_floating_point and not dtype.is_floating_point:
        planes = planes.clamp(0, 1)
    elif (
        dtype.is_floating_point
        and not planes.dtype.is_floating_point
        and not _in_unit(codec.low, codec.high)
    ):
        raise InputError(
            f"the image is {planes.dtype} and the sampler was fitted on floats from "
            f"{min(codec.low):g} to {max(codec.high):g}: put this transform where images are "
            "scaled like that."
        )
    values = planes.double()
    row = mine.write(_convert(planes, dtype, float(values.min()), float(values.max()), "the image"))
    return [row] if codec.container == "pil" else row[None]


def sized(image: Any, codec: ImageCodec) -> Any:
    """Return an image in the size of the rows, if these were fitted on images of several sizes."""
    made = codec.resized([image])[0]
    return tv_tensors.wrap(made, like=image) if isinstance(image, tv_tensors.TVTensor) else made


def blend(image: Any, other: Any, weight: float) -> Any:
    """Return ``image + weight * (other - image)``; integers are rounded."""
    form = _Form.of(image)
    a, b = form.read(image), form.read(other)
    working = (
        torch.float64 if a.dtype in (torch.float64, torch.int64, torch.int32) else torch.float32
    )
    mixed = torch.lerp(a.to(working), b.to(working), weight)  # exact at both ends
    out = form.write((mixed if a.dtype.is_floating_point else mixed.round()).to(a.dtype))
    return tv_tensors.wrap(out, like=image) if isinstance(image, tv_tensors.TVTensor) else out


@dataclass(frozen=True)
class _Form:
    """Container of an image (PIL, Tensor or array), order of its axes, and dtype."""

    container: str
    layout: str
    dtype: str

    @classmethod
    def of(cls, image: Any) -> Self:
        if isinstance(image, Image.Image):
            return cls("pil", _layout(_PIL_LAYOUTS, image.mode, "a PIL image of mode"), "uint8")
        if isinstance(image, Tensor):
            layout = _layout(
                _TENSOR_LAYOUTS, image.ndim, f"a Tensor of shape {tuple(image.shape)}, dimensions:"
            )
            return cls("tensor", layout, str(image.dtype).removeprefix("torch."))
        if (
            isinstance(image, np.ndarray)
            and image.dtype.kind in "biuf"
            and image.dtype.itemsize <= 8
        ):
            layout = _layout(
                _ARRAY_LAYOUTS, image.ndim, f"an array of shape {image.shape}, dimensions:"
            )
            return cls("ndarray", layout, image.dtype.str)
        raise InputError(
            f"the image is a {type(image).__name__}: give a PIL image, a Tensor or an array of "
            "numbers."
        )

    @classmethod
    def of_rows(cls, codec: ImageCodec) -> Self:
        return cls(codec.container, codec.layout[1:], codec.dtype)

    @property
    def torch_dtype(self) -> str:
        return self.dtype if self.container == "tensor" else np.dtype(self.dtype).name

    def read(self, image: Any) -> Tensor:
        """Return an image as a Tensor (C, H, W) of the same dtype."""
        if isinstance(image, Tensor):
            planes = image.detach().as_subclass(Tensor)
        else:
            array = np.array(image) if self.container == "pil" else image
            # PyTorch refuses foreign byte orders, negative strides and read-only memory.
            native = array.astype(array.dtype.newbyteorder("="), copy=False)
            planes = torch.from_numpy(np.require(native, requirements=["C", "W"]))
        if self.layout == "HW":
            return planes[None]
        return planes.permute(2, 0, 1) if self.layout == "HWC" else planes

    def write(self, planes: Tensor) -> Any:
        """Return an image of this form from a Tensor (C, H, W) of its dtype."""
        if self.layout == "HW":
            planes = planes[0]
        elif self.layout == "HWC":
            planes = planes.permute(1, 2, 0)
        planes = planes.contiguous()
        if self.container == "tensor":
            return planes
        array = planes.numpy().astype(self.dtype, copy=False)
        return Image.fromarray(array) if self.container == "pil" else array


def _layout(layouts: dict[Any, str], key: Any, what: str) -> str:
    if key not in layouts:
        raise InputError(
            f"the image is {what} {key!r}; it may be {' or '.join(map(repr, layouts))}. Convert it "
            "first, or use SyntheticMix for whole batches."
        )
    return layouts[key]


def _check_size(planes: Tensor, codec: ImageCodec) -> None:
    if tuple(planes.shape) != codec.shape:
        mine, rows = (" x ".join(map(str, shape)) for shape in (planes.shape, codec.shape))
        raise InputError(
            f"the image has (channels x height x width) {mine}, and rows of the bank or sampler "
            f"{rows}: put this transform before those that resize, crop or change channels, or fit "
            "the sampler with modality=Image(image_size=...)."
        )


def _check_range(planes: Tensor, dtype: torch.dtype, codec: ImageCodec) -> None:
    """Raise if an image clearly has another range of values than rows, whose dtype is given."""
    low, high = min(codec.low), max(codec.high)
    is_float = planes.dtype.is_floating_point
    if is_float and dtype.is_floating_point and not _in_unit(codec.low, codec.high):
        room = high - low  # new images may be darker or brighter than all that were fitted
        low, high = low - room, high + room
    elif is_float:  # rows of integers become 0 to 1
        low, high = -_OVERSHOOT, 1 + _OVERSHOOT
    elif dtype == torch.uint8 and planes.dtype not in (torch.bool, torch.uint8):
        low, high = -math.inf, 255
    else:
        return
    values = planes if is_float else planes.double()  # PyTorch compares no unsigned 16 bits
    least, most = float(values.min()), float(values.max())
    if not low <= least <= most <= high:
        raise InputError(
            f"the image is {planes.dtype} from {least:g} to {most:g}, and rows of the bank or "
            f"sampler are {dtype} from {min(codec.low):g} to {max(codec.high):g}: put this "
            "transform where images are like those that the sampler was fitted on, such as before "
            "they are normalised."
        )


def _in_unit(low: tuple[float, ...], high: tuple[float, ...]) -> bool:
    return min(low) >= 0 and max(high) <= 1


def _convert(planes: Tensor, dtype: torch.dtype, low: float, high: float, what: str) -> Tensor:
    """Return pixels in [low, high] with another dtype, or raise."""
    if planes.dtype == dtype:
        return planes
    if planes.dtype == torch.bool:  # black and white: 0 and 1
        planes, low, high = planes.float(), 0.0, 1.0
    source = planes.dtype
    if source.is_floating_point and dtype.is_floating_point:
        return planes.to(dtype)
    if dtype != torch.bool and not source.is_floating_point and not dtype.is_floating_point:
        if torch.iinfo(dtype).min <= low and high <= torch.iinfo(dtype).max:
            return planes.to(dtype)
    elif source.is_floating_point and dtype == torch.uint8 and low >= 0 and high <= 1:
        wide: Tensor = F.to_dtype(
            planes.to(torch.promote_types(source, torch.float32)), dtype, scale=True
        )
        return wide
    elif source == torch.uint8 and dtype.is_floating_point:
        scaled: Tensor = F.to_dtype(planes, dtype, scale=True)
        return scaled
    raise InputError(
        f"{what}: {source} from {low:g} to {high:g} cannot be written as {dtype}. Only uint8 (0 to "
        "255) and floats from 0 to 1 are converted: put this transform where images are like those "
        "that the sampler was fitted on."
    )

"""Images of any size to one size: a centred crop, or a change of the aspect ratio."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.containers import is_pil, stack_rows
from gen_augment.errors import InputError
from gen_augment.modalities.image.pixels import CHANNELS, plain_mode

__all__ = ["MAX_SIDE", "MIN_SIDE", "check_image_size", "crop_box", "resize_all", "resize_pil"]

MIN_SIDE, MAX_SIDE = 8, 1024

Size = tuple[int, int]


def check_image_size(size: Any) -> Size | None:
    """Return ``(height, width)`` of a size as torchvision's ``Resize`` and ``CenterCrop`` take it.

    Raises
    ------
    InputError
        It is neither an int nor a pair, or a side is not in [8, 1024].
    """
    if size is None:
        return None
    sides = (size, size) if isinstance(size, (int, np.integer)) else size
    if not isinstance(sides, (tuple, list)) or len(sides) != 2 or not all(map(_is_side, sides)):
        raise InputError(
            f"image_size={size!r} is neither a number of pixels nor (height, width), with sides of "
            f"{MIN_SIDE} to {MAX_SIDE:,} px."
        )
    return int(sides[0]), int(sides[1])


def _is_side(side: Any) -> bool:
    is_int = isinstance(side, (int, np.integer)) and not isinstance(side, bool)
    return is_int and MIN_SIDE <= side <= MAX_SIDE


def crop_box(size: Size, target: Size, *, center_crop: bool) -> tuple[float, float, float, float]:
    """Return the part of an image that becomes `target`: left, top, right, bottom.

    Parameters
    ----------
    size, target : (int, int)
        Height and width, of the image and of the result.
    center_crop : bool
        Whether the part is the largest centred one with the aspect ratio of `target`, as after
        torchvision's ``Resize(side)`` and ``CenterCrop(side)``, or the whole image, as in
        ``Resize((height, width))``.

    Examples
    --------
    >>> crop_box((100, 300), (64, 64), center_crop=True)
    (100.0, 0.0, 200.0, 100.0)
    """
    height, width = size
    if not center_crop:
        return 0.0, 0.0, float(width), float(height)
    if target[0] * width >= target[1] * height:  # the height decides
        tall, wide = target[0], max(target[0] * width // height, target[1])
    else:
        tall, wide = max(target[1] * height // width, target[0]), target[1]
    # The crop starts at a whole pixel of the resized image, as in torchvision.
    left, top = round((wide - target[1]) / 2), round((tall - target[0]) / 2)
    down, across = height / tall, width / wide
    return left * across, top * down, (left + target[1]) * across, (top + target[0]) * down


def resize_pil(image: Image.Image, target: Size, *, center_crop: bool) -> Image.Image:
    """Return a PIL image of size `target`, a crop of the original; bilinear with antialiasing."""
    image = plain_mode(image)
    size = image.height, image.width
    _check_sides(size)
    if size == target:
        return image
    box = crop_box(size, target, center_crop=center_crop)
    return image.resize(target[::-1], Image.Resampling.BILINEAR, box=box)


def resize_all(X: Any, target: Size, *, center_crop: bool) -> Any:
    """Return images of any sizes as images of size `target`, in the same kind of container.

    A list of arrays or of tensors becomes one array or tensor.

    Parameters
    ----------
    X : list of PIL images, arrays or Tensors; or array or Tensor of shape (n, ...)
    target : (int, int)
        Height and width.
    center_crop : bool
        As in `crop_box`.

    Raises
    ------
    InputError
        An image has a side of less than 8 px; the message gives its row.
    """
    if len(X) == 0 or not (isinstance(X, (list, tuple)) or hasattr(X, "shape")):
        return X
    if not isinstance(X, (list, tuple)) and _has_size(X[0], target):
        return X  # a large array is not copied
    made = []
    for number, image in enumerate(X):
        try:
            made.append(_resize(image, target, center_crop))
        except InputError as error:
            where = f"row {number} of X: " if len(X) > 1 else ""
            raise InputError(f"{where}{error}") from error
    if any(map(is_pil, made)):
        return made
    stacked = stack_rows(made)  # in the byte order of this machine
    return stacked if isinstance(stacked, Tensor) else stacked.astype(made[0].dtype, copy=False)


def _resize(image: Any, target: Size, center_crop: bool) -> Any:
    if is_pil(image):
        return resize_pil(image, target, center_crop=center_crop)
    if isinstance(image, Tensor):
        return _resize_tensor(image.detach().as_subclass(Tensor), target, center_crop)
    array = np.asarray(image)
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3):
        raise InputError(f"an array of shape {array.shape} and {array.dtype} is not an image.")
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    resized = _resize_tensor(torch.from_numpy(native.copy()), target, center_crop)
    return resized.numpy().astype(array.dtype, copy=False)


def _resize_tensor(image: Tensor, target: Size, center_crop: bool) -> Tensor:
    """Resize an image (H, W), (C, H, W) or (H, W, C) and keep its dtype and axes."""
    from torchvision.transforms.v2 import functional as F

    if image.ndim == 3 and image.shape[0] not in CHANNELS:
        planes = image.permute(2, 0, 1)
        return _resize_tensor(planes, target, center_crop).permute(1, 2, 0).contiguous()
    if image.ndim not in (2, 3):
        raise InputError(f"a Tensor of shape {tuple(image.shape)} is not an image.")
    size = image.shape[-2], image.shape[-1]
    _check_sides(size)
    if size == target:
        return image
    left, top, right, bottom = map(round, crop_box(size, target, center_crop=center_crop))
    planes = image[..., top : max(bottom, top + 1), left : max(right, left + 1)]
    planes = planes[None] if planes.ndim == 2 else planes
    working = torch.float64 if planes.dtype in (torch.float64, torch.int64) else torch.float32
    made: Tensor = F.resize(planes.to(working), list(target), antialias=True)
    if not image.dtype.is_floating_point:
        made = made.round_()
    made = made.to(image.dtype)
    return made if image.ndim == 3 else made[0]


def _has_size(image: Any, target: Size) -> bool:
    """Whether an array has this size, on the axes that are no channels."""
    shape = tuple(image.shape)
    if len(shape) == 3:
        shape = shape[1:] if shape[0] in CHANNELS else shape[:2]
    return shape == target


def _check_sides(size: Size) -> None:
    if min(size) < MIN_SIDE:
        raise InputError(
            f"an image of {size[1]} x {size[0]} px is too small: a side has at least {MIN_SIDE} px."
        )

"""Folders with one folder of images for each class."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from gen_augment.errors import InputError

__all__ = ["open_folder", "open_image", "read_folder", "write_folder"]


def open_image(path: str) -> Image.Image:
    """Open an image file: grey stays grey, all else becomes RGB, as in torchvision's own loader.

    Raises
    ------
    InputError
        The file is no image, is cut short, or holds numbers of more than 8 bits.
    """
    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode[0] not in "IF":
                return image.copy() if mode == "L" else image.convert("RGB")
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # what PIL's readers raise
        raise InputError(
            f"{path} cannot be read as an image: {error}. Replace or remove it."
        ) from error
    raise InputError(
        f"{path} is an image of mode {mode!r}, whose numbers PIL would cut off at 255: scale it to 8 bits, or give the "
        "images as arrays."
    )


def open_folder(path: str | os.PathLike[str]) -> ImageFolder:
    """Open a folder of class folders as a Dataset of PIL images and class numbers."""
    try:
        return ImageFolder(path, loader=open_image)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{os.fspath(path)!r} is not a folder of one folder of images for each class: {error}"
        ) from error


def read_folder(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a folder of class folders; labels are the folders' names."""
    pairs = list(open_folder(path))
    images, codes = [image for image, _ in pairs], [code for _, code in pairs]
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise InputError(
            f"{path} holds images of {len(sizes)} sizes (width, height), such as {sorted(sizes)[:3]}: resize them."
        )
    if len({image.mode for image in images}) > 1:
        images = [image.convert("RGB") for image in images]
    names = sorted(entry.name for entry in os.scandir(path) if entry.is_dir())
    return np.stack([np.asarray(image) for image in images]), np.array(names)[codes]


def write_folder(folder: Path, parts: Iterable[tuple[Any, Any]], codec: Any) -> None:
    """Write images as they come, as ``LABEL/000000.png``."""
    number = 0
    made: set[Any] = set()
    for X, y in parts:
        labels = np.asarray(y)
        pixels = _as_bytes(X, codec)
        for label in set(labels.tolist()) - made:
            _make_folder(folder / _safe_name(label))
            made.add(label)
        for image, label in zip(pixels, labels.tolist(), strict=True):
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
                folder / _safe_name(label) / f"{number:06d}.png"
            )
            number += 1


def _as_bytes(X: Any, codec: Any) -> np.ndarray:
    """Images as bytes, of shape (n, H, W, C).

    Numbers from 0 to 1 become 0 to 255, and of others the range of all channels together: each by itself would change
    colours.
    """
    first, last = min(codec.low), max(codec.high)
    if first >= 0 and last <= 1:
        first, last = 0.0, 1.0
    span = (last - first) or 1.0  # images of one value
    low, high = (
        torch.tensor([255 * (end - first) / span for end in ends], device="cpu")[:, None, None]
        for ends in (codec.low, codec.high)
    )
    pixels = low + (codec.encode(X) + 1) * ((high - low) / 2)
    return pixels.round().byte().permute(0, 2, 3, 1).numpy()  # type: ignore[no-any-return]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:  # where "a" and "A" name one folder
        raise InputError(
            f"label {path.name!r} and another one name the same folder on this disk: rename one of them."
        ) from error


def _safe_name(label: Any) -> str:
    """A label as the name of a folder; an archive must not choose where files go."""
    name = str(label)
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise InputError(f"label {name!r} cannot be the name of a folder.")
    return name

"""Folders that hold one folder of images for each class."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from gen_augment.errors import InputError
from gen_augment.modalities.class_folders import listed, write_class_folders
from gen_augment.modalities.image.pixels import plain_mode
from gen_augment.validation import check_choice

__all__ = ["open_folder", "open_image", "read_folder", "write_folder"]

OnError = Literal["raise", "skip"]

#: Endings of image files, as torchvision's ``ImageFolder`` reads them.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def open_image(path: str | os.PathLike[str]) -> Image.Image:
    """Open an image file as mode "L", "RGB" or "RGBA".

    Grey, RGB and RGBA files keep their mode; black-and-white files become "L", and all others
    "RGB".

    Raises
    ------
    InputError
        The file is not an image, is cut short, or has more than 8 bits per value.
    """
    try:
        with Image.open(path) as file:
            mode = file.mode
            if mode[0] not in "IF":
                image = plain_mode(file)
                return image.copy() if image.mode in ("L", "RGBA") else image.convert("RGB")
    # What PIL's readers raise.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} cannot be read as an image: {error}. Replace or remove it."
        ) from error
    raise InputError(
        f"{path} is an image of mode {mode!r}, whose values PIL would clip at 255: scale it to 8 "
        "bits, or give the images as arrays."
    )


def open_folder(
    path: str | os.PathLike[str], *, on_error: OnError = "raise"
) -> tuple[list[Image.Image], list[str]]:
    """Read a folder of class folders as PIL images and the names of their folders.

    Images keep a mode that all of them share; images of different modes become RGB. Hidden folders,
    such as ``.ipynb_checkpoints``, and hidden files are ignored, with a warning.

    Parameters
    ----------
    path : path-like
    on_error : {"raise", "skip"}
        What to do with files that cannot be read. "skip" leaves them out, with a warning.

    Raises
    ------
    InputError
        There are no class folders, a class has no images, or files cannot be read; the message
        lists the first 10 of them.
    """
    check_choice("on_error", on_error, ("raise", "skip"))
    folder = Path(path)
    images, labels, errors = [], [], []
    for name, files in _classes(folder):
        for file in files:
            try:
                images.append(open_image(file))
                labels.append(name)
            except InputError as error:
                errors.append(str(error))
    if errors and not images:
        raise InputError(
            f"{folder}: none of its {len(errors)} image files can be read: {errors[0]}"
        )
    if errors:
        _report(folder, errors, on_error)
    if len({image.mode for image in images}) > 1:
        images = [image.convert("RGB") for image in images]
    return images, labels


def read_folder(path: Path, *, on_error: OnError = "raise") -> tuple[np.ndarray, np.ndarray]:
    """Read a folder of class folders as an array of uint8 and the names of the folders.

    Parameters
    ----------
    path, on_error
        As in `open_folder`.

    Returns
    -------
    X : ndarray of shape (n, H, W) or (n, H, W, C)
    y : ndarray of shape (n,)

    Raises
    ------
    InputError
        As in `open_folder`, or the images differ in size.
    """
    images, labels = open_folder(path, on_error=on_error)
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise InputError(
            f"{path} holds images of {len(sizes)} sizes (width, height), such as "
            f"{sorted(sizes)[:3]}: resize them."
        )
    return np.stack([np.asarray(image) for image in images]), np.array(labels)


#: Beginnings of names such as ``.ipynb_checkpoints`` and ``__MACOSX``.
_HIDDEN = (".", "__")


def _classes(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the name and the image files of each class folder, both in order of names."""
    problem = f"{os.fspath(folder)!r} is not a folder of one folder of images for each class"
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError as error:
        raise InputError(f"{problem}: {error}") from error
    classes = [entry for entry in entries if not entry.name.startswith(_HIDDEN)]
    if not classes:
        raise InputError(f"{problem}: it has no folders.")
    if hidden := [entry.name for entry in entries if entry.name.startswith(_HIDDEN)]:
        warnings.warn(f"{folder}: the hidden folders {hidden} are ignored.", stacklevel=2)
    for entry in classes:
        found = [file for _, file in sorted(_image_files(entry))]
        if not found:
            raise InputError(f"{problem}: {entry.name!r} has no image files.")
        yield entry.name, found


def _image_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for root, inner, names in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(_HIDDEN)]
        for name in names:
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                yield root, Path(root, name)


def _report(folder: Path, errors: Sequence[str], on_error: OnError) -> None:
    """Raise an error, or warn, about files that cannot be read."""
    if on_error == "raise":
        raise InputError(
            f"{folder} has {len(errors)} file(s) that cannot be read. Replace or remove them, or "
            'leave them out with modality=Image(on_error="skip") (on the command line, --option '
            f"on_error=skip):\n{listed(errors)}"
        )
    warnings.warn(
        f"{folder}: {len(errors)} file(s) cannot be read and are left out:\n{listed(errors)}",
        stacklevel=3,
    )


def write_folder(folder: Path, parts: Iterable[tuple[Any, Any]], codec: Any) -> None:
    """Write images that arrive in parts as ``LABEL/000000.png`` and so on."""
    pixels = ((_as_bytes(X, codec), y) for X, y in parts)
    write_class_folders(folder, pixels, ".png", _save)


def _save(path: Path, image: np.ndarray) -> None:
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path)


def _as_bytes(X: Any, codec: Any) -> np.ndarray:
    """Convert images to uint8 of shape (n, H, W, C).

    Values in [0, 1] are scaled to [0, 255]. Other values are scaled by the range of all channels
    together, since scaling each channel would change colours.
    """
    first, last = min(codec.low), max(codec.high)
    if first >= 0 and last <= 1:
        first, last = 0.0, 1.0
    span = (last - first) or 1.0  # constant images
    low, high = (
        torch.tensor([255 * (end - first) / span for end in ends], device="cpu")[:, None, None]
        for ends in (codec.low, codec.high)
    )
    pixels = low + (codec.encode(X) + 1) * ((high - low) / 2)
    return pixels.round().byte().permute(0, 2, 3, 1).numpy()  # type: ignore[no-any-return]

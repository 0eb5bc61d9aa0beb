"""Folders that hold one folder of images for each class."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from PIL import Image, ImageOps

from gen_augment.containers import UNREADABLE
from gen_augment.errors import InputError
from gen_augment.modalities.class_folders import listed, write_class_folders
from gen_augment.modalities.image.pixels import element, plain_mode
from gen_augment.modalities.image.resizing import check_image_size, resize_all, resize_pil
from gen_augment.user_warnings import warn
from gen_augment.validation import check_choice

__all__ = ["open_folder", "open_image", "read_folder", "write_folder"]

OnError = Literal["raise", "skip"]

#: Endings of image files: those of torchvision's ``ImageFolder``, and GIF.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif")


def open_image(path: str | os.PathLike[str]) -> Image.Image:
    """Open an image file as mode "L", "RGB" or "RGBA", or "I;16" for grey of 16 bits.

    Grey, RGB and RGBA files keep their mode. Black-and-white files become "L", and all others, such
    as palettes and CMYK, "RGB". An orientation in the file's EXIF data is applied.

    Raises
    ------
    InputError
        The file is not an image, is cut short, is an animation, or holds floats.
    """
    try:
        with warnings.catch_warnings():
            # A photograph of 100 megapixels is no attack; PIL refuses twice as many.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                mode, n_frames = file.mode, getattr(file, "n_frames", 1)
                animated = file.format in ("GIF", "PNG", "WEBP") and n_frames > 1
                if not animated and mode != "F":
                    return _upright(file)
    except UNREADABLE as error:
        raise InputError(
            f"{path} cannot be read as an image: {str(error).rstrip('.')}. Replace or remove it."
        ) from error
    if animated:
        raise InputError(
            f"{path} is an animation of {n_frames} frames: save one frame as an image."
        )
    raise InputError(f"{path} is an image of floats: scale it to 8 bits, or give arrays.")


def _upright(file: Image.Image) -> Image.Image:
    """Return the pixels of an open file in a plain mode, with the side up that EXIF names."""
    image = ImageOps.exif_transpose(file)
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() >= 2**16:
            raise ValueError(f"its values go from {values.min()} to {values.max()}, over 16 bits")
        return Image.fromarray(values.astype(np.uint16))
    image = plain_mode(image)
    return image.copy() if image.mode in ("L", "RGBA") else image.convert("RGB")


def open_folder(
    path: str | os.PathLike[str],
    *,
    image_size: int | tuple[int, int] | None = None,
    center_crop: bool = True,
    on_error: OnError = "raise",
) -> tuple[Any, list[str]]:
    """Read a folder of class folders as images and the names of their folders.

    Images keep a mode that all of them share; images of different modes become RGB. Hidden folders,
    such as ``.ipynb_checkpoints``, and hidden files are ignored, with a warning.

    Parameters
    ----------
    path : path-like
    image_size, center_crop
        As in `Image`; each file is resized as it is read.
    on_error : {"raise", "skip"}
        What to do with files that cannot be read. "skip" leaves them out, with a warning.

    Returns
    -------
    X : list of PIL images, or ndarray of shape (n, H, W) and dtype uint16 for grey of 16 bits
    y : list of str

    Raises
    ------
    InputError
        There are no class folders, a class has no images, images differ in size and there is no
        `image_size`, or files cannot be read; the message lists the first 10 of them.
    """
    check_choice("on_error", on_error, ("raise", "skip"))
    size = check_image_size(image_size)
    folder = Path(path)
    images: list[Any] = []
    labels, errors = [], []
    for name, files in _classes(folder):
        for file in files:
            try:
                image = _sized(open_image(file), file, size, center_crop=center_crop)
            except InputError as error:
                errors.append(str(error))
                continue
            if images and image.size != images[0].size:  # before all are in memory
                _refuse_sizes(folder, file, image, images[0])
            images.append(image)
            labels.append(name)
    if errors and not images:
        raise InputError(
            f"{folder}: none of its {len(errors)} image files can be read: {errors[0]}"
        )
    if errors:
        _report(folder, errors, on_error)
    return _of_one_mode(folder, images), labels


def _sized(
    image: Image.Image, file: Path, size: tuple[int, int] | None, *, center_crop: bool
) -> Image.Image:
    if size is None:
        return image
    try:
        if image.mode != "I;16":
            return resize_pil(image, size, center_crop=center_crop)
        pixels = resize_all([np.asarray(image)], size, center_crop=center_crop)
        return Image.fromarray(pixels[0])
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _refuse_sizes(folder: Path, file: Path, image: Image.Image, first: Image.Image) -> NoReturn:
    sizes = " and ".join(f"{each.width} x {each.height}" for each in (first, image))
    raise InputError(
        f"{folder} holds images of several sizes, such as {sizes} px ({file.name}): bring them to "
        "one with modality=Image(image_size=128) (on the command line, --option image_size=128)."
    )


def _of_one_mode(folder: Path, images: list[Image.Image]) -> Any:
    modes = {image.mode for image in images}
    if modes == {"I;16"}:
        return np.stack([np.asarray(image) for image in images])
    if "I;16" in modes:
        raise InputError(
            f"{folder} holds grey images of 16 bits and images of mode {sorted(modes - {'I;16'})}: "
            "convert all of them to 8 bits."
        )
    return images if len(modes) <= 1 else [image.convert("RGB") for image in images]


def read_folder(
    path: Path,
    *,
    image_size: int | tuple[int, int] | None = None,
    center_crop: bool = True,
    on_error: OnError = "raise",
) -> tuple[np.ndarray, np.ndarray]:
    """Read a folder of class folders as an array and the names of the folders.

    Parameters
    ----------
    path, image_size, center_crop, on_error
        As in `open_folder`.

    Returns
    -------
    X : ndarray of shape (n, H, W) or (n, H, W, C), of uint8, or uint16 for grey of 16 bits
    y : ndarray of shape (n,)

    Raises
    ------
    InputError
        As in `open_folder`.
    """
    images, labels = open_folder(
        path, image_size=image_size, center_crop=center_crop, on_error=on_error
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
        warn(f"{folder}: the hidden folders {hidden} are ignored.")
    _check_depth(folder, classes)
    for entry in classes:
        found = [file for _, file in sorted(_image_files(entry))]
        if not found:
            raise InputError(f"{problem}: {entry.name!r} has no image files.")
        yield entry.name, found


def _check_depth(folder: Path, classes: list[Path]) -> None:
    """Raise if the class folders are one level deeper than they should be."""
    if len(classes) > 1:
        return
    inner = {Path(root) for root, _ in _image_files(classes[0])}
    if len(inner) > 1 and classes[0] not in inner:
        raise InputError(
            f"{folder} has one folder, {classes[0].name!r}, whose images are in {len(inner)} "
            f"folders: give {classes[0]} if those are the classes."
        )


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
            'leave them out with modality=Image(on_error="skip") (on the command line, '
            f"--skip-unreadable):\n{listed(errors)}"
        )
    warn(f"{folder}: {len(errors)} file(s) cannot be read and are left out:\n{listed(errors)}")


def write_folder(folder: Path, parts: Iterable[tuple[Any, Any]], codec: Any) -> None:
    """Write images that arrive in parts as ``LABEL/000000.png`` and so on."""
    pixels = ((_written(X, codec), y) for X, y in parts)
    write_class_folders(folder, pixels, ".png", _save)


def _save(path: Path, image: np.ndarray) -> None:
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path)


def _written(X: Any, codec: Any) -> np.ndarray:
    """Convert images to the pixels of PNG files, of shape (n, H, W, C): uint8, or uint16 for grey.

    Values in [0, 1] are scaled to [0, 255]. Values that a file cannot have are scaled by the range
    of all channels together, since scaling each channel would change colours.
    """
    first, last, top = min(codec.low), max(codec.high), 255
    if element(codec.dtype) == "uint16" and codec.shape[0] == 1:
        first, last, top = 0.0, 65535.0, 65535
    elif first >= 0 and last <= 1:
        first, last = 0.0, 1.0
    elif element(codec.dtype) != "uint8":
        warn(f"values from {first:g} to {last:g} become 0 to 255 in PNG files of images.")
    span = (last - first) or 1.0  # constant images
    low, high = (
        torch.tensor([top * (end - first) / span for end in ends], device="cpu")[:, None, None]
        for ends in (codec.low, codec.high)
    )
    pixels = low + (codec.encode(X) + 1) * ((high - low) / 2)
    found: np.ndarray = pixels.round().permute(0, 2, 3, 1).numpy()
    return found.astype(np.uint8 if top == 255 else np.uint16)

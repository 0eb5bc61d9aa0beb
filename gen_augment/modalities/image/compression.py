"""Compressed images in a bank: each block of rows is a file of PNG, WebP or JPEG images.

The bank's own file holds a record for each row: its block, where its bytes start, how many they
are, and their digest. An image is compressed alone, so it does not depend on its block.
"""

import hashlib
import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from gen_augment import archive
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities.image.codec import ImageCodec
from gen_augment.modalities.image.pixels import Layout, element, to_nchw
from gen_augment.modalities.row_store import RowStore, block_file

__all__ = ["CompressedImages"]

#: Arguments of Pillow. Of lossless WebP, the fastest method is 10% larger than the slowest, which
#: takes 20 times as long, and smaller and faster than PNG.
LOSSLESS = {
    "png": {"compress_level": 3},
    "webp": {"lossless": True, "method": 0, "quality": 0, "exact": True},
}
LOSSY: dict[str, dict[str, Any]] = {"jpeg": {}, "webp": {"exact": True}}
RECORD = np.dtype([("block", "<u4"), ("size", "<u4"), ("start", "<u8"), ("digest", "V16")])


class CompressedImages(RowStore):
    """Images of 8 bits, or of 16 bits and one channel as PNG, in a file for each block.

    Parameters
    ----------
    codec : ImageCodec
        The form of the images.
    compression : str
        "png" or "webp", which lose nothing, or with a quality of 1 to 100, such as "jpeg:90" or
        "webp:90".

    Raises
    ------
    InputError
        There is no such compression here, or the format cannot hold these images.
    """

    def __init__(self, codec: ImageCodec, compression: str) -> None:
        self.format, self.arguments = _read_compression(compression)
        self.codec = codec
        channels = codec.shape[0]
        deep = element(codec.dtype) == "uint16" and channels == 1 and self.format == "png"
        if not (element(codec.dtype) == "uint8" or deep):
            raise InputError(
                f"compression={compression!r} cannot hold {channels} channel(s) of {codec.dtype}: "
                "fit the sampler on uint8 images, or leave compression out."
            )
        if self.format == "jpeg" and channels == 4:
            raise InputError(
                f"compression={compression!r} cannot hold 4 channels: use 'webp:90', for example."
            )
        self.dtype = RECORD
        self.n_bytes = math.prod(codec.shape) * np.dtype(codec.dtype).itemsize

    def write(self, X: Any, folder: Path, block: int) -> np.ndarray:
        """Compress images into the file of their block; return their records."""
        images = to_nchw(self.codec.pack(X), self.codec.layout).transpose(0, 2, 3, 1)
        made = [self._compressed(image) for image in images]
        archive.write_bytes(block_file(folder, block), b"".join(made))
        records = np.empty(len(made), RECORD)
        records["block"] = block
        records["size"] = [len(data) for data in made]
        records["start"] = np.cumsum([0, *records["size"][:-1]])
        records["digest"] = [np.void(_digest(data)) for data in made]
        return records

    def read(self, rows: np.ndarray, folder: Path) -> np.ndarray:
        """Decompress images."""
        channels, height, width = self.codec.shape
        out = np.empty((len(rows), height, width, channels), self.codec.dtype)
        for image, row, data in zip(out, rows, _stored(rows, folder), strict=True):
            try:
                image[...] = self._image(data)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                raise ArchiveError(
                    f"{block_file(folder, row['block'])} is damaged ({error}): remove the folder "
                    "and build the bank again."
                ) from error
        return _in_layout(out, self.codec.layout)

    def is_whole(self, rows: np.ndarray, folder: Path) -> bool:
        """Whether the bytes of all images have the digests of their records."""
        try:
            return all(
                _digest(data) == row["digest"].tobytes()
                for row, data in zip(rows, _stored(rows, folder), strict=True)
            )
        except ArchiveError:
            return False

    def _compressed(self, image: np.ndarray) -> bytes:
        """Return an image (H, W, C) as the bytes of a file."""
        file = BytesIO()
        one = image[..., 0] if image.shape[-1] == 1 else image
        picture = Image.fromarray(np.ascontiguousarray(one, one.dtype.newbyteorder("=")))
        picture.save(file, self.format, **self.arguments)
        return file.getvalue()

    def _image(self, data: bytes) -> np.ndarray:
        """Return the image (H, W, C) of the bytes of a file."""
        channels, height, width = self.codec.shape
        with Image.open(BytesIO(data), formats=[self.format]) as picture:
            if picture.size != (width, height):
                raise ValueError(f"an image of {picture.size}")
            # WebP has no grey images, and leaves out an alpha channel of 255.
            deep = picture.mode.startswith("I;16")
            mode = picture.mode if deep else {1: "L", 3: "RGB", 4: "RGBA"}[channels]
            return np.asarray(picture.convert(mode)).reshape(height, width, channels)


def _read_compression(compression: Any) -> tuple[str, dict[str, Any]]:
    """Return the format and the arguments of Pillow."""
    name, _, quality = str(compression).partition(":")
    known = LOSSY if quality else LOSSLESS
    if name not in known or (quality and not (quality.isdecimal() and 1 <= int(quality) <= 100)):
        raise InputError(
            f"compression={compression!r}: give 'png' or 'webp', which lose nothing, or 'jpeg:Q' "
            "or 'webp:Q' with a quality Q of 1 to 100."
        )
    if name == "webp" and not features.check("webp"):
        raise InputError(
            "this Pillow was built without WebP: use compression='png', or install Pillow from "
            "PyPI."
        )
    return name, known[name] | ({"quality": int(quality)} if quality else {})


def _stored(rows: np.ndarray, folder: Path) -> Iterator[bytes]:
    """Yield the bytes of images; opening a file takes less time than decoding an image."""
    for row in rows:
        path = block_file(folder, row["block"])
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(int(row["start"]))
                yield file.read(int(row["size"]))
        except OSError as error:
            raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error


def _in_layout(images: np.ndarray, layout: Layout) -> np.ndarray:
    """Return images (n, H, W, C) in another layout."""
    if layout == "NHW":
        return images[..., 0]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if layout == "NCHW" else images


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()

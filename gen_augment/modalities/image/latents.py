"""Encoding of photographs as latent images of an autoencoder, for networks that train on those.

Everything that learns from encoded rows works on latent images: samplers, filters and the features
of an audit. Classifiers of a study and networks of torchvision get pixels, and so do users and
banks.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.containers import concatenate, take
from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, Modality
from gen_augment.modalities.image.autoencoder import Autoencoder
from gen_augment.modalities.image.codec import ImageCodec
from gen_augment.modalities.registry import get_modality
from gen_augment.types import JSON

__all__ = ["LatentCodec"]

#: Pixels that are encoded or decoded together; four images of 256 px.
PIXELS_AT_ONCE = 2**18
#: Smaller deviations are rounding errors of numbers that do not vary.
SMALLEST = 1e-6


@dataclass(frozen=True)
class LatentCodec(Codec):
    """Encoding of images as latent images, with channels of mean 0 over images and mirror images.

    Attributes
    ----------
    pixels : ImageCodec
        Form of the images.
    autoencoder : Autoencoder
    mean, unit : tuple of float
        For each channel of a latent image, what it is before it is encoded as 0, and what it has to
        change by to be encoded as 1.

    Examples
    --------
    >>> X = np.random.default_rng(0).integers(0, 256, (6, 64, 48, 3), dtype=np.uint8)
    >>> codec, rows = LatentCodec.fit(X, "learned")
    >>> rows.shape, codec.decode(rows).shape
    (torch.Size([6, 16, 8, 6]), (6, 64, 48, 3))
    """

    pixels: ImageCodec
    autoencoder: Autoencoder
    mean: tuple[float, ...]
    unit: tuple[float, ...]

    @cached_property
    def modality(self) -> Modality:
        """The image modality that encodes other images by this autoencoder."""
        image: Any = type(get_modality("image"))
        crop = self.pixels.center_crop
        made: Any = image(
            image_size=self._size,
            center_crop=True if crop is None else crop,
            latent=self.autoencoder,
        )
        made._container = self.pixels.container
        return made  # type: ignore[no-any-return]

    @cached_property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """``(k, H / 8, W / 8)``, with the factor of the autoencoder for 8."""
        return self.autoencoder.latent_shape(self._size)

    @property
    def one_shape(self) -> bool:  # type: ignore[override]
        """As in `ImageCodec`."""
        return self.pixels.one_shape

    @property
    def n_features(self) -> int:
        """Values of an image."""
        return self.pixels.n_features

    @property
    def storage(self) -> ImageCodec:
        """Encoding of decoded images."""
        return self.pixels

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self.pixels.shape[1:]
        return height, width

    @classmethod
    def fit(cls, X: Any, latent: Any, center_crop: bool | None = None) -> tuple[Self, Tensor]:
        """Learn or open the autoencoder; return the codec and the latent images.

        Parameters
        ----------
        X, center_crop
            As in `ImageCodec.fit`.
        latent : "learned", path-like, Autoencoder or its record
        """
        pixels = ImageCodec.learn(X, center_crop)
        learn = isinstance(latent, str) and latent == "learned"
        autoencoder = Autoencoder.learn(_batches(pixels, X)) if learn else Autoencoder.of(latent)
        found = torch.cat([autoencoder.encode(batch) for batch in _batches(pixels, X)])
        # Mirroring changes the sign of some channels; their mean over both is then 0.
        mean = (found.mean(dim=(0, 2, 3)) + autoencoder.mirror(found).mean(dim=(0, 2, 3))) / 2
        units = _units(found.std(dim=(0, 2, 3), correction=0))
        codec = cls(pixels, autoencoder, tuple(mean.tolist()), tuple(units.tolist()))
        return codec, codec._scaled(found)

    def encode(self, X: Any) -> Tensor:
        """Encode images of the fitted form as latent images (n, *shape)."""
        parts = [self.autoencoder.encode(batch) for batch in _batches(self.pixels, X)]
        return self._scaled(torch.cat([torch.empty(0, *self.shape, device="cpu"), *parts]))

    def decode(self, rows: Tensor) -> Any:
        """Decode latent images (n, *shape) into images of the fitted form."""
        size = _batch_size(self.pixels)
        parts = [
            self.pixels.decode(self.to_pixels(part))
            for part in torch.split(rows, size)
            if len(part)
        ]
        return concatenate(parts) if parts else self.pixels.decode(self.to_pixels(rows))

    def decode_parts(self, parts: Iterable[Tensor]) -> Any:
        """Decode part by part, since images take more memory than latent images."""
        decoded = [self.decode(part) for part in parts]
        return concatenate(decoded) if decoded else self.decode(torch.empty(0, *self.shape))

    def to_pixels(self, rows: Tensor) -> Tensor:
        """Return the encoding by `pixels` of latent images: (n, C, H, W), nearly in [-1, 1]."""
        if not len(rows):
            return rows.new_empty(0, *self.pixels.shape)
        mean, unit = self._columns(rows)
        latent = rows.float() * unit + mean
        return self.autoencoder.decode(latent, self._size, self.pixels.shape[0])

    def pack(self, X: Any) -> np.ndarray:
        """Turn images into an array of numbers."""
        return self.pixels.pack(X)

    def unpack(self, array: np.ndarray) -> Any:
        """Turn an array that `pack` returned into images."""
        return self.pixels.unpack(array)

    def joined(self, others: Sequence[Any]) -> ImageCodec:
        """Return an encoding of the pixels of all, whose autoencoders may differ."""
        return self.pixels.joined(others)

    def to_json(self) -> JSON:
        """Return all fields as JSON values."""
        return {
            "pixels": self.pixels.to_json(),
            "autoencoder": self.autoencoder.record,
            "mean": self.mean,
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a codec from `to_json`; raise for values that do not fit together."""
        pixels, autoencoder = (
            ImageCodec.from_json(record["pixels"]),
            Autoencoder(record["autoencoder"]),
        )
        codec = cls(pixels, autoencoder, tuple(record["mean"]), tuple(record["unit"]))
        numbers = (*codec.mean, *codec.unit)
        if not len(codec.mean) == len(codec.unit) == codec.shape[0] or not all(
            map(math.isfinite, numbers)
        ):
            raise InputError(
                f"{codec.mean} and {codec.unit} do not scale {codec.shape[0]} channels."
            )
        return codec

    def _scaled(self, latent: Tensor) -> Tensor:
        mean, unit = self._columns(latent)
        return (latent - mean) / unit

    def _columns(self, like: Tensor) -> tuple[Tensor, Tensor]:
        columns = like.new_tensor([self.mean, self.unit], dtype=torch.float32)[..., None, None]
        return columns[0], columns[1]


def _batch_size(pixels: ImageCodec) -> int:
    return max(1, PIXELS_AT_ONCE // math.prod(pixels.shape[1:]))


def _batches(pixels: ImageCodec, X: Any) -> Iterator[Tensor]:
    """Yield encoded images in batches, so that all of them are never in memory as floats."""
    size = _batch_size(pixels)
    for start in range(0, len(X), size):
        yield pixels.encode(take(X, np.arange(start, min(start + size, len(X)))))


def _units(deviation: Tensor) -> Tensor:
    """Return the units of channels with these deviations.

    Of a channel it is the geometric mean of its own deviation and that of all: with one unit for
    all, networks would neglect detail, and with variances of 1 they would learn little else.
    """
    units = (deviation * deviation.square().mean().sqrt()).sqrt()
    return torch.where(deviation > SMALLEST, units, 1)

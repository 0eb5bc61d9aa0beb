"""What is publicly known of images: the range of their values."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.image.codec import ImageCodec
from gen_augment.modalities.image.compression import CompressedImages
from gen_augment.modalities.image.pixels import element, infer_layout, read_pixels, to_nchw
from gen_augment.modalities.row_store import RowStore
from gen_augment.modalities.scan import Scan
from gen_augment.modalities.views import Known, RowViews

__all__ = ["ImageViews", "KnownImages"]


class ImageViews(RowViews):
    """The range of images is known by their dtype, or given. A bank may compress them."""

    def row_store(self, codec: Any, compression: str | None = None) -> RowStore:
        plain = super().row_store
        return plain(codec) if compression is None else CompressedImages(codec, compression)

    def scan(self, modality: Any) -> Scan:
        """Return what learns the value range of all images, and the rest of a sample."""
        return Scan(modality, _extremes)

    def known(self, modality: Any, X: Any, bounds: Any) -> Known:
        if modality.latent is not None:
            raise InputError(
                "privacy=Private(...) trains on pixels: an autoencoder that latent= learns has "
                "seen the rows, and latent images have no public bounds. Leave out latent=."
            )
        crop = None if modality.image_size is None else modality.center_crop
        return KnownImages(X, bounds, crop)


class KnownImages:
    """Container, size and dtype, which are public, and public bounds of the values.

    Parameters
    ----------
    X : images
    bounds : (float, float) or None
        None for uint8 and booleans, whose dtype says it.
    center_crop : bool or None
        As in `ImageCodec`.
    """

    n_histograms = n_sets = 0

    def __init__(self, X: Any, bounds: Any, center_crop: bool | None = None) -> None:
        self._pixels = read_pixels(X)[1]
        learned = ImageCodec.learn(X, center_crop)
        if element(learned.dtype) in ("uint8", "bool"):
            self._codec = learned
            fixed = learned.low[0], learned.high[0]
            if bounds not in (None, "paid", fixed):
                raise InputError(
                    f"bounds={bounds!r}: images of {learned.dtype} have the range {fixed}. Leave "
                    "bounds out, or convert the images to floats."
                )
            return
        try:
            low, high = map(float, bounds)
        except (TypeError, ValueError):
            low, high = 0.0, 0.0
        if not -np.inf < low < high < np.inf:
            raise InputError(
                f"bounds={bounds!r}: images of {learned.dtype} need the public range of their "
                "values, such as Private(bounds=(0, 1))."
            )
        n = len(learned.low)
        self._codec = replace(learned, low=(low,) * n, high=(high,) * n)

    def codec(self, ledger: Any) -> tuple[ImageCodec, Tensor, Tensor]:
        return self._codec, -torch.ones(()), torch.ones(())

    def violations(self) -> dict[str, int]:
        low, high = self._codec.low[0], self._codec.high[0]
        beyond = int(((self._pixels < low) | (self._pixels > high)).sum())
        return {"pixels": beyond} if beyond else {}


def _extremes(X: Any) -> list[int]:
    """Return positions of the darkest and the brightest image of each channel."""
    if isinstance(X, list):
        return []
    _, array, dtype = read_pixels(X)
    if element(dtype) in ("uint8", "bool"):
        return []  # their range is known
    pixels = to_nchw(array, infer_layout(array.shape))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    high, low = pixels.max(axis=2).argmax(axis=0), pixels.min(axis=2).argmin(axis=0)
    return [*high.tolist(), *low.tolist()]

"""Images."""

from gen_augment.modalities.image.codec import ImageCodec
from gen_augment.modalities.image.modality import Image

__all__ = ["Image", "ImageCodec"]

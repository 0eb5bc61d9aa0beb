"""Images.

A model for modalities of your own: `codec` encodes rows, `modality` is what the package asks, and
the other files are what it offers: networks, recipes, corruptions, files and pictures.
"""

from gen_augment.modalities.image.codec import ImageCodec
from gen_augment.modalities.image.files import open_folder
from gen_augment.modalities.image.modality import Image

__all__ = ["Image", "ImageCodec", "open_folder"]

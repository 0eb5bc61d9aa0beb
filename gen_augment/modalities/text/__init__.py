"""Texts: one string for each row."""

from gen_augment.modalities.text.codec import TextCodec
from gen_augment.modalities.text.modality import Text

__all__ = ["Text", "TextCodec"]

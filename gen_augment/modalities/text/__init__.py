"""Texts: one string for each row."""

from gen_augment.modalities.text.codec import TextCodec
from gen_augment.modalities.text.encoder import SentenceEncoder
from gen_augment.modalities.text.modality import Text
from gen_augment.modalities.text.networks import WordBag

__all__ = ["SentenceEncoder", "Text", "TextCodec", "WordBag"]

"""Samplers of texts without a network."""

from gen_augment.samplers.text.editing import AEDASampler, EditSampler
from gen_augment.samplers.text.ngram import NGramSampler

__all__ = ["AEDASampler", "EditSampler", "NGramSampler"]

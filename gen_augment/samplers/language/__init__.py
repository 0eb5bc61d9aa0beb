"""A language model that writes texts of a class."""

from gen_augment.samplers.language.sampler import LanguageSampler

__all__ = ["LanguageSampler"]

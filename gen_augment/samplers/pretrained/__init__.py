"""Generators that are trained already, as samplers."""

from gen_augment.samplers.pretrained.sampler import PretrainedSampler

__all__ = ["PretrainedSampler"]

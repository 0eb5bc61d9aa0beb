"""Conditional auto-encoder of pairs of rows of one class."""

from gen_augment.samplers.paired.sampler import PairedVAE

__all__ = ["PairedVAE"]

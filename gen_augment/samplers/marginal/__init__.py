"""Sampling from noisy marginals of a table, along a tree of its columns."""

from gen_augment.samplers.marginal.sampler import MarginalSampler

__all__ = ["MarginalSampler"]

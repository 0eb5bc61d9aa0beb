"""Diffusion pipelines of the diffusers library, which learn the user's classes."""

from gen_augment.samplers.diffusion.sampler import DiffusersSampler

__all__ = ["DiffusersSampler"]

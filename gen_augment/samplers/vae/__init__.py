"""Conditional variational auto-encoder."""

from gen_augment.samplers.vae.sampler import ConditionalVAE

__all__ = ["ConditionalVAE"]

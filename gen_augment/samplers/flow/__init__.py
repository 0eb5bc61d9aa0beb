"""Conditional rectified flow."""

from gen_augment.samplers.flow.sampler import ConditionalFlow

__all__ = ["ConditionalFlow"]

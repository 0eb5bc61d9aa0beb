"""Synthetic data augmentation: fit a conditional generator, inject its samples, learn whether it helped."""

from gen_augment.samplers import ConditionalGAN, ConditionalVAE

__all__ = ["ConditionalGAN", "ConditionalVAE"]

"""Conditional generative adversarial network."""

from gen_augment.samplers.gan.sampler import ConditionalGAN

__all__ = ["ConditionalGAN"]

"""Samplers: one file each."""

from gen_augment.samplers.base import Sampler
from gen_augment.samplers.gan import ConditionalGAN
from gen_augment.samplers.vae import ConditionalVAE

__all__ = ["ConditionalGAN", "ConditionalVAE", "Sampler"]

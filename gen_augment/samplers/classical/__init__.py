"""Samplers without a network."""

from gen_augment.samplers.classical.base import ClassicalSampler
from gen_augment.samplers.classical.bootstrap import BootstrapSampler
from gen_augment.samplers.classical.densities import KDESampler, MixtureSampler
from gen_augment.samplers.classical.perturbation import MungeSampler, PerturbSampler
from gen_augment.samplers.classical.smote import SMOTESampler
from gen_augment.samplers.classical.transformed import TransformSampler

__all__ = [
    "BootstrapSampler",
    "ClassicalSampler",
    "KDESampler",
    "MixtureSampler",
    "MungeSampler",
    "PerturbSampler",
    "SMOTESampler",
    "TransformSampler",
]

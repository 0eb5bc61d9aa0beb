"""Samplers: everything that generates rows by address."""

from gen_augment.samplers.base import Sampler
from gen_augment.samplers.classical import (
    BootstrapSampler,
    ClassicalSampler,
    KDESampler,
    MixtureSampler,
    MungeSampler,
    PerturbSampler,
    SMOTESampler,
    TransformSampler,
)
from gen_augment.samplers.diffusion import DiffusersSampler
from gen_augment.samplers.filtered import FilteredSampler
from gen_augment.samplers.flow import ConditionalFlow
from gen_augment.samplers.gan import ConditionalGAN
from gen_augment.samplers.hub import save_folder
from gen_augment.samplers.language import LanguageSampler
from gen_augment.samplers.marginal import MarginalSampler
from gen_augment.samplers.mixed import MixedSampler
from gen_augment.samplers.network import NetworkSampler
from gen_augment.samplers.paired import PairedVAE
from gen_augment.samplers.pooling import pool
from gen_augment.samplers.pretrained import PretrainedSampler
from gen_augment.samplers.registry import SAMPLERS, load_sampler, register_sampler
from gen_augment.samplers.requests import sample_parts
from gen_augment.samplers.text import AEDASampler, EditSampler, NGramSampler
from gen_augment.samplers.vae import ConditionalVAE

__all__ = [
    "SAMPLERS",
    "AEDASampler",
    "BootstrapSampler",
    "ClassicalSampler",
    "ConditionalFlow",
    "ConditionalGAN",
    "ConditionalVAE",
    "DiffusersSampler",
    "EditSampler",
    "FilteredSampler",
    "KDESampler",
    "LanguageSampler",
    "MarginalSampler",
    "MixedSampler",
    "MixtureSampler",
    "MungeSampler",
    "NGramSampler",
    "NetworkSampler",
    "PairedVAE",
    "PerturbSampler",
    "PretrainedSampler",
    "SMOTESampler",
    "Sampler",
    "TransformSampler",
    "load_sampler",
    "pool",
    "register_sampler",
    "sample_parts",
    "save_folder",
]

for _sampler in (
    ConditionalFlow,
    ConditionalGAN,
    PairedVAE,
    ConditionalVAE,
    BootstrapSampler,
    KDESampler,
    MarginalSampler,
    MixedSampler,
    MixtureSampler,
    MungeSampler,
    PerturbSampler,
    SMOTESampler,
    EditSampler,
    AEDASampler,
    NGramSampler,
    LanguageSampler,
    TransformSampler,
    DiffusersSampler,
):
    register_sampler(_sampler)

"""Samplers: one file each."""

import os
from typing import Any

from gen_augment import archive
from gen_augment.errors import ArchiveError
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.bootstrap import BootstrapSampler
from gen_augment.samplers.classical import ClassicalSampler
from gen_augment.samplers.densities import KDESampler, MixtureSampler
from gen_augment.samplers.flow import ConditionalFlow
from gen_augment.samplers.gan import ConditionalGAN
from gen_augment.samplers.paired import PairedVAE
from gen_augment.samplers.perturbation import MungeSampler, PerturbSampler
from gen_augment.samplers.pretrained import PretrainedSampler
from gen_augment.samplers.requests import sample_parts
from gen_augment.samplers.smote import SMOTESampler
from gen_augment.samplers.vae import ConditionalVAE

__all__ = [
    "CLASSICAL",
    "SAMPLERS",
    "BootstrapSampler",
    "ClassicalSampler",
    "ConditionalFlow",
    "ConditionalGAN",
    "ConditionalVAE",
    "KDESampler",
    "MixtureSampler",
    "MungeSampler",
    "PairedVAE",
    "PerturbSampler",
    "PretrainedSampler",
    "SMOTESampler",
    "Sampler",
    "load_sampler",
    "sample_parts",
]

#: Every sampler of this package that is trained, by the short name that the command line and studies use.
SAMPLERS: dict[str, type[Sampler]] = {
    "flow": ConditionalFlow,
    "gan": ConditionalGAN,
    "paired": PairedVAE,
    "vae": ConditionalVAE,
}


#: Those without a network, likewise.
CLASSICAL: dict[str, type[ClassicalSampler]] = {
    "bootstrap": BootstrapSampler,
    "kde": KDESampler,
    "mixture": MixtureSampler,
    "munge": MungeSampler,
    "perturb": PerturbSampler,
    "smote": SMOTESampler,
}


def load_sampler(
    path: str | os.PathLike[str], *, device: str = "auto"
) -> Sampler | ClassicalSampler:
    """Read a sampler of any class of this package; a class of your own has `load` itself.

    Raises
    ------
    ArchiveError
        The file cannot be used, or holds a class that this package does not have.
    """
    name = archive.read(path, with_tensors=False)[0].get("class")
    known: tuple[Any, ...] = (*SAMPLERS.values(), *CLASSICAL.values())
    for cls in known:
        if cls.__name__ == name:
            sampler: Sampler | ClassicalSampler = cls.load(path, device=device)
            return sampler
    raise ArchiveError(
        f"{path} holds a {name!r}; known: {', '.join(cls.__name__ for cls in known)}."
    )

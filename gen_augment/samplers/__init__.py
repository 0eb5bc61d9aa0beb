"""Samplers: one file each."""

import os

from gen_augment import archive
from gen_augment.errors import ArchiveError
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.flow import ConditionalFlow
from gen_augment.samplers.gan import ConditionalGAN
from gen_augment.samplers.paired import PairedVAE
from gen_augment.samplers.pretrained import PretrainedSampler
from gen_augment.samplers.vae import ConditionalVAE

__all__ = [
    "SAMPLERS",
    "ConditionalFlow",
    "ConditionalGAN",
    "ConditionalVAE",
    "PairedVAE",
    "PretrainedSampler",
    "Sampler",
    "load_sampler",
]

#: Every sampler of this package that is trained, by the short name that the command line and studies use.
SAMPLERS: dict[str, type[Sampler]] = {
    "flow": ConditionalFlow,
    "gan": ConditionalGAN,
    "paired": PairedVAE,
    "vae": ConditionalVAE,
}


def load_sampler(path: str | os.PathLike[str], *, device: str = "auto") -> Sampler:
    """Read a sampler of any class of this package; a class of your own has `load` itself.

    Raises
    ------
    ArchiveError
        The file cannot be used, or holds a class that this package does not have.
    """
    name = archive.read(path, with_tensors=False)[0].get("class")
    for cls in SAMPLERS.values():
        if cls.__name__ == name:
            return cls.load(path, device=device)
    raise ArchiveError(f"{path} holds a {name!r}; known: {', '.join(cls.__name__ for cls in SAMPLERS.values())}.")

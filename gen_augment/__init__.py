"""Synthetic data augmentation: fit a conditional generator, inject its samples, learn whether it helped.

>>> from gen_augment import ConditionalFlow, Study, augment_loader

1. ``sampler = ConditionalFlow(random_state=0).fit(X, y)``
2. ``loader = augment_loader(loader, sampler, ratio=0.3)``
3. ``Study(X, y, model=make_model).run().verdict()``
"""

from typing import TYPE_CHECKING, Any

from gen_augment.bank import SampleBank
from gen_augment.errors import (
    ArchiveError,
    DivergedError,
    ExhaustedError,
    GenAugmentError,
    InputError,
    LeakError,
    MissingDependencyError,
    ModeCollapseWarning,
    NotFittedError,
    RebuildError,
    WorkerDeviceError,
)
from gen_augment.filters import FilteredSampler
from gen_augment.inject import AugmentedDataset, SyntheticMix, augment_loader
from gen_augment.samplers import (
    BootstrapSampler,
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    KDESampler,
    MixtureSampler,
    PairedVAE,
    PretrainedSampler,
    Sampler,
    SMOTESampler,
    load_sampler,
)
from gen_augment.study import Study

if TYPE_CHECKING:
    from gen_augment.auditing import audit as audit
    from gen_augment.inject.resample import GenerativeOverSampler as GenerativeOverSampler

__version__ = "0.1.0"

__all__ = [
    "ArchiveError",
    "AugmentedDataset",
    "BootstrapSampler",
    "ConditionalFlow",
    "ConditionalGAN",
    "ConditionalVAE",
    "DivergedError",
    "ExhaustedError",
    "FilteredSampler",
    "GenAugmentError",
    "InputError",
    "KDESampler",
    "LeakError",
    "MissingDependencyError",
    "MixtureSampler",
    "ModeCollapseWarning",
    "NotFittedError",
    "PairedVAE",
    "PretrainedSampler",
    "RebuildError",
    "SMOTESampler",
    "SampleBank",
    "Sampler",
    "Study",
    "SyntheticMix",
    "WorkerDeviceError",
    "augment_loader",
    "load_sampler",
]


def __getattr__(name: str) -> Any:
    if (
        name == "GenerativeOverSampler"
    ):  # needs imbalanced-learn, which is optional and slow to import
        from gen_augment.inject.resample import GenerativeOverSampler

        return GenerativeOverSampler
    if name == "audit":  # needs matplotlib, which is slow to import
        from gen_augment.auditing import audit

        return audit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Synthetic data augmentation with conditional generators.

Fit a sampler, add its rows to the training data, and measure whether they helped.

>>> from gen_augment import ConditionalFlow, Study, augment_loader

1. ``sampler = ConditionalFlow(random_state=0).fit(X, y)``
2. ``loader = augment_loader(loader, sampler, ratio=0.3)``
3. ``Study(X, y, model=make_model).run().verdict()``
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gen_augment.auditing.audit import audit as audit
    from gen_augment.auditing.export import export as export
    from gen_augment.bank import SampleBank as SampleBank
    from gen_augment.classify import GenerativeClassifier as GenerativeClassifier
    from gen_augment.distillation import Distilled as Distilled
    from gen_augment.distillation import DistilledRegressor as DistilledRegressor
    from gen_augment.errors import ArchiveError as ArchiveError
    from gen_augment.errors import DivergedError as DivergedError
    from gen_augment.errors import ExhaustedError as ExhaustedError
    from gen_augment.errors import ExportError as ExportError
    from gen_augment.errors import GenAugmentError as GenAugmentError
    from gen_augment.errors import InputError as InputError
    from gen_augment.errors import LeakError as LeakError
    from gen_augment.errors import LostProcessError as LostProcessError
    from gen_augment.errors import MissingDependencyError as MissingDependencyError
    from gen_augment.errors import ModeCollapseWarning as ModeCollapseWarning
    from gen_augment.errors import NotFittedError as NotFittedError
    from gen_augment.errors import RebuildError as RebuildError
    from gen_augment.errors import WorkerDeviceError as WorkerDeviceError
    from gen_augment.inject import AugmentedDataset as AugmentedDataset
    from gen_augment.inject import SyntheticMix as SyntheticMix
    from gen_augment.inject import TextCollator as TextCollator
    from gen_augment.inject import augment_dataset as augment_dataset
    from gen_augment.inject import augment_loader as augment_loader
    from gen_augment.inject.resample import GenerativeOverSampler as GenerativeOverSampler
    from gen_augment.privacy import Private as Private
    from gen_augment.samplers import AEDASampler as AEDASampler
    from gen_augment.samplers import BootstrapSampler as BootstrapSampler
    from gen_augment.samplers import ConditionalFlow as ConditionalFlow
    from gen_augment.samplers import ConditionalGAN as ConditionalGAN
    from gen_augment.samplers import ConditionalVAE as ConditionalVAE
    from gen_augment.samplers import DiffusersSampler as DiffusersSampler
    from gen_augment.samplers import EditSampler as EditSampler
    from gen_augment.samplers import FilteredSampler as FilteredSampler
    from gen_augment.samplers import KDESampler as KDESampler
    from gen_augment.samplers import LanguageSampler as LanguageSampler
    from gen_augment.samplers import MarginalSampler as MarginalSampler
    from gen_augment.samplers import MixedSampler as MixedSampler
    from gen_augment.samplers import MixtureSampler as MixtureSampler
    from gen_augment.samplers import MungeSampler as MungeSampler
    from gen_augment.samplers import NetworkSampler as NetworkSampler
    from gen_augment.samplers import NGramSampler as NGramSampler
    from gen_augment.samplers import PairedVAE as PairedVAE
    from gen_augment.samplers import PerturbSampler as PerturbSampler
    from gen_augment.samplers import PretrainedSampler as PretrainedSampler
    from gen_augment.samplers import Sampler as Sampler
    from gen_augment.samplers import SMOTESampler as SMOTESampler
    from gen_augment.samplers import TransformSampler as TransformSampler
    from gen_augment.samplers import load_sampler as load_sampler
    from gen_augment.samplers import pool as pool
    from gen_augment.samplers import register_sampler as register_sampler
    from gen_augment.study import Blend as Blend
    from gen_augment.study import Study as Study

__version__ = "0.2.0"

#: Public names by the module that defines them. A module is imported when one of its
#: names is first used, so the command line answers ``--help`` without importing torch.
_NAMES = {
    "bank": ["SampleBank"],
    "classify": ["GenerativeClassifier"],
    "errors": [
        "ArchiveError",
        "DivergedError",
        "ExhaustedError",
        "ExportError",
        "GenAugmentError",
        "InputError",
        "LeakError",
        "LostProcessError",
        "MissingDependencyError",
        "ModeCollapseWarning",
        "NotFittedError",
        "RebuildError",
        "WorkerDeviceError",
    ],
    "distillation": ["Distilled", "DistilledRegressor"],
    "inject": [
        "AugmentedDataset",
        "SyntheticMix",
        "TextCollator",
        "augment_dataset",
        "augment_loader",
    ],
    "privacy": ["Private"],
    "samplers": [
        "AEDASampler",
        "BootstrapSampler",
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
        "NetworkSampler",
        "NGramSampler",
        "PairedVAE",
        "PerturbSampler",
        "PretrainedSampler",
        "SMOTESampler",
        "Sampler",
        "TransformSampler",
        "load_sampler",
        "pool",
        "register_sampler",
    ],
    "study": ["Blend", "Study"],
}
#: Names whose packages are optional or slow to import.
_OPTIONAL = {
    "GenerativeOverSampler": "inject.resample",
    "audit": "auditing",
    "export": "auditing",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted([*_HOMES, *_OPTIONAL])


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name) or _OPTIONAL.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_OPTIONAL})

"""Injectors: synthetic rows in the pipeline that a user already has.

Import `gen_augment.inject.torchvision`, `gen_augment.inject.albumentations`,
`gen_augment.inject.resample` and `gen_augment.inject.resampled_estimator` by themselves: the last
three need optional packages.
"""

from gen_augment.inject.dataset import AugmentedDataset, Provenance
from gen_augment.inject.hugging_face import TextCollator, augment_dataset
from gen_augment.inject.loader import AugmentedBatches, AugmentedLoader, augment_loader
from gen_augment.inject.synthetic_mix import SyntheticMix

__all__ = [
    "AugmentedBatches",
    "AugmentedDataset",
    "AugmentedLoader",
    "Provenance",
    "SyntheticMix",
    "TextCollator",
    "augment_dataset",
    "augment_loader",
]

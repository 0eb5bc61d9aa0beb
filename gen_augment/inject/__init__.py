"""Injectors: synthetic rows into the pipeline that is already there.

`gen_augment.inject.torchvision`, `gen_augment.inject.albumentations` and `gen_augment.inject.resample` are imported
for themselves: the last two need optional packages.
"""

from gen_augment.inject.batch import SyntheticMix
from gen_augment.inject.dataset import AugmentedDataset, Provenance
from gen_augment.inject.loader import AugmentedLoader, augment_loader

__all__ = ["AugmentedDataset", "AugmentedLoader", "Provenance", "SyntheticMix", "augment_loader"]

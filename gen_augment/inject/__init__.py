"""Injectors: synthetic rows into the pipeline that is already there."""

from gen_augment.inject.dataset import AugmentedDataset
from gen_augment.inject.loader import AugmentedLoader, augment_loader

__all__ = ["AugmentedDataset", "AugmentedLoader", "augment_loader"]

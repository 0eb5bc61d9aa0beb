"""Figures that compare synthetic rows with real ones.

They describe rows. Whether the rows improve a classifier is measured by a `Study`.
"""

from gen_augment.metrics.bias import Bias, bias
from gen_augment.metrics.features import FeatureExtractor, train_features
from gen_augment.metrics.fidelity import (
    Memorisation,
    density_coverage,
    fidelity,
    frechet_distance,
    kernel_distance,
    memorisation,
    precision_recall,
)
from gen_augment.metrics.pretrained import torchvision_features
from gen_augment.metrics.privacy import (
    ClosestRecord,
    adversarial_accuracy,
    audited_epsilon,
    closest_record,
    membership_auc,
)
from gen_augment.metrics.samples import two_sample_auc, vendi_score
from gen_augment.metrics.tables import column_shapes, detection_auc, pair_correlations
from gen_augment.metrics.utility import Utility, hardest, utility

__all__ = [
    "Bias",
    "ClosestRecord",
    "FeatureExtractor",
    "Memorisation",
    "Utility",
    "adversarial_accuracy",
    "audited_epsilon",
    "bias",
    "closest_record",
    "column_shapes",
    "density_coverage",
    "detection_auc",
    "fidelity",
    "frechet_distance",
    "hardest",
    "kernel_distance",
    "membership_auc",
    "memorisation",
    "pair_correlations",
    "precision_recall",
    "torchvision_features",
    "train_features",
    "two_sample_auc",
    "utility",
    "vendi_score",
]

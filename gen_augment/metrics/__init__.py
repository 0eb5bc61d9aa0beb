"""How synthetic rows compare with real ones. These figures describe samples; whether they help, a study decides."""

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

__all__ = [
    "FeatureExtractor",
    "Memorisation",
    "density_coverage",
    "fidelity",
    "frechet_distance",
    "kernel_distance",
    "memorisation",
    "precision_recall",
    "train_features",
]

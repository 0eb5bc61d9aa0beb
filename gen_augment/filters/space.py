"""The vector space in which filters compare rows."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.data.rows import Rows
from gen_augment.metrics.features import Features, as_vectors, choose_features
from gen_augment.rng import RandomState, resolve_seed

__all__ = ["FeatureSpace"]


class FeatureSpace:
    """Maps rows to vectors, as the parameter `features` of a filter says.

    Parameters
    ----------
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        See `gen_augment.metrics.features.choose_features`.
    real : Rows
        Real rows with labels.
    random_state : int, RandomState or None
        Seeds the classifier that "auto" may train.
    """

    def __init__(self, features: Features, real: Rows, random_state: RandomState) -> None:
        self.extract = choose_features(features, real, resolve_seed(random_state))
        # The user's features may have columns of very different scales, of which 32-bit
        # products would lose the small ones.
        self.dtype = np.float64 if callable(features) else np.float32

    def __call__(self, X: Any) -> Tensor:
        """Return rows as vectors of shape (n, d)."""
        return torch.from_numpy(as_vectors(self.extract, X, self.dtype))

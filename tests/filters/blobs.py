"""Data that the tests of filters share."""

from typing import Any

import numpy as np
from sklearn.datasets import make_blobs

__all__ = ["blob_halves"]


def blob_halves(n: int = 1200) -> Any:
    """Return two halves, each (X, y), of rows of three classes that hardly overlap."""
    X, y = make_blobs(n, n_features=4, centers=3, cluster_std=1.5, random_state=7)
    order = np.random.default_rng(0).permutation(n)
    X, y = X[order].astype(np.float32), y[order]
    return (X[: n // 2], y[: n // 2]), (X[n // 2 :], y[n // 2 :])

"""Classifiers of series: a small InceptionTime, and MiniRocket.

References
----------
Ismail Fawaz et al., "InceptionTime: finding AlexNet for time series classification", Data Mining
and Knowledge Discovery 34, 2020 (arXiv:1909.04939).
Dempster, Schmidt and Webb, "MiniRocket: a very fast (almost) deterministic transform for time
series classification", KDD 2021 (arXiv:2012.08791).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import RidgeClassifierCV
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.errors import InputError, MissingDependencyError

__all__ = ["MiniRocketClassifier", "SmallInception"]

KERNELS, FILTERS, N_MODULES = (9, 19, 39), 16, 3
#: Longer series are averaged to at most this many steps first.
MAX_STEPS = 256
#: The shortest series that MiniRocket's kernels fit in.
MIN_LENGTH = 9


class SmallInception(nn.Module):
    """Series (B, C, L) to logits (B, n_classes): three inception modules, two poolings between.

    Series are images of height 1 here: with channels last, convolutions and poolings of images
    take half of the time of one-dimensional ones on a CPU.

    Parameters
    ----------
    shape : tuple of int
        ``(C, L)``.
    n_classes : int
    """

    def __init__(self, shape: tuple[int, ...], n_classes: int) -> None:
        super().__init__()
        channels, length = shape
        self.pool = -(-length // MAX_STEPS)
        width = FILTERS * (len(KERNELS) + 1)
        ins = [channels] + [width] * (N_MODULES - 1)
        self.modules_ = nn.ModuleList(_Inception(n) for n in ins)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, n_classes))

    def forward(self, x: Tensor) -> Tensor:
        if self.pool > 1:
            x = F.avg_pool1d(x, self.pool, ceil_mode=True)
        x = x.unsqueeze(2).to(memory_format=torch.channels_last)
        for number, module in enumerate(self.modules_):
            if number and x.shape[3] > MIN_LENGTH:
                x = F.max_pool2d(x, (1, 2), ceil_mode=True)
            x = module(x)
        logits: Tensor = self.head(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))
        return logits


class _Inception(nn.Module):
    def __init__(self, ins: int) -> None:
        super().__init__()
        inner = min(ins, FILTERS)
        self.narrow = nn.Conv2d(ins, inner, 1, bias=False)
        self.convs = nn.ModuleList(
            nn.Conv2d(inner, FILTERS, (1, k), padding=(0, k // 2), bias=False) for k in KERNELS
        )
        self.pooled = nn.Conv2d(ins, FILTERS, 1, bias=False)
        width = FILTERS * (len(KERNELS) + 1)
        self.norm = nn.BatchNorm2d(width)
        self.skip = nn.Conv2d(ins, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.narrow(x)
        parts = [conv(narrow) for conv in self.convs]
        parts.append(self.pooled(F.max_pool2d(x, (1, 3), stride=1, padding=(0, 1))))
        return F.relu(self.norm(torch.cat(parts, dim=1)) + self.skip(x))


class MiniRocketClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """MiniRocket's features and a ridge classifier, for series as flat vectors.

    A study gives estimators flat vectors, ``(n_channels * length,)``; those of series that differ
    in length have one channel more, see `SeriesCodec`. It needs aeon:
    ``pip install 'gen_augment[series]'``.

    Parameters
    ----------
    n_channels : int
    random_state : int, optional
        Seeds the biases.

    Examples
    --------
    >>> MiniRocketClassifier(n_channels=3)
    MiniRocketClassifier(n_channels=3)
    """

    def __init__(self, n_channels: int = 1, random_state: int | None = None) -> None:
        self.n_channels = n_channels
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from flat series (n, n_channels * length) and labels (n,).

        Raises
        ------
        MissingDependencyError
            aeon is not installed.
        InputError
            The vectors are not series of `n_channels` channels and at least 9 steps.
        """
        try:
            from aeon.transformations.collection.convolution_based import MiniRocket
        except ImportError as error:
            raise MissingDependencyError(
                "MiniRocketClassifier needs aeon: pip install 'gen_augment[series]'."
            ) from error
        series = self._series(X)
        if series.shape[2] < MIN_LENGTH:
            raise InputError(
                f"MiniRocket needs {MIN_LENGTH} steps or more, and series have {series.shape[2]}: "
                "use the default classifier."
            )
        self.rocket_ = MiniRocket(random_state=self.random_state)
        with _same_threads():
            features = self.rocket_.fit_transform(series)
        self.scaler_ = StandardScaler(with_mean=False).fit(features)
        self.ridge_ = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
        self.ridge_.fit(self.scaler_.transform(features), y, sample_weight=sample_weight)
        self.classes_ = self.ridge_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels of shape (n,)."""
        labels: np.ndarray = self.ridge_.predict(self._features(X))
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the softmax of the ridge's scores, of shape (n, n_classes); not calibrated."""
        scores = self.ridge_.decision_function(self._features(X))
        if scores.ndim == 1:
            positive = expit(2 * scores)
            return np.stack([1 - positive, positive], axis=1)
        probabilities: np.ndarray = softmax(scores, axis=1)
        return probabilities

    def _features(self, X: Any) -> np.ndarray:
        with _same_threads():
            features = self.rocket_.transform(self._series(X))
        scaled: np.ndarray = self.scaler_.transform(features)
        return scaled

    def _series(self, X: Any) -> np.ndarray:
        values = np.asarray(X, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] % self.n_channels:
            raise InputError(
                f"X has shape {values.shape}, which is not (n, {self.n_channels} * length): set "
                "n_channels to the channels of the series."
            )
        return values.reshape(len(values), self.n_channels, -1)


@contextmanager
def _same_threads() -> Iterator[None]:
    """Keep torch's number of threads: numba's first parallel function sets it to all cores."""
    n_threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)

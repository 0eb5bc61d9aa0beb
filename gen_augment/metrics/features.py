"""A small classifier of the user's own classes, and its last hidden layer: features in which to compare rows.

Networks trained on ImageNet know nothing of tables or of grey images of 28 px. Features learned from the real rows
keep what tells the classes apart, and need no download.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.codecs import Codec
from gen_augment.errors import InputError
from gen_augment.metrics.pretrained import ImageNetFeatures, torchvision_features
from gen_augment.metrics.rows import LabelledRows, Values
from gen_augment.modalities import DataSpec
from gen_augment.rng import RandomState, derive_seed, fork_rng, resolve_seed
from gen_augment.training import Batches
from gen_augment.training.classifier import train_classifier
from gen_augment.training.placement import (
    evaluating,
    make_fabric,
    memory_format,
    place,
    tensor_defaults,
)
from gen_augment.validation import check_class_counts, check_positive_int

__all__ = [
    "FeatureExtractor",
    "Features",
    "as_vectors",
    "choose_features",
    "train_features",
    "train_network",
]

#: Where rows are compared; see `choose_features`.
Features = str | nn.Module | Callable[[Any], Any]

N_FEATURES = 64
N_STEPS = 1000
BATCH_SIZE = 64
_CACHED = 2


@dataclass(frozen=True)
class FeatureExtractor:
    """Maps rows, in the form that was trained on, to features.

    Attributes
    ----------
    codec : Codec
        Of the rows.
    trunk : nn.Module
        Encoded rows to features, in `eval` mode.
    head : nn.Module
        Features to a logit for each class.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    """

    codec: Codec
    trunk: nn.Module
    head: nn.Module
    classes: np.ndarray

    def __call__(self, X: Any) -> np.ndarray:
        """Features of `X`: ndarray of shape (n, 64), float64.

        Raises
        ------
        InputError
            The rows have another form than those that were trained on.
        """
        features: np.ndarray = self._map(self.trunk, X).numpy()
        return features

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes: ndarray of shape (n, n_classes), float64; raises as a call does."""
        probabilities: np.ndarray = (
            self._map(lambda x: self.head(self.trunk(x)), X).softmax(dim=1).numpy()
        )
        return probabilities

    @torch.no_grad()
    def _map(self, function: Callable[[Tensor], Tensor], X: Any) -> Tensor:
        device = next(self.trunk.parameters()).device
        parts = torch.split(self.codec.encode(X), 512)
        return torch.cat([function(part.to(device)).cpu() for part in parts]).double()


def train_features(
    X: Any,
    y: Any = None,
    *,
    n_steps: int = N_STEPS,
    random_state: RandomState = 0,
    device: str = "cpu",
) -> FeatureExtractor:
    """Train a small classifier on real rows; what comes back gives its features, and its probabilities.

    Parameters
    ----------
    X, y : as `Sampler.fit` takes them
        Real rows of at least two classes. Features are fairest to all if these are neither the rows that are
        compared nor, where there are enough, those that the generator was fitted on.
    n_steps : int
        Optimiser steps of 64 rows each.
    random_state : int, RandomState or None
        Seeds the weights and the order of rows.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...

    Returns
    -------
    FeatureExtractor

    Raises
    ------
    InputError
        Data, labels or parameters cannot be used.
    DivergedError
        The loss is not finite.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> extractor = train_features(X, y, n_steps=20)
    >>> extractor(X[:5]).shape
    (5, 64)
    """
    rows = LabelledRows.read(X, y)
    check_class_counts(rows.labels.classes, np.bincount(rows.codes), 1, "A classifier")
    return train_network(rows, n_steps=n_steps, seed=resolve_seed(random_state), device=device)


def train_network(
    rows: LabelledRows, *, n_steps: int, seed: int, device: str = "cpu"
) -> FeatureExtractor:
    """What `train_features` does, for rows that are read; known classes may be without any."""
    check_positive_int("n_steps", n_steps)
    where, codec = make_fabric(device, "32-true").device, rows.codec
    batches = Batches(
        rows.encoded.to(where, memory_format=memory_format(rows.encoded.ndim)),
        torch.from_numpy(rows.codes).to(where),
        batch_size=BATCH_SIZE,
        seed=derive_seed(seed, "order"),
    )
    with fork_rng(derive_seed(seed, "features"), where), tensor_defaults():
        trunk = place(_trunk(DataSpec.of(codec, rows.n_classes)), where)
        head = nn.Linear(N_FEATURES, rows.n_classes).to(where)
        train_classifier(trunk, head, batches, n_steps)
    return FeatureExtractor(codec, trunk.eval(), head, rows.labels.classes)


def choose_features(features: Features, rows: LabelledRows, seed: int) -> Callable[[Any], Any]:
    """What maps rows, in the form of these real ones, to vectors.

    Parameters
    ----------
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        "auto" trains a small classifier on the real rows where they are images of two or more classes, and takes scaled
        columns otherwise; "values" takes columns or pixels. A name such as "resnet18", or a model of torchvision's,
        gives what comes before its last layer: see `torchvision_features`. Any other module is given the
        encoded rows: images of shape (n, C, H, W) in [-1, 1], or scaled columns. A callable is given rows as they are.
    rows : LabelledRows
        Real ones.
    seed : int
        Of that classifier.
    """
    if isinstance(features, nn.Module):
        known = type(features).__module__.startswith("torchvision.models.")
        return NetworkFeatures(rows.codec, ImageNetFeatures(features) if known else features)
    if callable(features):
        return features
    if features == "values" or (
        features == "auto" and (rows.codec.kind == "table" or len(set(rows.codes)) < 2)
    ):
        return Values(rows.codec)
    if features == "auto":
        return _cached_network(rows, seed)
    if not isinstance(features, str):
        raise InputError(
            f"features={features!r}: give 'auto', 'values', the name of a torchvision model, a module, or a callable "
            "that maps rows to vectors."
        )
    return NetworkFeatures(rows.codec, torchvision_features(features))


def as_vectors(features: Callable[[Any], Any], X: Any) -> np.ndarray:
    """Vectors of rows: ndarray of shape (n, d), float32; or an `InputError` for features that are none."""
    vectors = np.asarray(features(X), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(X) or not np.isfinite(vectors).all():
        raise InputError(
            f"features gave an array of shape {vectors.shape} for {len(X)} rows: one vector of finite numbers for "
            "each row is needed."
        )
    return vectors


@dataclass(frozen=True)
class NetworkFeatures:
    """A network of encoded rows as a function of rows."""

    codec: Codec
    network: nn.Module

    def __call__(self, X: Any) -> np.ndarray:
        """What the network gives, flat: ndarray of shape (n, d)."""
        device = next((tensor.device for tensor in self.network.parameters()), torch.device("cpu"))
        with evaluating(self.network), torch.no_grad():
            parts = [
                self.network(part.to(device))
                for part in torch.split(self.codec.encode(X), BATCH_SIZE)
            ]
        vectors: np.ndarray = torch.cat([part.flatten(1).float().cpu() for part in parts]).numpy()
        return vectors


def _cached_network(rows: LabelledRows, seed: int) -> FeatureExtractor:
    """A small classifier's features, trained once for all that looks at the same rows one after another."""
    key = rows.digest, seed
    if key not in _trained:
        while len(_trained) >= _CACHED:
            del _trained[next(iter(_trained))]
        _trained[key] = train_network(rows, n_steps=N_STEPS, seed=seed)
    return _trained[key]


_trained: dict[tuple[str, int], FeatureExtractor] = {}


def _trunk(spec: DataSpec) -> nn.Module:
    encoder = spec.modality.encoder(spec, 32)
    return nn.Sequential(encoder, nn.Linear(encoder.out_features, N_FEATURES), nn.LeakyReLU(0.2))

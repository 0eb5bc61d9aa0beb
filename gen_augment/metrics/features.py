"""Features in which rows are compared: scaled values, or the last hidden layer of a network.

Networks trained on ImageNet know nothing of tables or of grey images of 28 px. A small
classifier trained on the user's own classes keeps what distinguishes them, and needs no
download.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.metrics.pretrained import ImageNetFeatures, torchvision_features
from gen_augment.modalities import Codec, DataSpec, Modality
from gen_augment.modalities.base import storage_of
from gen_augment.rng import RandomState, derive_seed, fork_rng, resolve_seed
from gen_augment.training import Batches
from gen_augment.training.classifier import train_classifier
from gen_augment.training.placement import (
    evaluating,
    find_device,
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

#: The space in which rows are compared; see `choose_features`.
Features = str | nn.Module | Callable[[Any], Any]

N_FEATURES = 64
N_STEPS = 1000
BATCH_SIZE = 64
#: Trained extractors that are kept for callers that look at the same rows again.
N_CACHED = 2


@dataclass(frozen=True)
class FeatureExtractor:
    """A classifier that maps rows to its last hidden layer; `train_features` returns one.

    Attributes
    ----------
    codec : Codec
        Encoding of the rows.
    trunk : nn.Module
        Maps encoded rows to features; in `eval` mode.
    head : nn.Module
        Maps features to one logit per class.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    """

    codec: Codec
    trunk: nn.Module
    head: nn.Module
    classes: np.ndarray

    def __call__(self, X: Any) -> np.ndarray:
        """Compute the features of rows.

        Parameters
        ----------
        X : n rows, in the form of the training rows

        Returns
        -------
        ndarray of shape (n, 64), float64

        Raises
        ------
        InputError
            The rows do not have the form of the training rows.
        """
        features: np.ndarray = self._map(self.trunk, X).numpy()
        return features

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : n rows, in the form of the training rows

        Returns
        -------
        ndarray of shape (n, n_classes), float64

        Raises
        ------
        InputError
            The rows do not have the form of the training rows.
        """
        logits = self._map(lambda x: self.head(self.trunk(x)), X)
        probabilities: np.ndarray = logits.softmax(dim=1).numpy()
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
    modality: str | Modality | None = None,
    n_steps: int = N_STEPS,
    random_state: RandomState = 0,
    device: str = "cpu",
) -> FeatureExtractor:
    """Train a small classifier on real rows and return it as a feature extractor.

    Parameters
    ----------
    X, y : as in `Sampler.fit`
        Real rows of at least two classes; rows without a label (-1) are left out. The
        comparison is fairest if these rows are not among the rows that are compared and,
        where there are enough, not among the training rows of the generator either.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
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
    rows = Rows.read(X, y, modality=modality).labelled()
    check_class_counts(rows.classes, rows.class_counts, 1, "A classifier")
    return train_network(rows, n_steps=n_steps, seed=resolve_seed(random_state), device=device)


def train_network(rows: Rows, *, n_steps: int, seed: int, device: str = "cpu") -> FeatureExtractor:
    """Train the classifier of `train_features` on labelled rows; classes may have no rows."""
    check_positive_int("n_steps", n_steps)
    where = find_device(device)
    batches = Batches(
        rows.encoded.to(where, memory_format=memory_format(rows.encoded.ndim)),
        torch.from_numpy(rows.codes).to(where),
        batch_size=BATCH_SIZE,
        seed=derive_seed(seed, "order"),
    )
    with fork_rng(derive_seed(seed, "features"), where), tensor_defaults():
        trunk = place(_trunk(rows.spec), where)
        head = nn.Linear(N_FEATURES, rows.n_classes).to(where)
        train_classifier(trunk, head, batches, n_steps)
    return FeatureExtractor(rows.codec, trunk.eval(), head, rows.classes)


def choose_features(features: Features, rows: Rows, seed: int) -> Callable[[Any], Any]:
    """Return the function that maps rows to the vectors in which they are compared.

    Parameters
    ----------
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        "values": encoded values, such as scaled columns or pixels. "auto": the features
        of a small classifier trained on the real rows, for modalities with
        `learned_features`, such as images, and two or more classes; values otherwise. A
        model name such as "resnet18", or a torchvision model: the input of its last
        layer, see `torchvision_features`. Another module: its output for encoded rows,
        such as images of shape (n, C, H, W) in [-1, 1], never latent ones. A callable: its
        output for rows in the user's form.
    rows : Rows
        Real rows with labels.
    seed : int
        Seeds the small classifier.

    Raises
    ------
    InputError
        `features` is none of these.
    """
    if isinstance(features, nn.Module):
        known = type(features).__module__.startswith("torchvision.models.")
        return NetworkFeatures(
            storage_of(rows.codec), ImageNetFeatures(features) if known else features
        )
    if callable(features):
        return features
    learned = rows.modality.learned_features and np.count_nonzero(rows.class_counts) > 1
    if features == "values" or (features == "auto" and not learned):
        return Values(rows.codec)
    if features == "auto":
        return _cached_network(rows, seed)
    if not isinstance(features, str):
        raise InputError(
            f"features={features!r}: give 'auto', 'values', the name of a torchvision model, a "
            "module, or a callable that maps rows to vectors."
        )
    return NetworkFeatures(storage_of(rows.codec), torchvision_features(features))


def as_vectors(features: Callable[[Any], Any], X: Any, dtype: Any = np.float32) -> np.ndarray:
    """Return the features of rows as a finite array of shape (n, d), or raise."""
    vectors = np.asarray(features(X), dtype=dtype)
    if vectors.ndim != 2 or len(vectors) != len(X) or not np.isfinite(vectors).all():
        raise InputError(
            f"features gave an array of shape {vectors.shape} for {len(X)} rows: return one "
            "vector of finite numbers for each row."
        )
    return vectors


@dataclass(frozen=True)
class Values:
    """Rows as vectors: scaled columns, pixels, or what the modality has."""

    codec: Codec

    def __call__(self, X: Any) -> np.ndarray:
        """Return vectors of shape (n, n_values), float32."""
        values: np.ndarray = self.codec.modality.views.vectors(self.codec, X).numpy()
        return values


@dataclass(frozen=True)
class NetworkFeatures:
    """A network of encoded rows as a function of rows in the user's form."""

    codec: Codec
    network: nn.Module

    def __call__(self, X: Any) -> np.ndarray:
        """Return the flattened output of the network: ndarray of shape (n, d), float32."""
        device = next((tensor.device for tensor in self.network.parameters()), torch.device("cpu"))
        batches = torch.split(self.codec.encode(X), BATCH_SIZE)
        with evaluating(self.network), torch.no_grad():
            parts = [self.network(batch.to(device)) for batch in batches]
        vectors: np.ndarray = torch.cat([part.flatten(1).float().cpu() for part in parts]).numpy()
        return vectors


_trained: dict[tuple[str, int], FeatureExtractor] = {}


def _cached_network(rows: Rows, seed: int) -> FeatureExtractor:
    """Train the small classifier, or return the one that was trained on the same rows."""
    key = rows.digest, seed
    if key not in _trained:
        while len(_trained) >= N_CACHED:
            del _trained[next(iter(_trained))]
        _trained[key] = train_network(rows, n_steps=N_STEPS, seed=seed)
    return _trained[key]


def _trunk(spec: DataSpec) -> nn.Module:
    encoder = spec.networks.encoder(spec, 32)
    return nn.Sequential(encoder, nn.Linear(encoder.out_features, N_FEATURES), nn.LeakyReLU(0.2))

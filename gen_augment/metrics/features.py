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
from torch.nn import functional as F

from gen_augment.codecs import Codec, LabelCodec, infer_codec, read_rows
from gen_augment.errors import DivergedError
from gen_augment.nets import build_encoder
from gen_augment.rng import RandomState, derive_seed, fork_rng, resolve_seed
from gen_augment.training import Batches
from gen_augment.training.placement import make_fabric, memory_format, place
from gen_augment.types import DataSpec
from gen_augment.validation import check_class_counts, check_positive_int, check_same_length

__all__ = ["FeatureExtractor", "train_features"]

N_FEATURES = 64
BATCH_SIZE = 64
LR = 2e-3


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
        probabilities: np.ndarray = self._map(lambda x: self.head(self.trunk(x)), X).softmax(dim=1).numpy()
        return probabilities

    @torch.no_grad()
    def _map(self, function: Callable[[Tensor], Tensor], X: Any) -> Tensor:
        device = next(self.trunk.parameters()).device
        parts = torch.split(self.codec.encode(X), 512)
        return torch.cat([function(part.to(device)).cpu() for part in parts]).double()


def train_features(
    X: Any, y: Any = None, *, n_steps: int = 1000, random_state: RandomState = 0, device: str = "cpu"
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
    check_positive_int("n_steps", n_steps)
    seed, where = resolve_seed(random_state), make_fabric(device, "32-true").device
    X, y = read_rows(X, y)
    codec, rows = infer_codec(X)
    labels, codes = LabelCodec.fit(y)
    check_same_length(len(rows), len(codes))
    n_classes = len(labels.classes)
    check_class_counts(labels.classes, np.bincount(codes), 1, "A classifier")
    batches = Batches(
        rows.to(where, memory_format=memory_format(codec.kind)),
        torch.from_numpy(codes).to(where),
        batch_size=BATCH_SIZE,
        seed=derive_seed(seed, "order"),
    )
    with fork_rng(derive_seed(seed, "features"), where):
        trunk = place(_trunk(DataSpec(codec.kind, codec.shape, n_classes)), where, codec.kind)
        head = nn.Linear(N_FEATURES, n_classes).to(where)
        _train(trunk, head, batches, n_steps)
    return FeatureExtractor(codec, trunk.eval(), head, labels.classes)


def _trunk(spec: DataSpec) -> nn.Module:
    encoder = build_encoder(spec, 32)
    return nn.Sequential(encoder, nn.Linear(encoder.out_features, N_FEATURES), nn.LeakyReLU(0.2))


def _train(trunk: nn.Module, head: nn.Module, batches: Batches, n_steps: int) -> None:
    optimizer = torch.optim.AdamW([*trunk.parameters(), *head.parameters()], lr=LR, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    loss = torch.zeros(())
    for step in range(n_steps):
        x, y = batches.at(step)
        loss = _step(head(F.dropout(trunk(x), 0.3)), y, optimizer)
        schedule.step()
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the classifier's loss is not finite after {n_steps} steps: look for extreme values in X.",
            step=n_steps,
            loss="cross_entropy",
        )


def _step(logits: Tensor, y: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    loss = F.cross_entropy(logits, y)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.detach()

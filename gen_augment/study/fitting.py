"""A classifier trained on the rows of one arm; equal conditions for all arms of a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.containers import take
from gen_augment.data import Rows
from gen_augment.distillation.network import model_bytes
from gen_augment.distillation.soft_labels import aligned_proba, fit_weighted
from gen_augment.metrics.classifier import estimator_inputs
from gen_augment.rng import derive_seed, fork_rng, seeded_clone
from gen_augment.study.arms import Arm, Pool, known_recipes
from gen_augment.study.balance import (
    class_weights,
    held_out_offsets,
    log_prior,
    shift_probabilities,
    weight_key,
)
from gen_augment.study.encoding import EncodedOnDemand, encoded, encoded_in_parts
from gen_augment.study.models import is_network_factory
from gen_augment.study.spec import Training
from gen_augment.study.teaching import fit_teachers, teacher_labels
from gen_augment.training import Batches
from gen_augment.training.classifier import check_finite, descend, predict_proba
from gen_augment.training.placement import tensor_defaults, without_gpu_search

__all__ = ["fit_predict"]

#: Rows as the user has them to probabilities of shape (n, n_classes).
Predict = Callable[[Any], np.ndarray]


@dataclass(frozen=True)
class Predictor:
    """Rows as the user has them to probabilities of shape (n, n_classes).

    Attributes
    ----------
    predict : callable
    models : list of fitted estimators, or one network
    """

    predict: Predict
    models: Sequence[Any]

    def __call__(self, X: Any) -> np.ndarray:
        """Predict probabilities."""
        return self.predict(X)

    @property
    def n_bytes(self) -> float:
        """Size of a network's parameters, or of a pickle of estimators; NaN without a pickle."""
        return sum(map(model_bytes, self.models))


def fit_predict(
    model: Any,
    arm: Arm,
    pool: Pool,
    real: Rows,
    seed: int,
    training: Training,
    teachers: Sequence[Any] = (),
) -> Predictor:
    """Train on the pool of an arm; return a function that predicts probabilities.

    For one seed, networks of all arms start from equal weights, take equal numbers of batches
    under one schedule, and draw them in an order that only the number of rows decides.

    Parameters
    ----------
    model : estimator or network factory
    arm : Arm
    pool : Pool
    real : Rows
        The real training rows, which scale the inputs of every arm.
    seed : int
    training : Training
        With `n_steps` and `device` resolved.
    teachers : sequence of classifiers
        Averaged; for arms that learn from them, or are them.
    """
    n_classes = real.n_classes
    if arm.is_teacher:
        fitted = fit_teachers(teachers, real, seed)
        return Predictor(partial(_taught, fitted, n_classes), [one for one, _ in fitted])
    soft = teacher_labels(teachers, pool, real, seed) if arm.taught else None
    if is_network_factory(model):
        encode = real.modality.views.network_inputs(real.codec, real.X)
        return _fit_network(model, arm, pool, real, seed, training, encode, soft)
    inputs = estimator_inputs(model, real)
    estimator, offsets = _fit_estimator(
        model, arm, inputs(pool.rows.X), pool, n_classes, seed, soft
    )
    return Predictor(partial(_estimated, estimator, inputs, n_classes, offsets), [estimator])


# Functions of the module, so that fitted models that hold them can be pickled.
def _taught(teachers: Sequence[tuple[Any, Any]], n_classes: int, X: Any) -> np.ndarray:
    parts = [aligned_proba(model, inputs(X), n_classes) for model, inputs in teachers]
    return np.asarray(np.mean(parts, axis=0))


def _estimated(
    estimator: Any, inputs: Callable[[Any], Any], n_classes: int, offsets: np.ndarray | None, X: Any
) -> np.ndarray:
    out = aligned_proba(estimator, inputs(X), n_classes)
    return out if offsets is None else shift_probabilities(out, offsets)


def _predicted(
    network: nn.Module, encode: Callable[[Any], Tensor], device: str, X: Any
) -> np.ndarray:
    parts = encoded_in_parts(X, encode)
    return np.concatenate([predict_proba(network, part, device) for part in parts])


def _fit_estimator(
    model: Any,
    arm: Arm,
    inputs: Any,
    pool: Pool,
    n_classes: int,
    seed: int,
    soft: np.ndarray | None,
) -> tuple[Any, np.ndarray | None]:
    """Return a fitted clone, and offsets of its log-probabilities."""
    estimator = seeded_clone(model, derive_seed(seed, "classifier"))
    if soft is not None:
        key = str(weight_key(estimator))
        return fit_weighted(estimator, inputs, soft, weights=pool.weights, key=key), None
    codes, weights, offsets = pool.rows.codes, pool.weights, None
    if arm.balance == "logit":
        offsets = -log_prior(codes, n_classes, weights)
    elif arm.balance == "threshold":
        fold_seed = derive_seed(seed, "folds")
        offsets = held_out_offsets(estimator, inputs, pool.rows, n_classes, fold_seed)
    elif arm.balance == "weights":
        by_class = class_weights(codes, n_classes, weights)
        weights = (1 if weights is None else weights) * by_class[codes]
    given = {} if weights is None else {str(weight_key(estimator)): weights}
    return estimator.fit(inputs, codes, **given), offsets


class Stage(NamedTuple):
    """Rows of one stage of training.

    Attributes
    ----------
    x : Tensor of shape (n, ...), or EncodedOnDemand
        Encoded rows.
    codes : ndarray of shape (n,)
    targets : Tensor of shape (n, n_classes)
        Label probabilities to learn.
    weights : ndarray of shape (n,) or None
    """

    x: Tensor | EncodedOnDemand
    codes: np.ndarray
    targets: Tensor
    weights: np.ndarray | None

    @classmethod
    def of(
        cls,
        x: Tensor | EncodedOnDemand,
        codes: np.ndarray,
        n_classes: int,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Make a stage of rows whose class is certain."""
        return cls(x, codes, F.one_hot(torch.from_numpy(codes), n_classes).float(), weights)


def _fit_network(
    model: Callable[[], nn.Module],
    arm: Arm,
    pool: Pool,
    real: Rows,
    seed: int,
    training: Training,
    encode: Callable[[Any], Tensor],
    soft: np.ndarray | None,
) -> Predictor:
    device = str(training.device)

    def inputs(X: Any) -> Tensor | EncodedOnDemand:
        return encoded(X, encode, device)

    def trained(stages: Sequence[Stage], seed: int) -> nn.Module:
        with fork_rng(derive_seed(seed, "classifier"), torch.device(device)):
            return _train(model, arm, real, stages, seed, training)

    stages = [
        Stage.of(inputs(rows.X), rows.codes, real.n_classes, weights)
        for rows, weights in ((pool.pretrain, None), (pool.rows, pool.weights))
        if rows is not None
    ]
    if arm.synthetic.soft and pool.n_synthetic:
        known = Stage.of(inputs(real.X), real.codes, real.n_classes)
        teacher = trained([known], derive_seed(seed, "teacher"))
        rows = pool.rows if pool.pretrain is None else pool.pretrain
        made = np.arange(len(rows) - pool.n_synthetic, len(rows))  # synthetic rows come last
        said = _predicted(teacher, encode, device, take(rows.X, made))
        stages[0].targets[made] = torch.from_numpy(said).float()
    if soft is not None:
        stages = [stages[0]._replace(targets=torch.from_numpy(soft).float())]
    network = trained(stages, seed)
    return Predictor(partial(_predicted, network, encode, device), [network])


@torch.inference_mode(False)
@torch.enable_grad()
def _train(
    model: Callable[[], nn.Module],
    arm: Arm,
    real: Rows,
    stages: Sequence[Stage],
    seed: int,
    training: Training,
) -> nn.Module:
    """Train for `n_steps` in all, equally many on the rows of each stage."""
    device, n_steps = str(training.device), int(training.n_steps or 0)
    with tensor_defaults():
        network: nn.Module = model().to(device).to(memory_format=torch.channels_last).train()
    optimizer = without_gpu_search(
        torch.optim.AdamW(network.parameters(), lr=training.lr, fused=True)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.lr, total_steps=n_steps)
    batches = [_batches(stage, seed, training) for stage in stages]
    losses = [_loss(arm, stage, device) for stage in stages]
    recipes = known_recipes(real.modality)
    mixed = training.precision == "bf16-mixed"
    lower = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=mixed)
    # Random numbers that making the network drew must not change those of the batch steps.
    with fork_rng(derive_seed(seed, "steps"), torch.device(device)):
        for step in range(n_steps):
            here = step * len(stages) // n_steps
            inputs, targets = arm.transform(*batches[here].at(step), recipes)
            with lower:
                logits = network(inputs)
            loss = losses[here](logits.float(), targets)
            descend(loss, optimizer, schedule)
    check_finite(loss, n_steps, "the classifier", "lower lr")
    return network.eval()


def _batches(stage: Stage, seed: int, training: Training) -> Batches:
    device, weights = str(training.device), stage.weights
    return Batches(
        stage.x,
        stage.targets.to(device),
        batch_size=training.batch_size,
        seed=derive_seed(seed, "batches"),
        weights=None if weights is None else torch.from_numpy(weights),
    )


def _loss(arm: Arm, stage: Stage, device: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return cross-entropy, weighted or of adjusted logits (Menon et al. 2021, equation 10)."""
    codes, n_classes, weights = stage.codes, stage.targets.shape[1], stage.weights
    if arm.balance == "weights":
        weight = torch.from_numpy(class_weights(codes, n_classes, weights)).float().to(device)
        return lambda logits, y: F.cross_entropy(logits, y, weight=weight)
    if arm.balance == "logit":
        offsets = torch.from_numpy(log_prior(codes, n_classes, weights)).float().to(device)
        return lambda logits, y: F.cross_entropy(logits + offsets, y)
    return F.cross_entropy

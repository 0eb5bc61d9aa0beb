"""Classifiers of a study: a scikit-learn estimator, or a factory of `nn.Module` trained for equal steps."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.codecs import infer_codec
from gen_augment.errors import DivergedError, InputError
from gen_augment.metrics.classifier import seeded_clone
from gen_augment.rng import derive_seed, fork_rng
from gen_augment.study.arms import Arm, Pool
from gen_augment.study.arms.arm import without_addresses
from gen_augment.study.balance import (
    class_weights,
    log_prior,
    shift_probabilities,
    tuned_on_rows_left_out,
    weight_key,
)
from gen_augment.study.task import Part
from gen_augment.training import Batches
from gen_augment.training.placement import tensor_defaults

__all__ = [
    "SmallCNN",
    "default_model",
    "default_steps",
    "describe_model",
    "fit_predict",
    "is_network_factory",
    "load_model",
    "why_not",
]

#: Takes rows as the user has them; gives probabilities of shape (n, n_classes).
Predict = Callable[[Any], np.ndarray]


class SmallCNN(nn.Sequential):
    """Two convolutions and two dense layers: a plain, strong classifier of small images.

    Parameters
    ----------
    shape : tuple of int
        ``(C, H, W)``.
    n_classes : int
    """

    def __init__(self, shape: tuple[int, ...], n_classes: int) -> None:
        channels, height, width = shape
        super().__init__(
            *_conv_block(channels, 32),
            *_conv_block(32, 64),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, n_classes),
        )


def _conv_block(channels: int, out: int) -> list[nn.Module]:
    """Pooling comes before the ReLU: the same function, on a quarter of the values."""
    return [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.MaxPool2d(2), nn.ReLU()]


def default_model(kind: str, shape: tuple[int, ...], n_classes: int) -> Any:
    """A small CNN for images, a random forest for tables."""
    if kind == "image":
        return lambda: SmallCNN(shape, n_classes)
    return RandomForestClassifier(n_estimators=200)


def default_steps(n_rows: int) -> int:
    """Training steps of a network: 1,000 for 100 rows, twice as many for eight times the rows.

    Too few weaken the baselines most that change their rows most. The small CNN under flips, shifts and MixUp had 74.5,
    85.1 and 85.4% on Fashion-MNIST after 600 steps on 100, 1,000 and 9,000 rows, 75.9, 87.3 and 89.3% after 2,400, and,
    of the last two, 87.6 and 90.8% after 4,800.
    """
    return 100 * round(10 * float(np.cbrt(n_rows / 100)))


def load_model(name: str) -> Any:
    """A classifier by name.

    Parameters
    ----------
    name : str
        The dotted name of a scikit-learn class, such as ``sklearn.naive_bayes.GaussianNB``, or ``file.py:function`` for
        a function without arguments that returns a new network.
    """
    file, colon, attribute = name.rpartition(":")
    try:
        if colon:
            spec = importlib.util.spec_from_file_location(Path(file).stem, file)
            if spec is None or spec.loader is None:
                raise ImportError(f"{file} is not a Python file")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return getattr(module, attribute)
        parent, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(parent), attribute)()
    except Exception as error:  # the user's own file may raise anything
        raise InputError(
            f"model {name!r} cannot be loaded ({error}): give a class such as sklearn.naive_bayes.GaussianNB, or "
            "file.py:function."
        ) from error


def is_network_factory(model: Any) -> bool:
    """Whether `model` makes networks, rather than being an estimator."""
    if not isinstance(model, type) and all(
        hasattr(model, name) for name in ("fit", "predict_proba", "get_params")
    ):
        return False
    if callable(model) and not isinstance(model, nn.Module) and not hasattr(model, "get_params"):
        return True
    raise InputError(
        f"model={model!r} is neither an instance of a scikit-learn classifier with predict_proba nor a function that "
        "returns a new nn.Module each time it is called."
    )


def describe_model(model: Any) -> tuple[str, str]:
    """A name to show, and all that tells the model from another."""
    if not is_network_factory(model):
        return repr(model), without_addresses(repr(sorted(model.get_params().items())))
    with fork_rng(0, torch.device("cpu")):
        network = model()
    if not isinstance(network, nn.Module):
        raise InputError(
            f"model() gave a {type(network).__name__}: it must return a new nn.Module."
        )
    return f"network {type(network).__name__}", without_addresses(repr(network))


def why_not(arm: Arm, model: Any, kind: str) -> str | None:
    """Why data of this kind, or this model, cannot have the arm; None if they can."""
    network = is_network_factory(model)
    if arm.batch_steps and (kind != "image" or not network):
        step = arm.batch_steps[0]
        return f"{step!r} changes batches of images, so it needs images and a network."
    if arm.synthetic.pretrain and not network:
        return "pre-training needs a network."
    if arm.synthetic.soft and not network:
        return "soft labels need a network."
    weighted = arm.balance == "weights" or arm.synthetic.share is not None
    if weighted and not network and weight_key(model) is None:
        return f"{type(model).__name__} takes no sample_weight."
    if arm.balance == "threshold" and network:
        return "thresholds are tuned for scikit-learn classifiers; use logit with a network."
    return None


def fit_predict(
    model: Any,
    arm: Arm,
    pool: Pool,
    real: Part,
    n_classes: int,
    seed: int,
    *,
    n_steps: int,
    batch_size: int,
    lr: float,
    device: str,
    precision: str = "32-true",
) -> Predict:
    """Train on the pool of an arm; return what predicts.

    Estimators get tables of numbers in 64 bits: in 32, confident probabilities are tied, and areas under curves fall.
    For one seed, networks of all arms start from equal weights, see equal numbers of batches under one schedule, and
    draw them in an order that only the number of rows decides. They predict in 32 bits whatever `precision` they are
    trained in.
    """
    encode = _inputs(real.X)  # scaled by the real training rows, for every arm
    if is_network_factory(model):

        def rows_of(X: Any) -> Tensor:
            return encode(X).float()

        def trained(stages: Sequence[Stage], seed: int) -> nn.Module:
            with fork_rng(derive_seed(seed, "classifier"), torch.device(device)):
                return _train(
                    model, arm, stages, seed,
                    n_steps=n_steps, batch_size=batch_size, lr=lr, device=device, precision=precision,
                )  # fmt: skip

        stages = [
            Stage.of(rows_of(part.X), part.codes, n_classes, weights)
            for part, weights in ((pool.pretrain, None), (pool.part, pool.weights))
            if part is not None
        ]
        if arm.synthetic.soft:
            teacher = trained(
                [Stage.of(rows_of(real.X), real.codes, n_classes)], derive_seed(seed, "teacher")
            )
            made = slice(len(stages[0].x) - pool.n_synthetic, None)  # they come last, or alone
            stages[0].targets[made] = torch.from_numpy(
                _predict(teacher, stages[0].x[made], device)
            ).float()
        network = trained(stages, seed)
        return lambda X: _predict(network, rows_of(X), device)
    raw = isinstance(model, Pipeline) and isinstance(
        real.X, pd.DataFrame
    )  # which has its own way with columns

    def inputs(X: Any) -> Any:
        return X if raw else encode(X).flatten(1).numpy()

    estimator, offsets = _fit_estimator(model, arm, inputs(pool.part.X), pool, n_classes, seed)

    def predict(X: Any) -> np.ndarray:
        out = np.zeros((len(X), n_classes))
        out[:, estimator.classes_] = estimator.predict_proba(inputs(X))
        return out if offsets is None else shift_probabilities(out, offsets)

    return predict


def _inputs(real: Any) -> Callable[[Any], Tensor]:
    """What maps rows to a classifier's inputs: standardised numbers where all columns are, else the codec of the rows.

    A codec of tables bends columns to normal quantiles: that suits generators, and would be work done for a classifier.
    """
    codec, _ = infer_codec(real)
    numbers = _numbers(real) if codec.kind == "table" else None
    if numbers is None or not np.isfinite(numbers).all():
        return lambda X: codec.encode(X)
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0)
    deviation[deviation <= 1e-12 * np.abs(mean)] = 1  # of a constant, rounding alone

    def standardise(X: Any) -> Tensor:
        found = _numbers(X)
        if found is None:
            return codec.encode(X)
        # A value that is missing here and nowhere in the real rows is the mean, as the codec has it.
        return torch.from_numpy(np.nan_to_num((found - mean) / deviation, nan=0.0))

    return standardise


def _numbers(X: Any) -> np.ndarray | None:
    """A table of numbers as float64, or None where a column holds anything else."""
    if isinstance(X, pd.DataFrame):
        if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes):
            return None
        return X.to_numpy(dtype=np.float64, na_value=np.nan)
    values = X.detach().cpu().double().numpy() if isinstance(X, Tensor) else np.asarray(X)
    return values.astype(np.float64) if values.dtype.kind in "biuf" else None


def _fit_estimator(
    model: Any, arm: Arm, rows: Any, pool: Pool, n_classes: int, seed: int
) -> tuple[Any, np.ndarray | None]:
    """A fitted clone, and what its log-probabilities are shifted by."""
    estimator = seeded_clone(model, derive_seed(seed, "classifier"))
    codes, weights, offsets = pool.part.codes, pool.weights, None
    if arm.balance == "logit":
        offsets = -log_prior(codes, n_classes, weights)
    elif arm.balance == "threshold":
        offsets = tuned_on_rows_left_out(
            estimator, rows, codes, n_classes, derive_seed(seed, "folds")
        )
    elif arm.balance == "weights":
        weights = (1 if weights is None else weights) * class_weights(codes, n_classes, weights)[
            codes
        ]
    given = {} if weights is None else {str(weight_key(estimator)): weights}
    return estimator.fit(rows, codes, **given), offsets


class Stage(NamedTuple):
    """Encoded rows, their class numbers, label probabilities of shape (n, n_classes) to be learned, and weights."""

    x: Tensor
    codes: np.ndarray
    targets: Tensor
    weights: np.ndarray | None

    @classmethod
    def of(
        cls, x: Tensor, codes: np.ndarray, n_classes: int, weights: np.ndarray | None = None
    ) -> Self:
        """Of rows whose class is certain."""
        return cls(x, codes, F.one_hot(torch.from_numpy(codes), n_classes).float(), weights)


def _train(
    model: Callable[[], nn.Module], arm: Arm, stages: Sequence[Stage], seed: int,
    *, n_steps: int, batch_size: int, lr: float, device: str, precision: str,
) -> nn.Module:  # fmt: skip
    """Train for `n_steps` in all, equally many on the rows of each stage."""
    lower = torch.autocast(
        torch.device(device).type, torch.bfloat16, enabled=precision == "bf16-mixed"
    )
    with tensor_defaults():
        network: nn.Module = model().to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=n_steps)
    batches = [
        Batches(
            stage.x.to(device), stage.targets.to(device), batch_size=batch_size, seed=derive_seed(seed, "batches"),
            weights=None if stage.weights is None else torch.from_numpy(stage.weights),
        )
        for stage in stages
    ]  # fmt: skip
    losses = [_loss(arm, stage, device) for stage in stages]
    # What a network drew while it was made has no say in the transforms.
    with fork_rng(derive_seed(seed, "steps"), torch.device(device)):
        for step in range(n_steps):
            here = step * len(stages) // n_steps
            inputs, targets = arm.transform(*batches[here].at(step))
            with lower:
                logits = network(inputs)
            loss = losses[here](logits.float(), targets)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the classifier's loss is not finite after {n_steps} steps: lower lr.",
            step=n_steps,
            loss="cross_entropy",
        )
    return network.eval()


def _loss(arm: Arm, stage: Stage, device: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy, weighted or of adjusted logits (Menon et al. 2021, equation 10) where the arm says so."""
    told = stage.codes, stage.targets.shape[1], stage.weights
    if arm.balance == "weights":
        weight = torch.from_numpy(class_weights(*told)).float().to(device)
        return lambda logits, y: F.cross_entropy(logits, y, weight=weight)
    if arm.balance == "logit":
        offsets = torch.from_numpy(log_prior(*told)).float().to(device)
        return lambda logits, y: F.cross_entropy(logits + offsets, y)
    return F.cross_entropy


@torch.no_grad()
def _predict(network: nn.Module, x: Tensor, device: str) -> np.ndarray:
    logits = torch.cat([network(part.to(device)).cpu() for part in torch.split(x, 512)])
    return logits.double().softmax(dim=1).numpy()

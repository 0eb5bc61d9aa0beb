"""One fit of a `NetworkSampler`: network, labels of unlabelled rows, data set, loop."""

import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import Rows, read_rows
from gen_augment.data.stored import StoredRows
from gen_augment.errors import DivergedError, InputError
from gen_augment.rng import derive_seed, fork_rng
from gen_augment.samplers.fitted_network import keep_params
from gen_augment.samplers.generation import encode_known
from gen_augment.samplers.persistence import untrained
from gen_augment.samplers.several_devices import check_devices
from gen_augment.samplers.streaming import from_stream
from gen_augment.samplers.transfer import transfer
from gen_augment.training import Batches, Callback, Loop
from gen_augment.training.balance import resolve_balance, row_weights
from gen_augment.training.callbacks import ProgressBar
from gen_augment.training.noisy import Noise, PoissonBatches
from gen_augment.training.placement import (
    PRECISIONS,
    make_fabric,
    memory_format,
    place,
    tensor_defaults,
)
from gen_augment.training.processes import SameStart
from gen_augment.training.stored_batches import StoredBatches
from gen_augment.training.whole_batch_norm import with_whole_batch_norm
from gen_augment.types import History
from gen_augment.validation import (
    check_choice,
    check_positive_int,
    check_range,
    check_same_length,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["check_training", "further_rows", "train"]


def check_training(sampler: Any, *, least_steps: int = 1) -> None:
    """Raise `InputError` for a parameter of training out of range."""
    if least_steps or sampler.max_steps != 0:
        check_positive_int("max_steps", sampler.max_steps)
    check_positive_int("batch_size", sampler.batch_size)
    check_range("lr", sampler.lr, 0, open_low=True)
    if sampler.class_balance != "auto":
        check_range("class_balance", sampler.class_balance, 0, 1)
    check_choice("precision", sampler.precision, PRECISIONS)
    check_choice("torch_compile", sampler.torch_compile, (True, False))
    check_devices(sampler)
    callbacks = [] if sampler.callbacks is None else sampler.callbacks
    if not isinstance(callbacks, (list, tuple)) or not all(
        isinstance(each, Callback) for each in callbacks
    ):
        raise InputError(f"callbacks={callbacks!r} is not a list of gen_augment.training.Callback.")


def further_rows(sampler: Any, X: Any, y: Any) -> Rows | StoredRows:
    """Read rows that a fitted sampler learns next; classes may be added.

    Raises
    ------
    InputError
        The rows have another form than the fitted ones.
    """
    codec = sampler.codec_
    X, y = from_stream(sampler, X, y, codec)
    if isinstance(X, StoredRows):
        return X
    if isinstance(X, Rows) and y is None:
        labels, known = sampler.label_codec_.extend(X.labelled().y)
        codes = np.full(len(X), -1)
        codes[X.codes >= 0] = known
        X = X.X
    else:
        X, y = read_rows(X, y, codec.modality)
        labels, codes = sampler.label_codec_.extend(y)
    X = codec.modality.gather(X)
    encode_known(codec, X)
    check_same_length(len(X), len(codes))
    return Rows(X, codes, labels, codec.modality, known_codec=codec)


def train(
    sampler: Any,
    rows: Rows | StoredRows,
    counts: np.ndarray,
    seed: int,
    init: Any,
    before: tuple[int, History],
    noise: Noise | None = None,
) -> None:
    """Train `sampler` in place.

    Parameters
    ----------
    sampler : NetworkSampler
    rows : Rows or StoredRows
        Training rows; a row without a label gets the most likely one.
    counts : ndarray of shape (n_classes,)
        What `class_count_` becomes.
    seed : int
        What `seed_` becomes.
    init : fitted NetworkSampler or None
        Its weights are the start.
    before : (int, dict)
        Steps and history of the training that this one continues.
    noise : Noise, optional
        Parameters of private training. Nothing of it is drawn from `seed`: who knows the noise
        can subtract it, and who knows other random numbers can tell rows by their place in a batch.
    """
    lower = rows.spec.networks.low_precision
    fabric = make_fabric(sampler.device, sampler.precision, sampler.devices, lower=lower)
    if fabric.world_size > 1:
        seed = fabric.broadcast(seed)  # a random one, or that of a checkpoint
    # Later steps have another order of rows and other noise.
    run_seed = derive_seed(seed, "steps", before[0]) if before[0] else seed
    run_seed = run_seed if noise is None else secrets.randbits(63)
    seeded = fork_rng(derive_seed(run_seed, "fit"), fabric.device)
    with _undone_by_errors(sampler, before[0]), seeded, tensor_defaults(), _one_voice(fabric):
        sampler.n_steps_, sampler.history_ = before
        sampler.__dict__.pop("transduction_", None)
        data: StoredRows | tuple[Tensor, Tensor]
        if isinstance(rows, StoredRows):
            data = rows
        else:
            data = sampler._training_data(rows, run_seed, init, fabric.device)
        sampler.privacy_ = None if noise is None else noise.record
        network = untrained(sampler, rows.spec)
        if init is not None:
            transfer(type(sampler).__name__, network, init, rows.labels)
        sampler._set_labels(rows.labels, counts, seed)
        sampler._set_codec(rows.codec)
        sampler.spec_ = rows.spec
        sampler.network_ = place(network, fabric.device, compiled=sampler.torch_compile)
        keep_params(sampler)
        if fabric.world_size > 1:
            with_whole_batch_norm(sampler.network_)
        _run(sampler, data, fabric, run_seed, before, noise)
    if noise is None and not before[0]:
        sampler._remember(rows)


def _run(
    sampler: Any,
    data: StoredRows | tuple[Tensor, Tensor],
    fabric: "Fabric",
    seed: int,
    before: tuple[int, History],
    noise: Noise | None,
) -> None:
    callbacks = [*(sampler.callbacks or []), *([ProgressBar()] if sampler.verbose else [])]
    loop = Loop(
        _batches(sampler, data, fabric.device, seed, noise),
        sampler.network_,
        sampler=sampler,
        fabric=fabric,
        max_steps=sampler.max_steps,
        callbacks=callbacks,
        schedule=sampler.lr_schedule,
        before=before,
        noise=noise,
    )
    if loop.is_shared:
        loop.callbacks = [SameStart(), *loop.callbacks]
    try:
        sampler._fit(sampler.network_, loop)
    finally:
        sampler.network_.eval()
        sampler.n_steps_, sampler.history_ = loop.record()


@contextmanager
def _one_voice(fabric: "Fabric") -> Iterator[None]:
    """Let only the first of several processes issue warnings."""
    if fabric.world_size == 1:
        yield
        return
    with warnings.catch_warnings():
        # A convolution with one channel has one layout for both names, and torch warns.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        if not fabric.is_global_zero:
            warnings.simplefilter("ignore")
        yield


def _batches(
    sampler: Any,
    data: StoredRows | tuple[Tensor, Tensor],
    device: torch.device,
    seed: int,
    noise: Noise | None,
) -> Any:
    """Return the batches of training: `PoissonBatches` with noise."""
    auto = sampler.spec_.networks.auto.get(f"{sampler.method}.class_balance", 0.0)
    size, order = sampler.batch_size, derive_seed(seed, "order")
    if isinstance(data, StoredRows):
        counts = torch.from_numpy(data.class_counts)
        balance = resolve_balance(sampler.class_balance, counts, auto)
        return StoredBatches(data, batch_size=size, seed=order, balance=balance, device=device)
    x = data[0].to(device, memory_format=memory_format(data[0].ndim))
    y = data[1].to(device)
    if noise is not None:
        return PoissonBatches(x, y, noise.rate)
    balance = resolve_balance(sampler.class_balance, torch.bincount(y[y >= 0]), auto)
    weights = row_weights(y, balance) if balance else None
    return Batches(x, y, batch_size=size, seed=order, weights=weights)


@contextmanager
def _undone_by_errors(sampler: Any, n_steps: int) -> Iterator[None]:
    """Restore the previous fit if input is refused, or training ends before its first step."""
    fitted = sampler.__dict__.copy()
    try:
        yield
    except DivergedError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, InputError) or sampler.n_steps_ == n_steps:
            sampler.__dict__.clear()
            sampler.__dict__.update(fitted)
        raise

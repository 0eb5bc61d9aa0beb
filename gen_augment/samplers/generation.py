"""Rows out of a network: by address, as new versions of given rows, or from codes.

The functions are for samplers that have a network; `HasNetwork` says what they need of one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.data import get_worker_info

from gen_augment.data import LabelCodec
from gen_augment.errors import InputError, WorkerDeviceError
from gen_augment.modalities import Codec, DataSpec
from gen_augment.rng import RandomState, derive_seed, normal
from gen_augment.samplers.requests import AddressCounter, vary_addresses
from gen_augment.training import placement
from gen_augment.training.placement import evaluating
from gen_augment.validation import check_range

__all__ = [
    "HasNetwork",
    "decode_codes",
    "encode_known",
    "encode_rows",
    "make_rows",
    "usable_device",
    "vary_rows",
]

#: A GPU takes this many times more rows in one forward pass than a CPU.
GPU_FACTOR = 8


class HasNetwork(Protocol):
    """A fitted sampler whose rows come from a network."""

    codec_: Codec
    label_codec_: LabelCodec
    spec_: DataSpec
    seed_: int
    network_: nn.Module

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the noise of one row."""

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        """Encoded rows of noise and class numbers."""

    def _counter(self) -> AddressCounter:
        """Counter of the addresses in use."""


def make_rows(sampler: HasNetwork, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
    """Return rows by address, in the user's form; Tensors are on the network's device."""
    device, table = usable_device(sampler), derive_seed(seed, "noise")

    def make(part: slice) -> Tensor:
        z = normal(index[part], sampler.latent_shape, table)
        if device.type == "cuda":  # copies from pageable memory would block
            z = z.pin_memory()
        z = z.to(device, non_blocking=True)
        return sampler._generate(z, torch.from_numpy(codes[part]).to(device, non_blocking=True))

    return _decoded(sampler, make, len(index))


def vary_rows(
    sampler: HasNetwork,
    vary: Callable[..., Tensor],
    rows: tuple[Any, Any],
    strength: ArrayLike,
    random_state: RandomState,
    *given: Tensor,
) -> Any:
    """Return new versions of `rows`, a pair (X, y), by ``vary(x, y, z, strength, *given)``.

    `x` are encoded rows, and `given` are further tensors with one entry for each row. Noise is
    addressed by the position of a row, in a table of its own.
    """
    encoded = encode_known(sampler.codec_, rows[0])
    n = len(encoded)
    strengths = _check_strengths(strength, n)
    codes = torch.from_numpy(sampler.label_codec_.encode_rows(rows[1], n))
    index, table = vary_addresses(sampler, n, random_state)
    device = usable_device(sampler)

    def make(part: slice) -> Tensor:
        z = normal(index[part], sampler.latent_shape, table).to(device)
        x, y, each = encoded[part].to(device), codes[part].to(device), strengths[part]
        more = [values[part].to(device) for values in given]
        made = x.clone()
        for value in np.unique(each):
            here = torch.from_numpy(np.flatnonzero(each == value)).to(device)
            others = [values[here] for values in more]
            made[here] = vary(x[here], y[here], z[here], float(value), *others).to(made.dtype)
        return made

    return _on_cpu(_decoded(sampler, make, n))


@torch.no_grad()
def encode_rows(
    sampler: HasNetwork, to_code: Callable[[Tensor, Tensor], Tensor], X: Any, y: Any
) -> Tensor:
    """Return the codes of given rows, by ``to_code(x, y)`` of encoded rows."""
    rows, device = encode_known(sampler.codec_, X), usable_device(sampler)
    codes = torch.from_numpy(sampler.label_codec_.encode_rows(y, len(rows)))
    size = sampler.spec_.networks.sample_batch_size
    with evaluating(sampler.network_):
        parts = zip(torch.split(rows, size), torch.split(codes, size), strict=True)
        return torch.cat([to_code(x.to(device), c.to(device)).cpu() for x, c in parts])


def decode_codes(
    sampler: HasNetwork, from_code: Callable[[Tensor, Tensor], Tensor], codes: Tensor, y: Any
) -> Any:
    """Return the rows of given codes, by ``from_code(code, y)``."""
    labels = torch.from_numpy(sampler.label_codec_.encode_rows(y, len(codes)))
    device = usable_device(sampler)

    def make(part: slice) -> Tensor:
        return from_code(codes[part].to(device), labels[part].to(device))

    return _on_cpu(_decoded(sampler, make, len(codes)))


def encode_known(codec: Codec, X: Any) -> Tensor:
    """Encode rows, or raise `InputError` if they hold a value that was not in the training rows."""
    encoded = codec.encode(X)
    codec.check_known(X)
    return encoded


def usable_device(sampler: HasNetwork) -> torch.device:
    """Return the network's device.

    Raises
    ------
    WorkerDeviceError
        The call is in a DataLoader worker, and the device is not a CPU.
    """
    device = _device_of(sampler)
    if device.type != "cpu" and get_worker_info() is not None:
        raise WorkerDeviceError(
            f"{type(sampler).__name__} is on {device} and cannot be used in a DataLoader worker. "
            "Put rows into a SampleBank, which workers can read, or generate whole batches in the "
            "main process with augment_loader(loader, sampler)."
        )
    return device


def _check_strengths(strength: ArrayLike, n: int) -> np.ndarray:
    """Return the strength of each of `n` rows, of one number or of one for each."""
    values = strength if isinstance(strength, (Sequence, np.ndarray)) else [strength]
    if isinstance(strength, str) or (len(values) != n and values is strength):
        raise InputError(f"strength={strength!r} is neither a number nor one for each of {n} rows.")
    checked = [check_range("strength", value, 0, 1) for value in values]
    return np.broadcast_to(np.array(checked), n)


def _device_of(sampler: HasNetwork) -> torch.device:
    return next(sampler.network_.parameters()).device


def _on_cpu(rows: Any) -> Any:
    return rows.cpu() if isinstance(rows, Tensor) else rows


def _autocast(sampler: HasNetwork) -> torch.autocast:
    """Return the training precision if it saves time and the modality allows 16 bits."""
    on_cuda, precision = _device_of(sampler).type == "cuda", getattr(sampler, "precision", "")
    name = "cuda" if on_cuda else "cpu"
    resolved = placement.resolved_precision(precision, name)
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(resolved)
    # A CPU without instructions for bfloat16 loses by it, whatever training used.
    is_fast = dtype is torch.bfloat16 and placement.bfloat16_pays(name)
    pays = dtype is not None and (on_cuda or is_fast)
    enabled = pays and sampler.spec_.networks.low_precision
    return torch.autocast(name, dtype, enabled=enabled)


def _decoded(sampler: HasNetwork, make: Callable[[slice], Tensor], n: int) -> Any:
    """Return `n` rows that `make` computes in parts, each decoded while it is in the cache."""
    on_cpu = _device_of(sampler).type == "cpu"
    size = sampler.spec_.networks.sample_batch_size * (1 if on_cpu else GPU_FACTOR)
    with evaluating(sampler.network_), torch.no_grad(), _autocast(sampler):
        encoded = (make(slice(start, start + size)) for start in range(0, n, size))
        return sampler.codec_.decode_parts(encoded)

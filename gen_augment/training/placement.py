"""Where a network lives and how it lies in memory."""

import ctypes
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import joblib
import torch
from torch import nn

from gen_augment.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "evaluating",
    "found_here",
    "has_bfloat16_tiles",
    "keep_heap",
    "make_fabric",
    "memory_format",
    "place",
    "tensor_defaults",
]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def make_fabric(device: str, precision: Any) -> "Fabric":
    """Lightning Fabric for one device such as "auto", "cpu" or "cuda:1", and a precision such as "bf16-mixed".

    "auto" is a CUDA device if there is one, and the CPU else. "cuda" is the device that this process has chosen, or
    that ``LOCAL_RANK`` gives it among those that train together.
    """
    from lightning_fabric import (
        Fabric,
    )  # slow to import, and not needed to look at data or a result
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    try:
        kind, _, index = str(device).partition(":")
        if kind == "auto":
            kind = "cuda" if torch.cuda.is_available() else "cpu"
        if kind == "cuda" and not index and torch.cuda.is_available():
            index = str(_own_cuda_device())
        with _undisturbed():
            # One device, whatever a cluster or a launcher says in the environment of how many processes train together.
            fabric = Fabric(
                accelerator=kind,
                devices=[int(index)] if index else 1,
                precision=precision,
                plugins=[LightningEnvironment()],
            )
    except (
        ValueError,
        RuntimeError,
        TypeError,
        ImportError,
    ) as error:  # ImportError: "tpu" without its package
        raise InputError(
            f"device={device!r} with precision={precision!r} cannot be used: {error}"
        ) from error
    if fabric.device.type == "mps":
        raise InputError(
            f"device={device!r} has no numbers of 64 bits, which samplers need: give device='cpu'."
        )
    if fabric.device.type == "cpu":
        _warn_of_too_many_threads()
        keep_heap()
    return fabric


def _own_cuda_device() -> int:
    """Number of the CUDA device that is this process's."""
    chosen, rank = torch.cuda.current_device(), os.environ.get("LOCAL_RANK", "")
    if chosen == 0 and rank.isdecimal() and int(rank) < torch.cuda.device_count():
        return int(rank)
    return chosen


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Fabric say nothing below a warning, such as which precision was asked for, and not heed ``fabric run``."""
    logger = logging.getLogger("lightning_fabric.utilities.rank_zero")
    before, launched = (
        logger.level,
        {name: os.environ.pop(name) for name in list(os.environ) if name[:3] == "LT_"},
    )
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
        os.environ.update(launched)


@cache
def keep_heap() -> None:
    """Have this process keep up to 256 MB of memory that a step gives back: the next step asks for as much.

    glibc hands large blocks back to the system, which has to map and clear each page anew. That is up to half the time
    of a step on a CPU. Limits that the user's environment sets are left alone.
    """
    theirs = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if sys.platform.startswith("linux") and not theirs:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: 0)  # musl has none
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)


@cache
def has_bfloat16_tiles() -> bool:
    """Whether this CPU multiplies matrices of bfloat16 (AMX): twice as fast as in 32 bits; other CPUs are slower."""
    known = getattr(torch.cpu, "get_capabilities", None)  # which older torch lacks
    return known is not None and bool(known().get("amx_bf16"))


def _warn_of_too_many_threads() -> None:
    """Threads that wait for a core spin, which makes a step 2 to 10 times slower: common in containers."""
    threads, cores = (
        torch.get_num_threads(),
        joblib.cpu_count(),
    )  # which knows of affinity and container limits
    if threads > cores:
        warnings.warn(
            f"torch uses {threads} threads, and this process may use {cores} cores, which makes training several times "
            f"slower: set OMP_NUM_THREADS={cores}, or call torch.set_num_threads({cores}).",
            stacklevel=4,
        )


def found_here(device: str) -> torch.device:
    """The device of that name, or the CPU on a machine that has none of that number."""
    where = torch.device(device)
    return (
        torch.device("cpu")
        if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count()
        else where
    )


def memory_format(n_axes: int) -> torch.memory_format:
    """Channels last for batches of images (4 axes), as oneDNN and tensor cores prefer."""
    return torch.channels_last if n_axes == 4 else torch.contiguous_format


def place(network: nn.Module, device: torch.device, *, compiled: bool = False) -> nn.Module:
    """Move a network to a device; its parts are compiled when they are first used."""
    network = network.to(device).to(memory_format=torch.channels_last)
    if compiled:
        for part in network.children():
            part.compile()
    return network


@contextmanager
def tensor_defaults() -> Iterator[None]:
    """Make tensors and weights of float32 for a while, as rows are, and on the CPU unless a device is named.

    Whatever `torch.set_default_dtype` and `torch.set_default_device` say.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        # The context costs each call of torch a microsecond.
        with nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into `eval` mode for a while: in training mode a row would depend on its batch."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)

"""Devices, precision and memory layout of networks."""

import ctypes
import inspect
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import joblib
import torch
from torch import nn
from torch.optim import Optimizer

from gen_augment.errors import InputError
from gen_augment.user_warnings import warn
from gen_augment.validation import check_positive_int

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "PRECISIONS",
    "available_device",
    "bfloat16_pays",
    "count_devices",
    "evaluating",
    "find_device",
    "is_launched",
    "keep_heap",
    "make_fabric",
    "memory_format",
    "place",
    "resolved_precision",
    "tensor_defaults",
    "without_gpu_search",
]

#: What samplers whose network is trained by steps accept.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "auto")

#: Buffers are not sent in each step: statistics of batches are those of all processes anyway. The
#: parameter has another name in newer versions of torch.
_KNOWN = inspect.signature(nn.parallel.DistributedDataParallel).parameters
_BUFFERS = next(n for n in ("forward_sync_buffers", "broadcast_buffers") if n in _KNOWN)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def make_fabric(
    device: str, precision: Any, devices: int | str = 1, *, lower: bool = False
) -> "Fabric":
    """Return Lightning Fabric for one device, or for one of several, and a precision.

    Parameters
    ----------
    device : str
        "auto" is a CUDA device if there is one, else the CPU. "cuda" is the current device of
        this process, or the one that ``LOCAL_RANK`` assigns to it in distributed training.
    precision : str
        Such as "bf16-mixed"; "auto" is that if `lower` and `bfloat16_pays`, else "32-true".
    devices : int or "auto"
        With several, this process joins the others that were started with it; see
        `count_devices`.
    lower : bool
        Whether these networks learn as well in 16 bits.

    Raises
    ------
    InputError
        There is no such device, or it cannot be used with this precision.
    """
    from lightning_fabric import Fabric  # slow to import, and needed for training only
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    n_here, n_nodes = count_devices(device, devices)
    try:
        name, _, index = str(device).partition(":")
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if lower or precision != "auto":
            precision = resolved_precision(precision, name)
        else:
            precision = "32-true"
        if n_here * n_nodes > 1:
            buffers: dict[str, Any] = {_BUFFERS: False}
            with _undisturbed():
                fabric = Fabric(
                    accelerator=name,
                    devices=n_here,
                    num_nodes=n_nodes,
                    strategy=DDPStrategy(init_sync=False, **buffers),
                    precision=precision,
                    plugins=[TorchElasticEnvironment()],
                )
                fabric.launch()
            return fabric
        if name == "cuda" and not index and torch.cuda.is_available():
            index = str(_own_cuda_device())
        with _undisturbed():
            # One device, whatever the environment of a cluster or a launcher says.
            fabric = Fabric(
                accelerator=name,
                devices=[int(index)] if index else 1,
                precision=precision,
                plugins=[LightningEnvironment()],
            )
    except (ValueError, RuntimeError, TypeError, ImportError) as error:  # "tpu" without package
        raise InputError(
            f"device={device!r} with precision={precision!r} cannot be used: {error}"
        ) from error
    if fabric.device.type == "mps":
        raise InputError(
            f"device={device!r} has no 64-bit numbers, which samplers need: give device='cpu'."
        )
    if fabric.device.type == "cpu":
        _warn_of_waiting_threads()
    return fabric


def find_device(device: str) -> torch.device:
    """Return the device that `make_fabric` chooses, at once on a CPU.

    Fabric imports torchmetrics where that is installed, and with it torchvision and transformers.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        _warn_of_waiting_threads()
        return torch.device("cpu")
    return make_fabric(device, "32-true").device


def is_launched() -> bool:
    """Return whether ``torchrun`` or ``fabric run`` has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def count_devices(device: str, devices: int | str) -> tuple[int, int]:
    """Return the number of devices on each machine that train together, and of machines.

    Parameters
    ----------
    device : str
        Kind of the devices.
    devices : int or "auto"
        Devices on each machine. "auto" is the number of processes that ``torchrun`` or
        ``fabric run`` has started on this machine; without them, the number of CUDA devices, or 1
        for a CPU. 1 is a device of its own in any case.

    Raises
    ------
    InputError
        There are not so many devices or processes.
    """
    wanted = None if devices == "auto" else check_positive_int("devices", devices)
    if wanted == 1:
        return 1, 1
    name, _, index = str(device).partition(":")
    if index:
        raise InputError(
            f"device={device!r} is one device, but devices={devices!r} asks for several: give "
            f"device={name!r}, or devices=1."
        )
    if is_launched():
        started, all_started = (int(os.environ[n]) for n in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
        if wanted not in (None, started):
            raise InputError(
                f"devices={devices}, but torchrun started {started} processes on this machine: "
                "give devices='auto'."
            )
        return started, all_started // started
    on_cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    available = torch.cuda.device_count() if on_cuda else None
    if wanted is None:
        return available or 1, 1
    if available is not None and wanted > available:
        raise InputError(
            f"devices={devices}, but there are {available} CUDA devices: give devices='auto'."
        )
    return wanted, 1


def _own_cuda_device() -> int:
    """Return the number of this process's CUDA device."""
    chosen, rank = torch.cuda.current_device(), os.environ.get("LOCAL_RANK", "")
    if chosen == 0 and rank.isdecimal() and int(rank) < torch.cuda.device_count():
        return int(rank)
    return chosen


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Silence Fabric's messages below a warning, and hide variables of ``fabric run`` from it."""
    loggers = [
        logging.getLogger(f"lightning_fabric.utilities.{name}")
        for name in ("rank_zero", "distributed")
    ]
    levels = [logger.level for logger in loggers]
    launched = {name: os.environ.pop(name) for name in list(os.environ) if name[:3] == "LT_"}
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        os.environ.update(launched)


@cache
def keep_heap() -> None:
    """Let this process keep up to 256 MB of freed memory, which makes steps on a CPU faster.

    By default, glibc returns large blocks to the system, and each step maps and clears the same
    pages again (measurements: ``docs/notes/memory.md``). This changes ``malloc`` for the whole
    process, so no sampler calls it. It has no effect on other systems, or if the environment sets
    limits of ``malloc``.
    """
    is_set = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if sys.platform.startswith("linux") and not is_set:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: 0)  # not in musl
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)


def resolved_precision(precision: str, device: str) -> str:
    """Return the precision that "auto" stands for on a type of device; others as they are."""
    if precision != "auto":
        return precision
    return "bf16-mixed" if bfloat16_pays(device) else "32-true"


@cache
def bfloat16_pays(device: str) -> bool:
    """Return whether a type of device has instructions for bfloat16; others lose by it.

    Among CPUs, those with AMX or AVX512-BF16 have them. With the latter, training took 0.7 times
    the processor time of 32 bits, and sampling 0.65 to 0.7 times (``benchmarks/precision.py``).
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    known = getattr(torch.cpu, "get_capabilities", None)  # missing in older versions of torch
    found = {} if known is None else known()
    return bool(found.get("amx_bf16") or found.get("avx512_bf16"))


def _warn_of_waiting_threads() -> None:
    """Warn about threads without a core of their own: those that wait for them spin."""
    threads, cores = torch.get_num_threads(), joblib.cpu_count()  # respects container limits
    if threads > cores:
        warn(
            f"torch uses {threads} threads, but this process may use only {cores} cores, which "
            f"makes training several times slower: set OMP_NUM_THREADS={cores}, or call "
            f"torch.set_num_threads({cores})."
        )
    elif threads > 1 and os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        # This process itself can add as much to the load as it has threads.
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        if load >= threads + (os.cpu_count() or cores) / 2:
            _warn_of_a_busy_machine()


@cache
def _warn_of_a_busy_machine() -> None:
    """Warn once for each process."""
    warn(
        "other processes use the cores of this machine, which can make training 10 times slower: "
        "set OMP_WAIT_POLICY=passive before Python starts, or call torch.set_num_threads(1)."
    )


def available_device(device: str) -> torch.device:
    """Return the device of that name, or the CPU if this machine does not have it."""
    where = torch.device(device)
    is_missing = where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count()
    return torch.device("cpu") if is_missing else where


def memory_format(n_axes: int) -> torch.memory_format:
    """Return channels last for batches of images (4 axes), as oneDNN and tensor cores prefer."""
    return torch.channels_last if n_axes == 4 else torch.contiguous_format


def place(network: nn.Module, device: torch.device, *, compiled: bool = False) -> nn.Module:
    """Move a network to a device; with `compiled`, its parts are compiled on first use."""
    network = network.to(device).to(memory_format=torch.channels_last)
    if compiled:
        for part in network.children():
            part.compile()
    return network


def without_gpu_search(optimizer: Optimizer) -> Optimizer:
    """Return an optimiser that does not look for a GPU in each step, if its weights are on a CPU.

    Adam does, for a check of CUDA graphs. Where torch was built for CUDA and there is no driver,
    this took 0.35 ms. Fits of tables take a tenth less time without it.
    """
    name = "_accelerator_graph_capture_health_check"  # missing in older versions of torch
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if hasattr(optimizer, name) and all(weight.device.type == "cpu" for weight in weights):
        setattr(optimizer, name, _nothing)
    return optimizer


def _nothing() -> None:
    pass


@contextmanager
def tensor_defaults() -> Iterator[None]:
    """Make new tensors float32 and on the CPU within the block, unless they say otherwise.

    This overrides `torch.set_default_dtype` and `torch.set_default_device`.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        # The context adds a microsecond to each call of torch.
        with nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into `eval` mode within the block, so that rows are independent.

    A network that is in it already is left alone: setting the mode of each module would take most
    of what a batch costs besides its network.
    """
    before, changes = network.training, any(module.training for module in network.modules())
    if changes:
        network.eval()
    try:
        yield
    finally:
        if changes:
            network.train(before)

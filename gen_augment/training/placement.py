"""Where a network lives and how it lies in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gen_augment.errors import InputError
from gen_augment.types import Kind

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["evaluating", "make_fabric", "memory_format", "place"]


def make_fabric(device: str, precision: Any) -> "Fabric":
    """Lightning Fabric for one device such as "auto", "cpu" or "cuda:1", and a precision such as "bf16-mixed"."""
    from lightning_fabric import Fabric  # slow to import, and not needed to look at data or a result

    try:
        kind, _, index = str(device).partition(":")
        return Fabric(accelerator=kind, devices=[int(index)] if index else 1, precision=precision)
    except (ValueError, RuntimeError, TypeError, ImportError) as error:  # ImportError: "tpu" without its package
        raise InputError(f"device={device!r} with precision={precision!r} cannot be used: {error}") from error


def memory_format(kind: Kind) -> torch.memory_format:
    """Channels last for images: what oneDNN's convolutions on a CPU and the tensor cores of a GPU prefer."""
    return torch.channels_last if kind == "image" else torch.contiguous_format


def place(network: nn.Module, device: torch.device, kind: Kind) -> nn.Module:
    """Move a network to a device, laid out for its kind of data."""
    return network.to(device).to(memory_format=memory_format(kind))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into `eval` mode for a while: in training mode a row would depend on its batch."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)

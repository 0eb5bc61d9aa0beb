"""Batches that are made ahead of the training step, on a CUDA stream beside its own."""

from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from gen_augment.inject.structure import tensors_in

__all__ = ["Ahead", "begin_ahead"]


class Ahead:
    """Batches in the making on a stream of their own, first in, first out.

    The training step waits for its own batch and no other, and a batch that comes from the host waits for no step.

    Parameters
    ----------
    device : torch.device
    depth : int
        How many batches are in the making when one is handed out.
    """

    def __init__(self, device: torch.device, depth: int) -> None:
        self.device = device
        self.depth = depth
        self.side: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.side.wait_stream(
            torch.cuda.current_stream(device)
        )  # a sampler's weights may just have been put there
        self.waiting: deque[tuple[Any, Any]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand one out."""
        return len(self.waiting) > self.depth

    def put(self, batch: Any, make: Callable[[Any], Any]) -> None:
        """Let ``make(batch)`` run beside what else the device does."""
        there = [part for part in tensors_in(batch) if part.is_cuda]
        if there:
            self.side.wait_stream(torch.cuda.current_stream(self.device))
        for part in there:
            part.record_stream(self.side)  # keeps its memory until this stream has read it
        with torch.cuda.stream(self.side):
            made = make(batch)
            self.waiting.append((made, self.side.record_event()))

    def get(self) -> Any:
        """The oldest batch; the current stream waits for it and keeps its memory until it has used it."""
        batch, done = self.waiting.popleft()
        here = torch.cuda.current_stream(self.device)
        here.wait_event(done)
        for part in tensors_in(batch):
            if part.is_cuda:
                part.record_stream(here)
        return batch


def begin_ahead(device: torch.device, depth: int) -> Ahead | None:
    """A place for batches in the making, where the device has streams and some are wanted ahead."""
    return Ahead(device, depth) if device.type == "cuda" and depth else None

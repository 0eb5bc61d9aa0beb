"""Prefetching: batches made before they are needed, on a CUDA stream of their own."""

from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from gen_augment.inject.batch_view import tensors_in

__all__ = ["Prefetcher", "start_prefetching"]


class Prefetcher:
    """Make batches on a separate CUDA stream, first in, first out.

    The training step waits for its own batch only. Batches in main memory do not wait for
    any training step.

    Parameters
    ----------
    device : torch.device
        A CUDA device.
    depth : int
        How many batches are in progress when one is returned.
    """

    def __init__(self, device: torch.device, depth: int) -> None:
        self.device = device
        self.depth = depth
        self.stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        # A sampler's weights may just have been copied to the device.
        self.stream.wait_stream(torch.cuda.current_stream(device))
        self.waiting: deque[tuple[Any, Any]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether a batch should be taken before the next is put."""
        return len(self.waiting) > self.depth

    def put(self, batch: Any, make: Callable[[], Any]) -> None:
        """Start ``make()`` on the stream, which reads `batch`."""
        on_device = [part for part in tensors_in(batch) if part.is_cuda]
        if on_device:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))
        for part in on_device:
            part.record_stream(self.stream)  # keeps its memory until this stream has read it
        with torch.cuda.stream(self.stream):
            made = make()
            self.waiting.append((made, self.stream.record_event()))

    def get(self) -> Any:
        """Return the oldest batch; the current stream waits until it is complete."""
        batch, done = self.waiting.popleft()
        current = torch.cuda.current_stream(self.device)
        current.wait_event(done)
        for part in tensors_in(batch):
            if part.is_cuda:
                part.record_stream(current)
        return batch


def start_prefetching(device: torch.device, depth: int) -> Prefetcher | None:
    """Return a prefetcher on a CUDA device, or None on other devices and for depth 0."""
    return Prefetcher(device, depth) if device.type == "cuda" and depth else None

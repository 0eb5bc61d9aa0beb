"""Processes that find the environment of torchrun."""

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import torch

from tests.processes import CONTEXT


def together(n: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Return what `function(rank, *args)` returns, or the error it raises, in each process."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    queue = CONTEXT.SimpleQueue()
    processes = [
        CONTEXT.Process(target=_run, args=(queue, rank, n, store.port, function, args))
        for rank in range(n)
    ]
    for process in processes:
        process.start()
    found = dict(pickle.loads(queue.get()) for _ in processes)
    for process in processes:
        process.join(60)
    return [found[rank] for rank in range(n)]


def _run(
    queue: Any, rank: int, n: int, port: int, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n), "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    try:
        found = pickle.dumps((rank, function(rank, *args)))
    except BaseException as error:
        traceback.print_exc()
        found = pickle.dumps((rank, error))
    queue.put(found)  # as bytes: a queue would share the memory of a tensor with a living process
    os._exit(0)  # without the ends of pytest

"""Processes that train together: started here, and kept in step.

`run_together` starts them as ``torchrun`` would. It needs no guard of the script and works in a
notebook, since no process imports the main module.
"""

import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import torch

from gen_augment.errors import InputError, LostProcessError
from gen_augment.training.callbacks import Callback
from gen_augment.training.checkpoint import restore_training, run_id, training_record
from gen_augment.training.loop import Loop
from gen_augment.user_warnings import warn

__all__ = ["SameStart", "run_together"]

T = TypeVar("T")


class SameStart(Callback):
    """Compares what the processes are going to train, and starts all where the first one does."""

    def on_resume(self, sampler: Any, loop: Loop) -> None:
        """Raise `InputError` in all processes if one has other rows or parameters."""
        mine = run_id(sampler, loop)
        if len(set(_gathered(mine))) > 1:
            raise InputError(
                "the processes that train together have different rows or parameters: give each of "
                "them the same X, y and parameters."
            )

    def on_fit_begin(self, sampler: Any, loop: Loop) -> None:
        """Send the state of a checkpoint that the first process has read to the others."""
        state = None
        if loop.step and loop.fabric.is_global_zero:
            record, tensors = training_record(loop, "")
            weights = loop.network.state_dict()
            state = record, {name: t.cpu() for name, t in {**tensors, **weights}.items()}
        state = loop.fabric.broadcast(state)
        if state is not None and not loop.fabric.is_global_zero:
            restore_training(loop, *state)


def _gathered(value: T) -> list[T]:
    found: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, value)
    return found


class _Found(NamedTuple):
    """What a call returned in the first process, and its warnings."""

    value: Any
    noted: list[warnings.WarningMessage]


def run_together(call: Callable[[], T], n: int) -> T:
    """Run `call` in `n` new processes, and return what the first one returns.

    If one of them fails, all are ended. After Ctrl-C, `call` is interrupted in all of them and may
    still return; a second Ctrl-C ends them.

    Parameters
    ----------
    call : callable
        Can be pickled, also by value. It finds the environment of ``torchrun``.
    n : int

    Raises
    ------
    InputError
        `call` cannot be pickled.
    LostProcessError
        One of the processes was killed.
    Exception
        What `call` raised in the first process that failed.
    """
    from joblib.externals.loky import ProcessPoolExecutor

    distributed: Any = torch.distributed
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n),
        "GROUP_RANK": "0",
        "TORCHELASTIC_RUN_ID": "gen_augment",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // n)),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    }
    executor = ProcessPoolExecutor(max_workers=n, env=shared)
    futures = [executor.submit(_member, rank, os.getpid(), call) for rank in range(n)]
    try:
        try:
            _wait(futures)
        except KeyboardInterrupt:
            for process in list(executor._processes):
                with suppress(OSError):
                    os.kill(process, signal.SIGINT)
            _wait(futures)
    except BrokenProcessPool as error:
        raise LostProcessError(
            f"one of {n} processes that train together was killed, as happens where memory runs "
            "out: train on fewer devices; a Checkpoint among the callbacks is resumed."
        ) from error
    except pickle.PicklingError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[-1]  # below a traceback
        raise InputError(
            f"devices={n} starts processes, and the sampler or its data cannot be sent to them "
            f"({reason}): start the script with torchrun, or train on one device."
        ) from error
    finally:
        executor.shutdown(kill_workers=True)
    found = futures[0].result()
    for noted in found.noted:
        warn(noted.message, noted.category)
    value: T = found.value
    return value


def _wait(futures: list["Future[_Found]"]) -> None:
    """Wait until all have returned, or one has failed."""
    for future in as_completed(futures):
        future.result()


def _member(rank: int, parent: int, call: Callable[[], Any]) -> _Found | None:
    """Run `call` as one of several processes."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C in a terminal reaches the parent, which passes it on
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    with warnings.catch_warnings(record=True) as noted:
        value = call()
    return _Found(value, noted) if rank == 0 else None


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)

"""Processes that a fit starts by itself."""

import os
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import InputError
from gen_augment.training.processes import run_together
from tests.conftest import small_sampler, toy_table


def act() -> Any:
    """Return the number of processes, or fail in the second one while the first waits."""
    rank, n = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.distributed.init_process_group("gloo")
    warnings.warn(f"from {rank}", UserWarning, stacklevel=1)
    if n == 3 and rank == 1:
        raise ValueError("of the second")
    total = torch.tensor([rank + 1])
    torch.distributed.all_reduce(total)
    return n, int(total)


@pytest.mark.slow  # starts processes that import torch
def test_calls_run_together_and_fail_together() -> None:
    with pytest.warns(UserWarning, match="from 0"):
        assert run_together(act, 2) == (2, 3)
    with pytest.raises(ValueError, match="of the second"):
        run_together(act, 3)
    assert "RANK" not in os.environ


@pytest.mark.slow  # starts processes that import torch
def test_a_fit_starts_processes_and_keeps_its_parameters() -> None:
    state, callbacks = np.random.RandomState(0), []
    sampler = small_sampler("vae", devices=2, random_state=state, callbacks=callbacks)
    sampler.fit(*toy_table())
    alone = small_sampler("vae", random_state=np.random.RandomState(0)).fit(*toy_table())
    assert sampler.seed_ == alone.seed_
    np.testing.assert_allclose(
        sampler.sample(20, random_state=1)[0], alone.sample(20, random_state=1)[0], rtol=1e-3
    )
    assert sampler.random_state is state
    assert sampler.callbacks is callbacks
    sampler.partial_fit(*toy_table())
    assert sampler.n_steps_ == 6


def test_what_cannot_be_pickled_is_refused() -> None:
    sampler = small_sampler("vae", devices=2, modality="table")
    sampler.lock = threading.Lock()
    with pytest.raises(
        InputError, match=r"devices=2 .*cannot be sent.*start the script with torchrun"
    ):
        sampler.fit(*toy_table())
    assert not sampler.__sklearn_is_fitted__()

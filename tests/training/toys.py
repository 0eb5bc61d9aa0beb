"""A small sampler in training, interrupted at a step."""

import os
import signal
from typing import Any

import torch

from gen_augment.samplers import Sampler
from gen_augment.training import Callback, Loop
from tests.conftest import small_sampler, toy_table

X, y = toy_table()


def make(name: str = "vae", **params: Any) -> Sampler:
    return small_sampler(name, **({"max_steps": 60} | params))


class InterruptAt(Callback):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
        if loop.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def weights(sampler: Sampler) -> list[torch.Tensor]:
    return list(sampler.network_.state_dict().values())

"""Ctrl-C while any sampler with a network trains: the sampler keeps what it has learned."""

import os
import signal
from typing import Any

import numpy as np
import pytest

from gen_augment import NetworkSampler
from gen_augment.samplers import SAMPLERS
from gen_augment.training import Callback
from tests.conftest import small_sampler, toy_images, toy_table

#: Families that are trained by steps, by name.
FAMILIES = sorted(
    name
    for name, cls in SAMPLERS.items()
    if issubclass(cls, NetworkSampler) and name != "diffusers"
)
TEXTS = ["my card is lost", "where is my card", "send the money", "the transfer failed"] * 8


class Press(Callback):
    """Presses Ctrl-C after some steps."""

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        if loop.step == 3:
            os.kill(os.getpid(), signal.SIGINT)


def data_of(name: str) -> tuple[Any, np.ndarray]:
    if name == "lm":
        return TEXTS, np.arange(len(TEXTS)) % 4 // 2
    return toy_images(24) if name == "paired" else toy_table(40)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_interrupted_fit_leaves_a_sampler_that_can_be_used(name: str, tmp_path: Any) -> None:
    X, y = data_of(name)
    small = {"width": 64, "n_layers": 1} if name == "lm" else {}
    sampler = small_sampler(name, max_steps=50, callbacks=[Press()], **small)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(X, y)
    assert sampler.n_steps_ == 3
    rows, labels = sampler.sample(4, random_state=1)
    assert len(rows) == len(labels) == 4
    sampler.save(tmp_path / "sampler")
    again, _ = SAMPLERS[name].load(tmp_path / "sampler", device="cpu").sample(4, random_state=1)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(rows))

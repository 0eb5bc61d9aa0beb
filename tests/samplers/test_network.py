"""Samplers with a network that is trained by steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import (
    ConditionalVAE,
    InputError,
)
from tests.conftest import small_sampler, toy_table


class Narrow(ConditionalVAE):
    """A user's sampler with its own constructor arguments."""

    def __init__(self, *, max_steps: int = 2, random_state: Any = None) -> None:
        super().__init__(
            max_steps=max_steps, width=4, latent_dim=4, random_state=random_state, device="cpu"
        )


def test_a_sampler_of_few_parameters_is_saved_and_loaded(tmp_path: Path) -> None:
    sampler = Narrow(random_state=0).fit(*toy_table())
    sampler.save(tmp_path / "a")
    loaded = Narrow.load(tmp_path / "a", device="cpu")
    np.testing.assert_array_equal(loaded.generate([0, 9], [0, 1]), sampler.generate([0, 9], [0, 1]))


def test_a_sampler_pickled_on_a_missing_device_is_unpickled_on_the_cpu() -> None:
    sampler = small_sampler("vae", max_steps=2, random_state=0).fit(*toy_table(48))
    state = sampler.__getstate__()
    state["_weights"] = ("cuda:99", state["_weights"][1])
    again = type(sampler).__new__(type(sampler))
    again.__setstate__(state)
    assert next(again.network_.parameters()).device.type == "cpu"
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.generate(range(4), [0, 1, 0, 1])),
        pd.DataFrame(sampler.generate(range(4), [0, 1, 0, 1])),
    )


@pytest.mark.parametrize("callbacks", [1, "a", [1], object()])
def test_bad_callbacks_are_refused(callbacks: Any) -> None:
    with pytest.raises(InputError, match=r"is not a list of gen_augment\.training\.Callback"):
        small_sampler("vae", callbacks=callbacks).fit(*toy_table(48))

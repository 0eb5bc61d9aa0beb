"""One fit of a network sampler: errors restore the previous fit."""

from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import ConditionalVAE, DivergedError, InputError
from gen_augment.data import Rows
from gen_augment.training import Callback
from tests.conftest import toy_table


class Raises(Callback):
    """Raises an error after some steps."""

    def __init__(self, error: Exception, at: int) -> None:
        self.error, self.at = error, at

    def on_fit_begin(self, sampler: Any, loop: Any) -> None:
        if self.at == 0:
            raise self.error

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        if loop.step == self.at:
            raise self.error


def fitted() -> ConditionalVAE:
    return ConditionalVAE(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    ).fit(*toy_table())


@pytest.mark.parametrize(
    "error, at, kept",
    [
        (RuntimeError("early"), 0, True),
        (InputError("late"), 1, True),
        (RuntimeError("late"), 1, False),
        (DivergedError("late", step=1, loss="x"), 1, False),
    ],
    ids=["before the first step", "refused input", "after a step", "diverged"],
)
def test_the_previous_fit_is_kept_unless_training_had_begun(
    error: Exception, at: int, kept: bool
) -> None:
    sampler = fitted()
    before = {name: tensor.clone() for name, tensor in sampler.network_.state_dict().items()}
    X, y = toy_table(seed=1)
    sampler.set_params(callbacks=[Raises(error, at)])
    with pytest.raises(type(error)):
        sampler.fit(X + 5, y)
    now = sampler.network_.state_dict()
    assert all(torch.equal(before[name], now[name]) for name in before) is kept
    assert sampler.n_steps_ == (2 if kept else 1)
    sampler.sample(2)  # the sampler is usable in both cases


def test_inferred_labels_are_kept_until_the_next_fit() -> None:
    X, y = toy_table()
    partly = np.where(np.arange(60) % 5 == 4, -1, y)
    sampler = fitted().fit(Rows.read(X, partly, unlabeled=-1))
    assert sampler.transduction_.shape == (60,)
    np.testing.assert_array_equal(sampler.transduction_[partly >= 0], y[partly >= 0])
    assert not hasattr(sampler.fit(X, y), "transduction_")


def test_the_global_random_state_is_not_changed() -> None:
    state = torch.get_rng_state()
    fitted()
    assert torch.equal(torch.get_rng_state(), state)

"""Training of adapters, and the images that preserve what a pipeline knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment.samplers.diffusion.calls import Settings
from gen_augment.samplers.diffusion.opening import open_family
from gen_augment.samplers.diffusion.training import prior_images
from gen_augment.training import Callback
from tests.samplers.diffusion.conftest import sampler

Pipelines = Callable[[str], Path]
Data = tuple[np.ndarray, np.ndarray]


def test_prior_images_are_those_of_the_untrained_pipeline(pipeline: Pipelines) -> None:
    family, _ = open_family(sampler(pipeline("sd")), ["cat", "dog"])
    how = Settings(2, (16, 16), None, None, {})
    found = prior_images(family, [0, 1, 1], [["a {}"], ["a {}"]], 7, how, 2)
    again = prior_images(family, [0, 1, 1], [["a {}"], ["a {}"]], 7, how, 3)
    torch.testing.assert_close(found, again, atol=1e-4, rtol=0)
    assert found.shape == (3, 3, 16, 16)
    assert not torch.equal(found[1], found[2])


@pytest.mark.parametrize("rank", [None, 4])
def test_the_loss_falls(rank: Any, pipeline: Pipelines, data: Data) -> None:
    before = sampler(pipeline("ddpm"), max_steps=0).fit(*data).denoising_loss(*data, n_times=4)
    made = sampler(pipeline("ddpm"), max_steps=20, lr=3e-2, lora_rank=rank, batch_size=8).fit(*data)
    after = made.denoising_loss(*data, n_times=4)
    assert after < before * (0.99 if rank is None else 0.7)
    assert len(made.network_.lora) == (0 if rank is None else 84)
    assert made.n_steps_ == 20
    assert np.isfinite(made.history_["loss"]).all()


class Batches(Callback):
    """Keeps the class numbers of the rows that are trained on."""

    def on_fit_begin(self, sampler: Any, loop: Any) -> None:
        self.codes = loop.batches.y.tolist()


def test_prior_rows_are_trained_beside_the_users_rows(pipeline: Pipelines, data: Data) -> None:
    seen = Batches()
    sampler(pipeline("ddpm"), max_steps=1, prior_weight=0.5, callbacks=[seen]).fit(*data)
    own = [["cat", "dog"].index(label) for label in data[1]]
    assert seen.codes == [*own, *(code + 2 for code in own)]

"""Tensors with a gradient, and tensors under `inference_mode`."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gen_augment import BootstrapSampler, SMOTESampler, load_sampler
from tests.conftest import small_sampler

Y = torch.arange(20) % 2


@pytest.mark.parametrize("make", [BootstrapSampler, SMOTESampler])
def test_rows_with_a_gradient_are_learned_from_and_saved(make: Any, tmp_path: Path) -> None:
    rows = torch.rand(20, 3, requires_grad=True)
    sampler = make(random_state=0).fit(rows, Y)
    sampler.save(tmp_path / "model.safetensors")
    new, _ = sampler.sample(5, random_state=1)
    assert not new.requires_grad
    again, _ = load_sampler(tmp_path / "model.safetensors").sample(5, random_state=1)
    assert torch.equal(new, again)


@pytest.mark.parametrize("name", ["vae", "gan", "flow", "paired"])
@pytest.mark.parametrize("shape", [(3,), (1, 8, 8)], ids=["table", "images"])
def test_fitting_under_inference_mode_gives_the_same_sampler(name: str, shape: Any) -> None:
    rows = torch.rand(20, *shape)
    expected = small_sampler(name).fit(rows, Y)
    with torch.inference_mode():
        found = small_sampler(name).fit(torch.rand_like(rows).copy_(rows), Y)
    for key, value in expected.network_.state_dict().items():
        assert torch.equal(value, found.network_.state_dict()[key]), key

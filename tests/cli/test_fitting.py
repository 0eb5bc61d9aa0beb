"""Samplers as `gen-augment fit` configures them."""

from pathlib import Path
from typing import Any

import pytest

from gen_augment import BootstrapSampler, ConditionalVAE, InputError
from gen_augment.cli.fitting import EVERY, make_sampler
from gen_augment.training import Checkpoint, SampleGrid
from tests.conftest import toy_table


def make(name: str | None, init: Path | None = None, **changes: Any) -> tuple[Any, Any]:
    given = {"resume": False, "grid": None, "seed": 3, "device": "cpu", "asked": {}} | changes
    return make_sampler(name, init, partial=Path("partial"), **given)


def test_settings_reach_the_sampler() -> None:
    model, start = make("vae", asked={"max_steps": 7, "width": None}, grid=Path("grid"))
    assert isinstance(model, ConditionalVAE)
    assert start is None
    assert (model.random_state, model.device, model.max_steps) == (3, "cpu", 7)
    assert model.width == ConditionalVAE().width  # None leaves the default
    kinds = [type(callback) for callback in model.callbacks]
    assert kinds[:2] == [Checkpoint, SampleGrid]
    assert model.callbacks[0].every == EVERY


def test_an_initial_sampler_gives_class_and_parameters(tmp_path: Path) -> None:
    vae = ConditionalVAE(max_steps=1, batch_size=8, width=2, latent_dim=3, device="cpu")
    vae.fit(*toy_table()).save(tmp_path / "vae")
    model, start = make(None, tmp_path / "vae")
    assert isinstance(model, ConditionalVAE)
    assert model.latent_dim == start.latent_dim == 3
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"asked": {"max_steps": 5}}, "max_steps"),
        ({"resume": True}, "resume"),
        ({"grid": Path("grid")}, "grid"),
    ],
)
def test_a_sampler_without_training_takes_no_options_of_it(changes: Any, word: str) -> None:
    with pytest.raises(InputError, match=f"BootstrapSampler is not trained, so it takes no {word}"):
        make("bootstrap", **changes)
    assert isinstance(make("bootstrap", asked={"max_steps": None})[0], BootstrapSampler)

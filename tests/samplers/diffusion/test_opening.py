"""Pipelines and the family that each belongs to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gen_augment import InputError
from gen_augment.samplers.diffusion.opening import family_of, open_family
from tests.samplers.diffusion.conftest import sampler

Pipelines = Callable[[str], Path]


@pytest.mark.parametrize(
    "name, family",
    [
        ("sd", "StableDiffusion"),
        ("sdxl", "StableDiffusionXL"),
        ("sd3", "StableDiffusion3"),
        ("flux", "Flux"),
        ("dit", "ClassConditional"),
        ("ddpm", "Unconditional"),
    ],
)
def test_the_family_of_a_pipeline(name: str, family: str, pipeline: Pipelines) -> None:
    found, digest = open_family(sampler(pipeline(name)), ["cat", "dog"])
    assert type(found).__name__ == family
    assert len(digest) == 32
    assert found.size[0] == (256 if name == "flux" else 16)


@pytest.mark.parametrize(
    "name, params, message",
    [
        ("dit", {"class_map": {"dog": 1000}}, r"class_map\['dog'\]=1000.*0 to 999"),
        ("dit", {"max_steps": 0, "class_map": {"cat": 1}}, r"class_map has no entry for \['dog'\]"),
        ("ddpm", {"image_size": 32}, "image_size=32, but a DDPMPipeline has a fixed size"),
        ("sd3", {"image_size": 18}, r"image_size=18, .* takes multiples of 4 px: give 16\."),
    ],
)
def test_parameters_that_do_not_fit_the_pipeline(
    name: str, params: Any, message: str, pipeline: Pipelines
) -> None:
    with pytest.raises(InputError, match=message):
        open_family(sampler(pipeline(name), **params), ["cat", "dog"])


def test_less_memory_is_asked_of_the_pipeline(pipeline: Pipelines) -> None:
    wanted = ["attention_slicing", "gradient_checkpointing", "cpu_offload"]
    found, _ = open_family(sampler(pipeline("sd"), save_memory=wanted), ["cat"])
    kinds = {type(each).__name__ for each in found.denoiser.attn_processors.values()}
    assert kinds == {"SlicedAttnProcessor"}
    assert found.denoiser.is_gradient_checkpointing


def test_a_pipeline_without_prompts_and_classes_is_refused() -> None:
    class Other:
        pass

    with pytest.raises(InputError, match="a Other takes no prompt and no class"):
        family_of(Other(), {"image"}, [], {})

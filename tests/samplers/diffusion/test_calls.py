"""Calls of pipelines against the pipelines themselves; rows do not depend on their batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import InputError
from gen_augment.samplers.diffusion.calls import Settings, edit, generate, labels_of
from gen_augment.samplers.diffusion.folder import load_pipeline
from gen_augment.samplers.diffusion.opening import open_family
from tests.samplers.diffusion.conftest import sampler
from tests.samplers.diffusion.pipelines import BUILDERS

diffusers = pytest.importorskip("diffusers")
Pipelines = Callable[[str], Path]
#: Warnings of other libraries to their own users.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]
SEEDS = [5, 2**60, 7]


def family_of(name: str, pipeline: Pipelines) -> Any:
    numbers = {"cat": 281, "dog": 207}
    return open_family(sampler(pipeline(name), class_map=numbers), ["cat", "dog"])[0]


def settings(n_steps: int = 4, **changed: Any) -> Settings:
    values: dict[str, Any] = {
        "size": (16, 16),
        "guidance": None,
        "negative_prompt": None,
        "options": {},
    }
    return Settings(n_steps, **(values | changed))


def rows(seeds: Any = SEEDS) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_row_depends_on_its_label_and_seed_alone(name: str, pipeline: Pipelines) -> None:
    family = family_of(name, pipeline)
    family.learn_classes()
    how = settings(2, options=family.max_words)
    labels = [family.label(code, "a {}", learned=True) for code in (0, 1, 0)]
    state = torch.get_rng_state()
    whole = generate(family, labels, SEEDS, how)
    assert whole.shape == (3, family.channels, 16, 16)
    assert 0 <= whole.min() < whole.max() <= 1
    varied = edit(family, whole, labels, SEEDS, 0.5, how)
    for row in range(3):
        one = slice(row, row + 1)
        torch.testing.assert_close(generate(family, labels[one], SEEDS[one], how), whole[one], atol=2e-3, rtol=0)  # fmt: skip
        alone = edit(family, whole[one], labels[one], SEEDS[one], 0.5, how)
        torch.testing.assert_close(alone, varied[one], atol=2e-3, rtol=0)
    assert not torch.equal(whole[0], whole[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_images_are_those_of_the_pipeline(pipeline: Pipelines) -> None:
    family = family_of("sd", pipeline)
    prompts = ["a cat", "a dog", "x"]
    found = generate(family, prompts, SEEDS, settings(guidance=2.0, negative_prompt="bad"))
    direct = load_pipeline(pipeline("sd"), torch.float32)
    expected = direct(prompts, guidance_scale=2.0, negative_prompt=["bad"] * 3, num_inference_steps=4,
                      output_type="pt", generator=rows()).images  # fmt: skip
    assert torch.equal(found, expected)
    images = torch.rand(3, 3, 16, 16)
    editor = diffusers.StableDiffusionImg2ImgPipeline(
        **direct.components, requires_safety_checker=False
    )
    editor.set_progress_bar_config(disable=True)
    expected = editor(prompts, image=images, strength=0.5, num_inference_steps=4, output_type="pt",
                      generator=rows()).images  # fmt: skip
    assert torch.equal(edit(family, images, prompts, SEEDS, 0.5, settings()), expected)


@pytest.mark.parametrize("name", ["dit", "ddpm"])
def test_pipelines_without_prompts(name: str, pipeline: Pipelines) -> None:
    family, direct = family_of(name, pipeline), load_pipeline(pipeline(name), torch.float32)
    labels = [family.label(code, "", learned=False) for code in (0, 1, 0)]
    found = generate(family, labels, SEEDS, settings())
    given = {"class_labels": [281, 207, 281]} if name == "dit" else {"batch_size": 3}
    expected = direct(**given, num_inference_steps=4, output_type="np", generator=rows()).images
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["dit", "ddpm"])
def test_our_denoising_is_that_of_the_pipeline_from_noise_on(
    name: str, pipeline: Pipelines
) -> None:
    """SDEdit whose image drowns in noise ends where the pipeline ends that starts at that noise."""
    family = family_of(name, pipeline)
    labels = [family.label(0, "", learned=False)]
    how = settings(4)
    scheduler = family.pipeline.scheduler
    expected = generate(family, labels, SEEDS[:1], how)
    scheduler.add_noise = lambda x, noise, t: noise  # all of the steps, from the noise alone
    found = edit(family, torch.zeros(1, 3, 16, 16), labels, SEEDS[:1], 0.999999, settings(4))
    assert not torch.equal(found, expected)  # three steps of four
    from gen_augment.samplers.diffusion import calls

    with torch.no_grad():
        found = calls._sdedit(family, torch.zeros(1, 3, 16, 16), labels, rows(SEEDS[:1]), 1.0, how)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["sd", "dit", "ddpm"])
def test_strengths_from_none_to_all(name: str, pipeline: Pipelines) -> None:
    family = family_of(name, pipeline)
    labels = [family.label(0, "a {}", learned=False)] * 3
    images = torch.rand(3, 3, 16, 16)
    assert edit(family, images, labels, SEEDS, 0.0, settings()) is images
    assert edit(family, images, labels, SEEDS, 0.2, settings()) is images  # not one step of four
    others = [edit(family, each, labels, SEEDS, 1.0, settings()) for each in (images, 1 - images)]
    assert torch.equal(*others)
    assert torch.equal(others[0], generate(family, labels, SEEDS, settings()))


def test_prompts_are_chosen_by_the_seed(pipeline: Pipelines) -> None:
    family = family_of("sd", pipeline)
    texts = [["a {}", "b {}"], ["c"]]
    found = labels_of(family, texts, [0, 0, 1], [4, 5, 6], learned=True)
    assert found == ["a cat", "b cat", "c"]


@pytest.mark.parametrize(
    "name, changed, message",
    [
        ("dit", {"negative_prompt": "x"}, "a DiTPipeline has no negative_prompt"),
        ("ddpm", {"guidance": 2.0}, "a DDPMPipeline has no guidance_scale: leave guidance out"),
        ("sd", {"options": {"prompt": "x"}}, "options has 'prompt'.*set already"),
        ("sd", {"options": {"speed": 3}}, "options has 'speed', which a StableDiffusionPipeline"),
    ],
)
def test_what_a_pipeline_does_not_take(
    name: str, changed: Any, message: str, pipeline: Pipelines
) -> None:
    family = family_of(name, pipeline)
    labels = [family.label(0, "", learned=False)]
    with pytest.raises(InputError, match=message):
        generate(family, labels, [1], settings(**changed))
    with pytest.raises(InputError, match=message):
        edit(family, torch.rand(1, 3, 16, 16), labels, [1], 0.5, settings(**changed))


def test_what_a_pipeline_refuses(pipeline: Pipelines) -> None:
    family = family_of("sd3", pipeline)
    how = settings(options={"max_sequence_length": 999})
    with pytest.raises(
        InputError, match=r"refuses the call \(.*999\): change image_size or options"
    ):
        generate(family, ["x"], [1], how)
    family.denoiser.register_to_config(in_channels=4)  # diffusers inpaints with 16 or 33
    image, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    with pytest.raises(InputError, match=r"InpaintPipeline refuses .* 16 .* not 4.*leave mask out"):
        edit(family, image, ["x"], [1], 0.5, settings(options=family.max_words), mask)


def test_an_editor_generates_too(pipeline: Pipelines) -> None:
    family = family_of("sd", pipeline)
    expected = generate(family, ["x"], [1], settings())
    parts = family.pipeline.components
    family.pipeline = diffusers.StableDiffusionImg2ImgPipeline(
        **parts, requires_safety_checker=False
    )
    family.pipeline.set_progress_bar_config(disable=True)
    assert torch.equal(generate(family, ["x"], [1], settings()), expected)


def test_an_image_that_a_safety_checker_blanks_is_an_error(
    pipeline: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = family_of("sd", pipeline)
    kind = type(family.pipeline)
    monkeypatch.setattr(kind, "run_safety_checker", lambda self, image, *_: (image, [True]))
    with pytest.raises(InputError, match="safety checker"):
        generate(family, ["x"], [1], settings())


@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3", "flux", "dit", "ddpm"])
def test_versions_with_a_mask_fit_what_is_known(name: str, pipeline: Pipelines) -> None:
    family = family_of(name, pipeline)
    how = settings(options=family.max_words)
    labels = [family.label(code, "a {}", learned=False) for code in (0, 1, 0)]
    images, mask = torch.rand(3, 3, 16, 16), torch.zeros(3, 1, 16, 16)
    with torch.no_grad():
        if name in ("dit", "ddpm"):  # outside of the mask, the autoencoder's image comes back
            known = family.to_images(family.to_latents(images * 2 - 1))
            torch.testing.assert_close(edit(family, images, labels, SEEDS, 0.5, how, mask), known)
        mask[..., 8:] = 1
        made = edit(family, images, labels, SEEDS, 1.0, how, mask)
        others = edit(family, images.flip(3), labels, SEEDS, 1.0, how, mask)
        alone = edit(family, images[1:2], labels[1:2], SEEDS[1:2], 1.0, how, mask[1:2])
    assert not torch.equal(made, others)  # at a strength of 1, what is known still counts
    torch.testing.assert_close(alone, made[1:2], atol=2e-3, rtol=0)

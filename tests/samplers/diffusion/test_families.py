"""What families feed to a denoiser, against what the pipeline's own call feeds to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gen_augment import InputError
from gen_augment.samplers.diffusion.opening import open_family
from tests.samplers.diffusion.conftest import sampler
from tests.samplers.diffusion.pipelines import FAMILIES

Pipelines = Callable[[str], Path]

#: Warnings of other libraries to their own users.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]


def opened(name: str, pipeline: Pipelines, **params: Any) -> Any:
    return open_family(sampler(pipeline(name), class_map={"dog": 7}, **params), ["cat", "dog"])[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_predictions_are_those_of_the_pipeline(name: str, pipeline: Pipelines) -> None:
    family = opened(name, pipeline)
    calls: list[tuple[Any, Any, Any]] = []

    def watch(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        x = args[0] if args else kwargs["hidden_states"]
        t = kwargs.get("timestep", args[1] if len(args) > 1 else None)
        calls.append((x, t, output[0] if isinstance(output, tuple) else output.sample))

    hook = family.denoiser.register_forward_hook(watch, with_kwargs=True)
    label = family.label(1, "a {}", learned=False)
    arguments = {family.argument: [label]} if family.argument else {"batch_size": 1}
    guidance = {} if name == "ddpm" else {"guidance_scale": 1.0}
    size = {"height": 16, "width": 16} if family.argument == "prompt" else {}
    family.pipeline(
        **arguments, **guidance, **size, **family.max_words, num_inference_steps=2,
        generator=torch.Generator().manual_seed(0), output_type="pt",
    )  # fmt: skip
    hook.remove()
    for x, t, expected in calls:
        t = torch.as_tensor(t).reshape(-1)[:1].float()
        if name == "flux":
            t = t * 1000
            x, expected = (
                family.pipeline._unpack_latents(each, 16, 16, 2) for each in (x, expected)
            )
        with torch.no_grad():
            found = family.predict(x, t, family.condition([label]))
        torch.testing.assert_close(found, expected[:, : found.shape[1]], atol=1e-5, rtol=1e-4)
    assert len(calls) == 2


@pytest.mark.parametrize("name", FAMILIES)
def test_learned_classes_have_labels_of_their_own(name: str, pipeline: Pipelines) -> None:
    family = opened(name, pipeline)
    plain = [family.label(code, "a {}", learned=False) for code in (0, 1)]
    assert plain == [family.label(code, "a {}", learned=True) for code in (0, 1)]
    vectors = family.learn_classes()
    learned = [family.label(code, "a {}", learned=True) for code in (0, 1)]
    assert [family.label(code, "a {}", learned=False) for code in (0, 1)] == plain
    assert len({*learned, *plain, family.null}) == 4 + (plain[0] != plain[1]) - (
        family.null in plain
    )
    assert all(vector.shape[0] == 2 and vector.requires_grad for vector in vectors.values())
    x = torch.randn(2, family.denoiser.config.in_channels, 8, 8)
    if name == "flux":
        x = x[:, :4]
    family.predict(x, torch.tensor([500, 500]), family.condition(learned)).sum().backward()
    for vector in vectors.values():  # each class has a gradient of its own
        assert vector.grad is not None
        assert (vector.grad.abs().sum(dim=1) > 0).all()
    assert all(
        weight.grad is None for weight in family.denoiser.parameters() if weight.shape[0] != 2
    )


@pytest.mark.parametrize("name", ["sd", "sd3", "dit", "ddpm"])
def test_latents_are_decoded_as_the_autoencoder_does(name: str, pipeline: Pipelines) -> None:
    family = opened(name, pipeline)
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        found = family.to_images(family.to_latents(images))
        expected = images
        if name != "ddpm":
            expected = family.pipeline.vae(images).sample
    torch.testing.assert_close(found, (expected / 2 + 0.5).clamp(0, 1), atol=1e-4, rtol=1e-4)


def test_the_start_of_a_class_number(pipeline: Pipelines) -> None:
    family = opened("dit", pipeline)
    vectors = family.learn_classes()["block_0"]
    table = family.denoiser.transformer_blocks[0].norm1.emb.class_embedder.embedding_table.base
    torch.testing.assert_close(vectors[0], table.weight[:1000].mean(dim=0))
    assert torch.equal(vectors[1], table.weight[7])


def test_other_pipelines_with_prompts_can_only_sample(pipeline: Pipelines) -> None:
    from gen_augment.samplers.diffusion.families import TextToImage

    family = TextToImage(opened("sd", pipeline).pipeline, ["cat"], {})
    assert family.label(0, "a {}", learned=True) == "a cat"
    with pytest.raises(InputError, match=r"cannot be trained.*max_steps=0"):
        family.condition(["x"])

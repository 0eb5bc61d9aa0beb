"""Adapters: what they change, and the loss they are trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gen_augment import InputError, MissingDependencyError
from gen_augment.samplers.diffusion.network import AdaptedPipeline, add_lora
from gen_augment.samplers.diffusion.noising import Noised
from gen_augment.samplers.diffusion.opening import open_family
from tests.samplers.diffusion.conftest import sampler
from tests.samplers.diffusion.pipelines import FAMILIES

Pipelines = Callable[[str], Path]


def adapted(name: str, pipeline: Pipelines, rank: int | None = 2) -> AdaptedPipeline:
    family, digest = open_family(sampler(pipeline(name)), ["cat", "dog"])
    network = AdaptedPipeline(family, rank, learns=True, digest=digest)
    network.templates = [["a {}"], ["a {}"]]
    return network


@pytest.mark.parametrize("name", FAMILIES)
def test_adapters_begin_without_effect_and_are_all_that_is_trained(
    name: str, pipeline: Pipelines
) -> None:
    family, _ = open_family(sampler(pipeline(name)), ["cat", "dog"])
    torch.manual_seed(0)
    vae = getattr(family.pipeline, "vae", None)
    channels = 3 if vae is None else vae.config.latent_channels
    x, t = torch.randn(2, channels, 8, 8), torch.tensor([300, 800])
    labels = [family.null, family.null]
    with torch.no_grad():
        before = family.predict(x, t, family.condition(labels))
        network = AdaptedPipeline(family, 2, learns=True, digest="")
        torch.testing.assert_close(family.predict(x, t, family.condition(labels)), before)
    network.templates = [["a {}"], ["b {}"]]
    torch.manual_seed(5)
    network(x, torch.tensor([0, 1])).backward()
    assert any(weight.grad.abs().sum() > 0 for weight in network.lora.values())
    mine = {id(weight) for weight in network.parameters()}
    parts = [part for part in family.pipeline.components.values() if isinstance(part, nn.Module)]
    trained = [weight for part in parts for weight in part.parameters() if weight.requires_grad]
    assert {id(weight) for weight in trained} < mine
    assert len(network.state_dict()) == len(trained) + 1  # the anchor


def test_rows_have_the_error_of_their_own_label(pipeline: Pipelines) -> None:
    network = adapted("sd", pipeline, rank=None)
    torch.manual_seed(0)
    with torch.no_grad():
        noised = Noised(
            torch.randn(3, 4, 8, 8), torch.tensor([5, 50, 500]), torch.randn(3, 4, 8, 8)
        )
        labels = ["a", "b", "a"]
        together = network.errors(noised, labels)
        alone = [
            network.errors(Noised(*(part[i : i + 1] for part in noised)), labels[i : i + 1])
            for i in range(3)
        ]
        unet, condition = network.family.denoiser, network.family.condition(["b"])
        made = unet(noised.x[1:2], noised.t[1:2], **condition).sample
    torch.testing.assert_close(together, torch.cat(alone))
    torch.testing.assert_close(together[1], (made - noised.target[1:2]).square().mean())


def test_prior_rows_are_weighted(pipeline: Pipelines) -> None:
    network = adapted("ddpm", pipeline, rank=None)
    x = torch.randn(4, 3, 16, 16)
    losses = []
    for weight in (0.0, 1.0, 2.0):
        network.prior_weight = weight
        torch.manual_seed(0)
        losses.append(network(x, torch.tensor([0, 1, 2, 3])).item())
    assert losses[0] > 0
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-4)


def test_what_cannot_be_adapted(pipeline: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"a Sequential has none of the layers to_q"):
        add_lora(nn.Sequential(nn.ReLU()), 2, ["to_q"])
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"lora_rank needs peft.*lora_rank=None"):
        add_lora(nn.Linear(2, 2), 2, ["to_q"])


def test_parts_are_offloaded_for_samples_on_an_accelerator(
    pipeline: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = adapted("ddpm", pipeline)
    calls: list[str] = []
    kind = type(network.family.pipeline)
    monkeypatch.setattr(
        kind, "enable_model_cpu_offload", lambda self, device: calls.append(f"offload {device}")
    )
    monkeypatch.setattr(kind, "to", lambda self, device: calls.append(f"to {device}"))
    network.at(torch.device("cpu"), offload=True)
    assert calls == []
    network.in_training = True
    network.at(torch.device("cuda"), offload=True)
    network.in_training = False
    for _ in range(2):
        network.at(torch.device("cuda"), offload=True)
    assert calls == ["to cuda", "offload cuda"]


def test_nothing_is_learned_without_steps(pipeline: Pipelines) -> None:
    family, _ = open_family(sampler(pipeline("sd")), ["cat"])
    network: Any = AdaptedPipeline(family, 2, learns=False, digest="")
    assert [name for name, _ in network.named_parameters()] == ["anchor"]

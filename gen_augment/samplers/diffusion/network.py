"""A frozen pipeline with adapters, which are all that is trained and saved.

References
----------
Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2022 (arXiv:2106.09685).
Ruiz et al., "DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven
Generation", 2023 (arXiv:2208.12242): prior preservation.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.samplers.diffusion.families import Family
from gen_augment.samplers.diffusion.noising import Noised, Noising

__all__ = ["AdaptedPipeline", "add_lora"]

#: Share of the rows that are learned without their class, for guidance.
UNLABELLED_SHARE = 0.1


class AdaptedPipeline(nn.Module):
    """A pipeline and its adapters; only the adapters are parameters of this module.

    Parameters
    ----------
    family : Family
    rank : int or None
        Rank of the LoRA; None for none.
    learns : bool
        Whether anything is learned. If not, there are no adapters.
    digest : str
        Hash of the frozen weights.

    Attributes
    ----------
    templates : list of list of str
        Prompts of each class in training.
    prior_weight : float
        Weight of prior images in training.
    in_training : bool
    """

    def __init__(self, family: Family, rank: int | None, *, learns: bool, digest: str) -> None:
        super().__init__()
        self.family, self.digest = family, digest
        # Holds the device, also without adapters.
        self.anchor = nn.Parameter(torch.empty(0), requires_grad=False)
        self.lora, self.vectors = nn.ParameterDict(), nn.ParameterDict()
        self.templates: list[list[str]] = []
        self.prior_weight = 0.0
        self.in_training = self._offloads = False
        self._noising: Noising | None = None
        if learns:
            family.condition([family.null])  # raises for a pipeline that cannot be trained
            self._noising = Noising(family.pipeline.scheduler)
            self.vectors.update(family.learn_classes())
            if rank is not None:
                self.lora.update(add_lora(family.denoiser, rank, family.targets))

    def at(self, device: torch.device, *, offload: bool = False) -> Family:
        """Return the family, with the pipeline on a device.

        With `offload`, each part of it is there only while it is used; not during training.
        """
        pipeline = self.family.pipeline
        if offload and device.type != "cpu" and not self.in_training:
            if not self._offloads:
                pipeline.enable_model_cpu_offload(device=device)
            self._offloads = True
        elif self.family.denoiser.device != device:
            pipeline.to(device)
        return self.family

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of latents (B, C, h, w) of classes (B,) at random times.

        Classes from ``n_classes`` on are prior images of the class without its learned vector.
        """
        n_classes, family = len(self.templates), self.family
        codes = y.tolist()
        drops = (torch.rand(len(codes)) < UNLABELLED_SHARE).tolist()
        picks = torch.rand(len(codes)).tolist()
        labels = []
        for code, drop, pick in zip(codes, drops, picks, strict=True):
            texts = self.templates[code % n_classes]
            text = texts[int(pick * len(texts))]
            is_own = code < n_classes
            label = family.label(code % n_classes, text, learned=is_own)
            labels.append(family.null if drop else label)
        noised = self._noised(x, torch.randn_like(x), torch.rand(len(x), device=x.device))
        errors = self.errors(noised, labels)
        return (errors * torch.where(y < n_classes, 1.0, self.prior_weight)).mean()

    def errors(self, noised: Noised, labels: Sequence[Any]) -> Tensor:
        """Return the mean squared error of each row, (B,)."""
        family = self.family
        dtype = family.denoiser.dtype
        unique = list(dict.fromkeys(labels))
        place = torch.tensor([unique.index(label) for label in labels], device=noised.x.device)
        condition = {
            name: _as(tensor, dtype)[place] for name, tensor in family.condition(unique).items()
        }
        made = family.predict(noised.x.to(dtype), noised.t, condition)
        return (made.float() - noised.target).square().flatten(1).mean(dim=1)

    def _noised(self, x: Tensor, noise: Tensor, u: Tensor) -> Noised:
        if self._noising is None:
            self._noising = Noising(self.family.pipeline.scheduler)
        return self._noising(x, noise, u)

    @torch.no_grad()
    def row_losses(self, x: Tensor, labels: Sequence[Any], noise: Tensor, n_times: int) -> Tensor:
        """Return the error of each row, (B,), averaged over equally spaced times.

        Parameters
        ----------
        x : Tensor of shape (B, C, h, w)
            Latents.
        labels : sequence of labels
        noise : Tensor of shape (B, n_times, C, h, w)
        n_times : int
        """
        total = torch.zeros(len(x), device=x.device)
        for place in range(n_times):
            u = torch.full((len(x),), (place + 0.5) / n_times, device=x.device)
            total += self.errors(self._noised(x, noise[:, place], u), labels)
        return total / n_times


def add_lora(denoiser: Any, rank: int, targets: Sequence[str]) -> dict[str, nn.Parameter]:
    """Add LoRA to the layers of a denoiser; return its weights, in 32 bits, by name.

    At first the output of the denoiser does not change.

    Raises
    ------
    InputError
        The denoiser has no such layers.
    MissingDependencyError
        peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingDependencyError(
            "lora_rank needs peft: pip install 'gen_augment[diffusers]', or give lora_rank=None."
        ) from error
    names = [name for name, part in denoiser.named_modules() if _is_layer(part)]
    found = [name for name in names if any(f".{name}".endswith(f".{t}") for t in targets)]
    if not found:
        raise InputError(
            f"a {type(denoiser).__name__} has none of the layers {', '.join(targets)}: give "
            "lora_rank=None."
        )
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=found), denoiser)
    weights = {}
    for name, weight in denoiser.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.float()
            weights[name.replace(".", "/")] = weight
        else:
            weight.requires_grad_(name.endswith("learned.0"))
    return weights


def _is_layer(part: nn.Module) -> bool:
    return isinstance(part, (nn.Linear, nn.Conv2d))


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor

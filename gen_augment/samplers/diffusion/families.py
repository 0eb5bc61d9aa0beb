"""Kinds of diffusion pipelines: how a class is given to them, and how their denoiser is called.

Each class has the few lines in which the training scripts of diffusers differ. A label is what
the pipeline is conditioned on: a prompt, or a class number.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.samplers.diffusion.learned import LearnedShift
from gen_augment.samplers.diffusion.tokens import add_tokens, check_numbers, filled, learn_rows
from gen_augment.types import JSON

__all__ = [
    "ClassConditional",
    "Family",
    "Flux",
    "StableDiffusion",
    "StableDiffusion3",
    "StableDiffusionXL",
    "TextToImage",
    "Unconditional",
]

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_JOINT = (*_ATTENTION, "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
#: What rows are conditioned on, one label a row: prompts, or class numbers.
Labels = Sequence[Any]


class Family(ABC):
    """One pipeline, as a `DiffusersSampler` uses it.

    Parameters
    ----------
    pipeline : DiffusionPipeline
    words : sequence of str
        The name of each class, as text.
    class_map : mapping of int to int
        The pipeline's own number of each class, for pipelines with class numbers.

    Attributes
    ----------
    learned : bool
        Whether `learn_classes` was called.
    max_words : dict
        ``{"max_sequence_length": n}`` if prompts have another length than the pipeline's default.
    """

    #: Name of the denoiser in the pipeline.
    part: ClassVar[str] = "unet"
    #: Names of the layers that get LoRA.
    targets: ClassVar[Sequence[str]] = _ATTENTION
    #: The argument of the pipeline's call that takes labels, if there is one.
    argument: ClassVar[str] = ""
    #: The label of no class.
    null: Any = None
    #: Latents along a side of what the denoiser takes as one.
    patch: ClassVar[int] = 1

    def __init__(self, pipeline: Any, words: Sequence[str], class_map: Mapping[int, int]) -> None:
        self.pipeline, self.words, self.class_map = pipeline, list(words), class_map
        self.learned = False
        self.max_words: JSON = {}

    @property
    def denoiser(self) -> Any:
        """The network that is trained."""
        return getattr(self.pipeline, self.part)

    @property
    def device(self) -> torch.device:
        """Where the pipeline computes; offloaded weights are elsewhere."""
        device: torch.device = self.pipeline._execution_device
        return device

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images that the pipeline was trained on."""
        side = getattr(self.pipeline, "default_sample_size", None)
        side = self.denoiser.config.sample_size if side is None else side
        height, width = (side, side) if isinstance(side, int) else side
        return int(height) * self.scale, int(width) * self.scale

    @property
    def scale(self) -> int:
        """Pixels of an image for each of its latents, along one side."""
        vae = getattr(self.pipeline, "vae", None)
        if vae is None:
            return 1
        blocks = vae.config.get("block_out_channels") or vae.config.encoder_block_out_channels
        return int(2 ** (len(blocks) - 1))

    @property
    def channels(self) -> int:
        """Channels of the images."""
        vae = getattr(self.pipeline, "vae", None)
        return int((vae or self.denoiser).config.in_channels)

    @abstractmethod
    def learn_classes(self) -> dict[str, nn.Parameter]:
        """Give the pipeline a learned vector for each class; return the vectors by place."""

    @abstractmethod
    def label(self, code: int, template: str, *, learned: bool) -> Any:
        """Return the label of a class, with the learned vector or without it."""

    @abstractmethod
    def condition(self, labels: Labels) -> JSON:
        """Return what `predict` takes for labels: tensors with one row for each label."""

    @abstractmethod
    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        """Return the denoiser's output for noisy latents (B, C, h, w), of the same shape."""

    @contextmanager
    def called_with(self, labels: Labels) -> Iterator[JSON]:
        """Yield the arguments of the pipeline's call for labels, one a row."""
        yield {self.argument: list(labels)}

    def to_latents(self, images: Tensor) -> Tensor:
        """Encode images (B, C, H, W) in [-1, 1] as latents, at the mean of their posterior."""
        vae = getattr(self.pipeline, "vae", None)
        if vae is None:
            return images
        encoded = vae.encode(images.to(vae.dtype))
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        shift = vae.config.get("shift_factor") or 0.0
        scaled: Tensor = ((latents - shift) * vae.config.scaling_factor).float()
        return scaled

    def to_images(self, latents: Tensor) -> Tensor:
        """Decode latents as images in [0, 1]."""
        vae = getattr(self.pipeline, "vae", None)
        if vae is not None:
            shift = vae.config.get("shift_factor") or 0.0
            latents = vae.decode((latents / vae.config.scaling_factor + shift).to(vae.dtype)).sample
        return (latents.float() / 2 + 0.5).clamp(0, 1)


class TextToImage(Family):
    """A pipeline that takes prompts. Of this kind alone it can sample, and not be trained."""

    argument = "prompt"
    null = ""

    def learn_classes(self) -> dict[str, nn.Parameter]:
        self.learned = True
        return add_tokens(self.pipeline, self.words)

    def label(self, code: int, template: str, *, learned: bool) -> str:
        return filled(template, self.words[code], code if learned and self.learned else None)

    def condition(self, labels: Labels) -> JSON:
        raise InputError(
            f"a {type(self.pipeline).__name__} cannot be trained (known are those of Stable "
            "Diffusion 1, 2, XL and 3, Flux, DiT and DDPM): give max_steps=0 to sample from it as "
            "it is."
        )

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        raise NotImplementedError


class StableDiffusion(TextToImage):
    """Stable Diffusion 1 and 2."""

    def condition(self, labels: Labels) -> JSON:
        embeds, _ = self.pipeline.encode_prompt(list(labels), self.device, 1, False)
        return {"encoder_hidden_states": embeds}

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        made: Tensor = self.denoiser(x, t, **condition).sample
        return made


class StableDiffusionXL(TextToImage):
    """Stable Diffusion XL and XL-Turbo: pooled embeddings, and the size of the image."""

    def condition(self, labels: Labels) -> JSON:
        embeds, _, pooled, _ = self.pipeline.encode_prompt(
            list(labels), device=self.device, do_classifier_free_guidance=False
        )
        return {"encoder_hidden_states": embeds, "text_embeds": pooled}

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        height, width = x.shape[2] * self.scale, x.shape[3] * self.scale
        ids = torch.tensor([height, width, 0, 0, height, width], device=x.device, dtype=x.dtype)
        more = {"text_embeds": condition["text_embeds"], "time_ids": ids.expand(len(x), -1)}
        embeds = condition["encoder_hidden_states"]
        made: Tensor = self.denoiser(x, t, embeds, added_cond_kwargs=more).sample
        return made


class StableDiffusion3(TextToImage):
    """Stable Diffusion 3: a transformer and flow matching."""

    part = "transformer"
    targets = _JOINT
    patch = 2

    def condition(self, labels: Labels) -> JSON:
        texts = list(labels)
        embeds, _, pooled, _ = self.pipeline.encode_prompt(
            texts,
            texts,
            texts,
            device=self.device,
            do_classifier_free_guidance=False,
            **self.max_words,
        )
        return {"encoder_hidden_states": embeds, "pooled_projections": pooled}

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        made: Tensor = self.denoiser(hidden_states=x, timestep=t, **condition).sample
        return made


class Flux(TextToImage):
    """Flux: latents are packed as tokens of 2 x 2, and guidance is an input."""

    part = "transformer"
    targets = _JOINT
    patch = 2

    def condition(self, labels: Labels) -> JSON:
        embeds, pooled, _ = self.pipeline.encode_prompt(
            list(labels), None, device=self.device, **self.max_words
        )
        return {"encoder_hidden_states": embeds, "pooled_projections": pooled}

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        n, channels, height, width = x.shape
        pipeline, n_words = self.pipeline, condition["encoder_hidden_states"].shape[1]
        where: JSON = {"device": x.device, "dtype": x.dtype}
        made = self.denoiser(
            hidden_states=pipeline._pack_latents(x, n, channels, height, width),
            timestep=t.to(x.dtype) / 1000,
            guidance=torch.ones(n, **where) if self.denoiser.config.guidance_embeds else None,
            txt_ids=torch.zeros(n_words, 3, **where),
            img_ids=pipeline._prepare_latent_image_ids(n, height // 2, width // 2, **where),
            **condition,
        ).sample
        scale = pipeline.vae_scale_factor
        unpacked: Tensor = pipeline._unpack_latents(made, height * scale, width * scale, scale)
        return unpacked


class ClassConditional(Family):
    """DiT: class numbers, of which the last is that of no class."""

    part = "transformer"
    argument = "class_labels"
    targets = (*_ATTENTION, "net.0.proj", "net.2", "norm1.linear")

    def __init__(self, pipeline: Any, words: Sequence[str], class_map: Mapping[int, int]) -> None:
        super().__init__(pipeline, words, class_map)
        self.null = int(self.denoiser.config.num_embeds_ada_norm)
        check_numbers(class_map, words, self.null)

    def learn_classes(self) -> dict[str, nn.Parameter]:
        self.learned = True
        vectors = {}
        for place, block in enumerate(self.denoiser.transformer_blocks):
            embedder = block.norm1.emb.class_embedder
            table = embedder.embedding_table
            start = table.weight[: self.null].float().mean(dim=0)
            rows = [
                table.weight[self.class_map[code]].float() if code in self.class_map else start
                for code in range(len(self.words))
            ]
            embedder.embedding_table = learn_rows(table, self.null + 1, rows)
            vectors[f"block_{place}"] = embedder.embedding_table.vectors
        return vectors

    def label(self, code: int, template: str, *, learned: bool) -> int:
        if learned and self.learned:
            return int(self.null) + 1 + code
        return self.class_map.get(code, int(self.null))

    def condition(self, labels: Labels) -> JSON:
        return {"class_labels": torch.tensor(list(labels), device=self.device)}

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        made: Tensor = self.denoiser(x, timestep=t, **condition).sample
        return made[:, : x.shape[1]]  # the rest is the variance


class Unconditional(Family):
    """DDPM: the learned vector of a class is added to the time embedding."""

    targets = (*_ATTENTION, "conv1", "conv2", "conv_in", "conv_out", "time_emb_proj")
    null = -1

    def learn_classes(self) -> dict[str, nn.Parameter]:
        self.learned = True
        dim = self.denoiser.config.block_out_channels[0] * 4
        vectors = nn.Parameter(torch.zeros(len(self.words), dim))
        self.denoiser.time_embedding = LearnedShift(self.denoiser.time_embedding, vectors)
        return {"time": vectors}

    def label(self, code: int, template: str, *, learned: bool) -> int:
        return code if learned and self.learned else -1

    @contextmanager
    def called_with(self, labels: Labels) -> Iterator[JSON]:
        if not self.learned:
            yield {}
            return
        shift = self.denoiser.time_embedding
        shift.codes = torch.tensor(list(labels), device=self.device)
        try:
            yield {}
        finally:
            shift.codes = None

    def condition(self, labels: Labels) -> JSON:
        return {"codes": torch.tensor(list(labels), device=self.device)}

    def predict(self, x: Tensor, t: Tensor, condition: JSON) -> Tensor:
        with self.called_with(condition["codes"].tolist()):
            made: Tensor = self.denoiser(x, t).sample
        return made[:, : x.shape[1]]  # the rest is the variance

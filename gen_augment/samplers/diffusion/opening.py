"""The pipeline of a `DiffusersSampler`, loaded and ready to be used."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from gen_augment.errors import InputError
from gen_augment.samplers.diffusion.calls import arguments_of
from gen_augment.samplers.diffusion.families import (
    ClassConditional,
    Family,
    Flux,
    StableDiffusion,
    StableDiffusion3,
    StableDiffusionXL,
    TextToImage,
    Unconditional,
)
from gen_augment.samplers.diffusion.folder import digest_of, find_folder, load_pipeline
from gen_augment.training.placement import find_device, resolved_precision

__all__ = ["family_of", "open_family"]

_DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
#: Families by the class of the denoiser.
_BY_DENOISER: Mapping[str, type[Family]] = {
    "DiTTransformer2DModel": ClassConditional,
    "FluxTransformer2DModel": Flux,
    "SD3Transformer2DModel": StableDiffusion3,
    "UNet2DModel": Unconditional,
}


def family_of(
    pipeline: Any, arguments: set[str], words: Sequence[str], class_map: Mapping[int, int]
) -> Family:
    """Return the family of a pipeline.

    Parameters
    ----------
    pipeline : DiffusionPipeline
    arguments : set of str
        What the pipeline's call takes.
    words, class_map
        As in `Family`.

    Raises
    ------
    InputError
        The pipeline takes neither prompts nor classes.
    """
    denoiser: Any = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    kind = _BY_DENOISER.get(type(denoiser).__name__)
    if type(denoiser).__name__ == "UNet2DConditionModel":
        is_xl = denoiser.config.addition_embed_type == "text_time"
        kind = StableDiffusionXL if is_xl else StableDiffusion
    if kind is None and "prompt" in arguments:
        kind = TextToImage
    needed = "generator" if kind is None or not kind.argument else kind.argument
    if kind is None or not {needed, "generator", "num_inference_steps"} <= arguments:
        raise InputError(
            f"a {type(pipeline).__name__} takes no prompt and no class, so it cannot be used: give "
            "a pipeline from text or class to images, or an unconditional DDPM or DDIM."
        )
    return kind(pipeline, words, class_map)


def open_family(sampler: Any, labels: Sequence[Any]) -> tuple[Family, str]:
    """Load the pipeline of a sampler, without adapters.

    Parameters
    ----------
    sampler : DiffusersSampler
    labels : sequence of labels

    Returns
    -------
    family : Family
    digest : str
        Hash of the pipeline's weights and configurations.

    Raises
    ------
    InputError
        The pipeline cannot be loaded, or not be used with these parameters and labels.
    """
    folder = find_folder(sampler.path, allow_download=sampler.allow_download)
    precision = resolved_precision(sampler.precision, find_device(sampler.device).type)
    pipeline = load_pipeline(folder, _DTYPES[precision])
    given = sampler.class_map or {}
    numbers = {code: given[label] for code, label in enumerate(labels) if label in given}
    family = family_of(pipeline, arguments_of(pipeline), [str(label) for label in labels], numbers)
    options = sampler.options or {}
    if "max_sequence_length" in options:
        family.max_words = {"max_sequence_length": options["max_sequence_length"]}
    name = type(pipeline).__name__
    if sampler.image_size is not None and family.argument != "prompt":
        raise InputError(
            f"image_size={sampler.image_size}, but a {name} has a fixed size: leave it out."
        )
    known = type(family) is not TextToImage  # of others, the pipeline itself checks the size
    unit = family.scale * family.patch if known else 1
    if sampler.image_size is not None and sampler.image_size % unit:
        raise InputError(
            f"image_size={sampler.image_size}, but a {name} takes multiples of {unit} px: give "
            f"{max(1, round(sampler.image_size / unit)) * unit}."
        )
    missing = [label for code, label in enumerate(labels) if code not in numbers]
    if sampler.max_steps == 0 and family.argument == "class_labels" and missing:
        raise InputError(
            f"class_map has no entry for {missing!r}, which a {name} needs if nothing is learned "
            "(max_steps=0)."
        )
    if "attention_slicing" in sampler.save_memory:
        pipeline.enable_attention_slicing()
    if "gradient_checkpointing" in sampler.save_memory:
        family.denoiser.enable_gradient_checkpointing()
    return family, digest_of(folder)

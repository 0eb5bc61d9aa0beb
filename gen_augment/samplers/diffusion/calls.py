"""Calls of a pipeline: new images, and new versions of images.

Every pipeline takes a list of random generators, one for each image. A row's generator is seeded by
the row's address, so an image does not depend on its batch.

References
----------
Meng et al., "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations",
2022 (arXiv:2108.01073): an image gets noise up to some time and is denoised from there.
Trabucco et al., "Effective Data Augmentation With Diffusion Models", 2024 (arXiv:2302.07944):
SDEdit from training images, with a learned token of their class (DA-Fusion).
Avrahami et al., "Blended Diffusion for Text-driven Editing of Natural Images", 2022
(arXiv:2111.14818): outside of a mask, each step starts from the image with noise.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gen_augment.errors import InputError
from gen_augment.rng import fork_rng
from gen_augment.samplers.diffusion.families import Family
from gen_augment.samplers.diffusion.folder import sibling
from gen_augment.types import JSON

__all__ = ["Settings", "arguments_of", "edit", "generate", "labels_of", "settings_of"]

#: Guidance of `DiTPipeline` if none is given.
GUIDANCE = 4.0
_OURS = ("class_labels", "prompt", "generator", "num_inference_steps", "output_type", "image",
         "strength", "guidance_scale", "negative_prompt", "height", "width")  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What a call of the pipeline takes besides labels and generators.

    Attributes
    ----------
    n_steps : int
    size : (int, int)
        Height and width of the images.
    guidance : float or None
    negative_prompt : str or None
    options : dict
        Further arguments.
    """

    n_steps: int
    size: tuple[int, int]
    guidance: float | None
    negative_prompt: str | None
    options: JSON

    def arguments(self, pipeline: Any, n: int) -> JSON:
        """Return the arguments of a call for `n` images.

        Raises
        ------
        InputError
            The pipeline does not take one of them.
        """
        takes, name = arguments_of(pipeline), type(pipeline).__name__
        made: JSON = {"num_inference_steps": self.n_steps, "output_type": "pt"}
        asked = {
            "guidance": ("guidance_scale", self.guidance),
            "negative_prompt": (
                "negative_prompt",
                self.negative_prompt and [self.negative_prompt] * n,
            ),
        }
        for word, (argument, value) in asked.items():
            if value is not None and argument not in takes:
                raise InputError(f"a {name} has no {argument}: leave {word} out.")
            if value is not None:
                made[argument] = value
        if {"height", "width"} <= takes:
            made["height"], made["width"] = self.size
        return made | {name: value for name, value in self.options.items() if name in takes}

    def check(self, pipeline: Any) -> None:
        """Raise `InputError` for an option that a pipeline does not take.

        Its relatives, such as that from image to image, get those that they take.
        """
        takes = arguments_of(pipeline)
        for option in self.options:
            if option in _OURS or option not in takes:
                raise InputError(
                    f"options has {option!r}, which a {type(pipeline).__name__} does not take or "
                    "which is set already."
                )


def settings_of(sampler: Any, family: Family) -> Settings:
    """Return the settings of a `DiffusersSampler`."""
    side = sampler.image_size
    return Settings(
        sampler.num_inference_steps,
        family.size if side is None else (side, side),
        sampler.guidance,
        sampler.negative_prompt,
        dict(sampler.options or {}),
    )


def arguments_of(pipeline: Any) -> set[str]:
    """Return the names of what a pipeline's call takes."""
    return set(inspect.signature(pipeline.__call__).parameters)


def labels_of(
    family: Family,
    templates: Sequence[Sequence[str]],
    codes: Sequence[int],
    seeds: Sequence[int],
    *,
    learned: bool,
) -> list[Any]:
    """Return the label of each row: one of the prompts of its class, chosen by the row's seed."""
    made = []
    for code, seed in zip(codes, seeds, strict=True):
        texts = templates[code]
        made.append(family.label(code, texts[seed % len(texts)], learned=learned))
    return made


def generate(family: Family, labels: Sequence[Any], seeds: Sequence[int], how: Settings) -> Tensor:
    """Return new images (B, C, H, W) in [0, 1], one for each label and seed."""
    how.check(family.pipeline)
    pipeline = family.pipeline
    if "image" in arguments_of(pipeline):
        pipeline = sibling(pipeline, "AutoPipelineForText2Image")

    def call(here: slice, rows: list[torch.Generator]) -> Any:
        n = len(rows)
        more = {"batch_size": n} if not family.argument else {}
        with family.called_with(labels[here]) as given:
            return _call(pipeline, given | more | how.arguments(pipeline, n), rows)

    return _each_row(call, seeds, family.device)


def edit(
    family: Family,
    images: Tensor,
    labels: Sequence[Any],
    seeds: Sequence[int],
    strength: float,
    how: Settings,
    mask: Tensor | None = None,
) -> Tensor:
    """Return new versions of images (B, C, H, W) in [0, 1].

    A strength too small for one step returns the images, and 1 ignores them. With a mask
    (B, 1, H, W), images change where it is 1, and fit what is known elsewhere.

    Raises
    ------
    InputError
        diffusers has no image-to-image or inpainting pipeline of this kind, or it refuses the call.
    """
    how.check(family.pipeline)
    if strength == 1 and mask is None:
        return generate(family, labels, seeds, how)
    if int(how.n_steps * strength) < 1:
        return images
    device = family.device
    if family.argument != "prompt":

        def denoise(here: slice, rows: list[torch.Generator]) -> Any:
            part = None if mask is None else mask[here]
            return _sdedit(family, images[here], labels[here], rows, strength, how, part)

        return _each_row(denoise, seeds, device)
    pipeline = _editor(family, masked=mask is not None)

    def call(here: slice, rows: list[torch.Generator]) -> Any:
        start = {"image": images[here].to(family.denoiser.dtype), "strength": strength}
        start |= {} if mask is None else {"mask_image": mask[here].to(family.denoiser.dtype)}
        with family.called_with(labels[here]) as given:
            return _call(pipeline, given | start | how.arguments(pipeline, len(rows)), rows)

    return _each_row(call, seeds, device)


def _call(pipeline: Any, arguments: JSON, rows: list[torch.Generator]) -> Any:
    """Call a pipeline; what it refuses is an error of ours."""
    try:
        return pipeline(**arguments, generator=rows)
    except (LookupError, TypeError, ValueError) as error:
        remedy = "leave mask out" if "mask_image" in arguments else "change image_size or options"
        raise InputError(
            f"a {type(pipeline).__name__} refuses the call ({error}): {remedy}."
        ) from error


def _editor(family: Family, *, masked: bool) -> Any:
    """Return the pipeline from image to image, or that of inpainting."""
    kind = "AutoPipelineForInpainting" if masked else "AutoPipelineForImage2Image"
    needs = {"image", "strength"} | ({"mask_image"} if masked else set())
    pipeline = family.pipeline
    if not needs <= arguments_of(pipeline):
        pipeline = sibling(pipeline, kind)
    if pipeline is None:
        what, other = ("inpainting", "leave mask out") if masked else ("image-to-image", "")
        raise InputError(
            f"diffusers has no {what} pipeline for a {type(family.pipeline).__name__}, so it "
            f"cannot vary images: {other or 'draw new rows with sample(y=y)'}."
        )
    return pipeline


def _sdedit(
    family: Family,
    images: Tensor,
    labels: Sequence[Any],
    rows: list[torch.Generator],
    strength: float,
    how: Settings,
    mask: Tensor | None = None,
) -> Tensor:
    """Add noise to images, and denoise them with the class, for pipelines that cannot.

    With a mask, what lies outside of it is the image with the noise of each step.
    """
    how.arguments(family.pipeline, len(rows))  # raises for what the pipeline does not take
    scheduler, dtype = family.pipeline.scheduler, family.denoiser.dtype
    scheduler.set_timesteps(how.n_steps)
    times = scheduler.timesteps[-int(how.n_steps * strength) :].to(images.device)
    start = x = family.to_latents(images * 2 - 1)
    inside = None if mask is None else F.interpolate(mask, x.shape[2:]) > 0.5
    noise = torch.stack([torch.randn(x.shape[1:], generator=row) for row in rows])
    x = scheduler.add_noise(x, noise.to(x), times[:1].expand(len(x)))
    guidance = (GUIDANCE if how.guidance is None else how.guidance) if family.argument else 1.0
    n_times = 1 if guidance == 1 else 2  # the class, and no class
    condition = family.condition([*labels, *([family.null] * len(labels))][: n_times * len(x)])
    takes = inspect.signature(scheduler.step).parameters
    more = {"generator": rows} if "generator" in takes else {}
    for t, following in zip(times, [*times[1:], None], strict=True):
        given = scheduler.scale_model_input(torch.cat([x] * n_times), t).to(dtype)
        made = family.predict(given, t.expand(len(given)), condition).float().chunk(n_times)
        guided = made[-1] + guidance * (made[0] - made[-1]) if n_times > 1 else made[0]
        x = scheduler.step(guided, t, x, **more).prev_sample
        if inside is not None:
            at = None if following is None else following.expand(len(x))
            known = start if at is None else scheduler.add_noise(start, noise.to(x), at)
            x = torch.where(inside, x, known)
    return family.to_images(x)


def _each_row(
    call: Callable[[slice, list[torch.Generator]], Any],
    seeds: Sequence[int],
    device: torch.device,
) -> Tensor:
    """Return images of one call; of a call for each row if it uses torch's global generator.

    Numbers from that generator, as DiT takes them for stochastic schedulers, would make a row
    depend on its batch. It is seeded by the row.
    """
    before: list[Tensor] = []
    with fork_rng(seeds[0], device):
        before = _states(device)
        made = _images(call(slice(0, len(seeds)), _generators(seeds)))
        same = all(torch.equal(a, b) for a, b in zip(before, _states(device), strict=True))
    if same or len(seeds) == 1:
        return made
    parts = [made[:0]]
    for row, seed in enumerate(seeds):
        with fork_rng(seed, device):
            parts.append(_images(call(slice(row, row + 1), _generators([seed]))))
    return torch.cat(parts)


def _generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _states(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _images(result: Any) -> Tensor:
    """Return the images of a pipeline's result as (B, C, H, W)."""
    if isinstance(result, Tensor):
        return result
    if any(getattr(result, "nsfw_content_detected", None) or ()):
        raise InputError(
            "the safety checker of the pipeline has blanked an image: give another prompt, or use "
            "a pipeline without one."
        )
    made = result.images
    if isinstance(made, np.ndarray):  # older pipelines know no "pt"
        made = torch.from_numpy(made).permute(0, 3, 1, 2)
    return made.float()  # type: ignore[no-any-return]

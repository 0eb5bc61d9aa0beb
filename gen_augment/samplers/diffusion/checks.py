"""Checks of the parameters of a `DiffusersSampler`."""

from collections.abc import Mapping, Sequence
from typing import Any

from gen_augment.errors import InputError
from gen_augment.samplers.fitting import check_training
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["check_params"]

SAVE_MEMORY = ("attention_slicing", "cpu_offload", "gradient_checkpointing")


def check_params(sampler: Any) -> None:
    """Raise `InputError` for a parameter that cannot be used."""
    if sampler.path is None:
        raise InputError(
            "path=None: give the folder of a diffusion pipeline, as save_pretrained writes it."
        )
    check_training(sampler, least_steps=0)
    check_choice("allow_download", sampler.allow_download, (True, False))
    check_positive_int("num_inference_steps", sampler.num_inference_steps)
    for name in ("lora_rank", "image_size"):
        if getattr(sampler, name) is not None:
            check_positive_int(name, getattr(sampler, name))
    if sampler.guidance is not None:
        check_range("guidance", sampler.guidance, 0, 100)
    check_range("prior_weight", sampler.prior_weight, 0, 100)
    if not isinstance(sampler.negative_prompt, (str, type(None))):
        raise InputError(f"negative_prompt={sampler.negative_prompt!r} is not a string.")
    if not isinstance(sampler.options, (Mapping, type(None))):
        raise InputError(f"options={sampler.options!r} is not a dict of arguments.")
    if not isinstance(sampler.class_map, (Mapping, type(None))):
        raise InputError(f"class_map={sampler.class_map!r} is not a dict of label to class number.")
    wanted = sampler.save_memory
    if isinstance(wanted, str) or not isinstance(wanted, Sequence):
        raise InputError(f"save_memory={wanted!r} is not a list, such as ['cpu_offload'].")
    for word in wanted:
        check_choice("save_memory", word, SAVE_MEMORY)

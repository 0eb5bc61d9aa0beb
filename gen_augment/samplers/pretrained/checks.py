"""Checks of the parameters and the images of a `PretrainedSampler`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gen_augment.errors import InputError
from gen_augment.samplers.pretrained.wrapped import name_of
from gen_augment.validation import check_choice, check_positive_int

__all__ = ["bounds", "check_params", "check_shape", "class_numbers", "resized"]


def check_params(sampler: Any) -> None:
    """Raise `InputError` for a parameter that cannot be used."""
    if not callable(sampler.generator) or isinstance(sampler.generator, type):
        raise InputError(
            f"generator={sampler.generator!r} is not callable as generator(z, y): give a function "
            "or a module."
        )
    if sampler.vary_with is not None and not callable(sampler.vary_with):
        raise InputError(
            f"vary_with={sampler.vary_with!r} is not callable as vary_with(x, y, z, strength)."
        )
    shape = sampler.latent_shape
    if not isinstance(shape, (tuple, list)) or not shape:
        raise InputError(f"latent_shape={shape!r} is not a tuple of whole numbers, such as (128,).")
    for side in shape:
        check_positive_int("latent_shape", side)
    check_positive_int("batch_size", sampler.batch_size)
    check_choice("resize", sampler.resize, (True, False))
    if sampler.class_map is not None and not isinstance(sampler.class_map, Mapping):
        raise InputError(f"class_map={sampler.class_map!r} is not a dict of label to class number.")
    if sampler.name is not None and not isinstance(sampler.name, str):
        raise InputError(f"name={sampler.name!r} is not a string.")
    bounds("value_range", sampler.value_range, 1)


def class_numbers(classes: np.ndarray, class_map: Mapping[Any, int] | None) -> Tensor:
    """Return the generator's number of each class; by default its position in the sorted labels."""
    labels = classes.tolist()
    if class_map is None:
        return torch.arange(len(labels))
    missing = [label for label in labels if label not in class_map]
    if missing:
        raise InputError(f"class_map has no entry for {missing!r}; y has the labels {labels!r}.")
    numbers = [class_map[label] for label in labels]
    for label, number in zip(labels, numbers, strict=True):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
            raise InputError(
                f"class_map[{label!r}]={number!r} is not a whole number of at least 0."
            )
    return torch.tensor([int(number) for number in numbers])


def bounds(name: str, value: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return low and high of each channel."""
    try:
        low, high = (np.broadcast_to(np.asarray(bound, dtype=float), channels) for bound in value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name}={value!r} is not a pair (low, high) for {channels} channel(s)."
        ) from error
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise InputError(f"{name}={value!r} is not a range: give finite numbers with low < high.")
    return tuple(low.tolist()), tuple(high.tolist())


def check_shape(
    which: str, function: Any, made: tuple[int, ...], wanted: tuple[int, ...], *, resize: bool
) -> None:
    """Raise `InputError` unless images of shape `made` can be returned as `wanted`, (C, H, W)."""
    if made == wanted or (resize and made[0] == wanted[0]):
        return
    remedy = "set resize=True, or resize the rows given to fit"
    if made[0] != wanted[0]:
        remedy = "convert the rows given to fit, or wrap it in a function that converts its images"
    raise InputError(
        f"{which}={name_of(function)} gives images of (C, H, W) = {made}, and those of X have "
        f"{wanted}: {remedy}."
    )


def resized(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Resize images (B, C, H, W) to the height and width of `shape`, (C, H, W)."""
    if images.shape[2:] == shape[1:]:
        return images
    return F.interpolate(images, size=shape[1:], mode="bilinear", antialias=True)

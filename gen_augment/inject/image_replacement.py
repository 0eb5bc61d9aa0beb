"""What the transforms of single images share: choosing a row of a bank, and varying an image."""

import json
import os
from collections.abc import Callable
from typing import Any, Literal

from gen_augment.bank import SampleBank
from gen_augment.errors import ArchiveError, InputError
from gen_augment.inject.image_conversion import blend, sized, to_image, to_rows
from gen_augment.inject.row_source import check_source
from gen_augment.modalities import ImageCodec
from gen_augment.modalities.base import storage_of
from gen_augment.validation import check_range

__all__ = [
    "LABEL_CHOICES",
    "Below",
    "LabelChoice",
    "arguments_of",
    "check_strength",
    "draw_number",
    "draw_row",
    "open_bank",
    "open_source",
    "read_row",
    "vary_image",
]

LabelChoice = Literal["same", "prior", "balanced"]
LABEL_CHOICES = ("same", "prior", "balanced")
#: Stands for a row that the bank does not have, for the label of an image.
NO_ROW = -1
#: Draws an integer from 0 to n - 1 with the random generator of a library.
Below = Callable[[int], int]


def open_bank(bank: Any) -> SampleBank:
    """Return the bank, or open the one at a path; raise unless it holds images."""
    opened = bank if isinstance(bank, SampleBank) else SampleBank(bank)
    image_codec(opened)
    return opened


def open_source(source: Any) -> Any:
    """Return a bank, the one at a path, or a fitted sampler that can vary images."""
    if isinstance(source, (str, os.PathLike, SampleBank)):
        return open_bank(source)
    if not callable(getattr(source, "vary", None)):
        raise InputError(
            f"source is a {type(source).__name__}: give a sampler with an encoder, such as "
            "ConditionalVAE, or a SampleBank."
        )
    check_source(source)
    image_codec(source)
    return source


def arguments_of(transform: Any) -> str:
    """Return the arguments of a transform of albumentations as a text.

    The text is the same in all processes and wherever a bank is, so that it can name a seed.
    """
    arguments = transform.get_transform_init_args() | {"p": transform.p}
    name = "bank" if "bank" in arguments else "source"
    arguments[name] = _source_digest(getattr(transform, name))
    if "strength" in arguments:
        arguments["strength"] = check_strength(arguments["strength"])
    return json.dumps(arguments, sort_keys=True, default=lambda value: type(value).__name__)


def _source_digest(source: Any) -> str:
    if isinstance(source, SampleBank):
        return source.digest
    try:
        return str(source.fingerprint())
    except (ArchiveError, AttributeError):  # it cannot be saved, or is no sampler of ours
        return type(source).__name__


def image_codec(source: Any) -> ImageCodec:
    """Return the codec of a source's rows; raise unless they are images."""
    codec: Any = getattr(source, "codec_", None)
    codec = storage_of(codec)
    if not isinstance(codec, ImageCodec):
        raise InputError(
            f"the rows of this {type(source).__name__} have a {type(codec).__name__}: these "
            "transforms "
            "are for images."
        )
    return codec


def check_strength(strength: Any) -> tuple[float, float]:
    """Return lower and upper bound of a strength, a number in [0, 1] or a range."""
    if not isinstance(strength, (tuple, list)):
        number = check_range("strength", strength, 0, 1)
        return number, number
    if len(strength) != 2:
        raise InputError(f"strength={strength!r}: give a number or a range (low, high).")
    low = check_range("strength[0]", strength[0], 0, 1)
    return low, check_range("strength[1]", strength[1], low, 1)


def draw_row(bank: SampleBank, labels: LabelChoice, label: Any, below: Below) -> int:
    """Return the place in the bank of a random row: of that label, any label or a random class.

    Returns `NO_ROW` for a label that the bank knows and has no rows of, because a bank may
    hold rare classes only.
    """
    if labels == "prior":
        return below(len(bank))
    if labels == "balanced":
        label = bank.classes_[below(len(bank.classes_))].item()
    count = bank.counts.get(label, 0)
    if not count and labels == "same" and label in bank.label_codec_.classes.tolist():
        return NO_ROW
    place: int = bank.locate([below(count) if count else 0], [label])[
        0
    ].item()  # raises where there is none
    return place


def read_row(bank: SampleBank, place: int, image: Any) -> Any:
    """Return a row of a bank in the form of an image, or the image if there is no row."""
    return image if place == NO_ROW else to_image(bank[place][0], image_codec(bank), image)


def draw_number(source: Any, label: Any, below: Below) -> int:
    """Return what `vary_image` takes as `number`: a place in a bank, or a seed for a sampler."""
    return (
        draw_row(source, "same", label, below)
        if isinstance(source, SampleBank)
        else below(2**63 - 1)
    )


def vary_image(source: Any, image: Any, label: Any, strength: float, number: int) -> Any:
    """Return an image moved towards row `number` of a bank, or varied with that seed."""
    codec = image_codec(source)
    if isinstance(source, SampleBank):
        return blend(sized(image, codec), read_row(source, number, image), strength)
    varied = source.vary(to_rows(image, codec), [label], strength=strength, random_state=number)
    return to_image(varied[0], codec, image)

"""Checks of the parameters of a `LanguageSampler`."""

import os
from typing import Any

from gen_augment.errors import InputError
from gen_augment.validation import check_positive_int, check_range

__all__ = ["HEAD_WIDTH", "check_decoding", "check_params"]

#: Width of one attention head.
HEAD_WIDTH = 64
#: Attention to all earlier tokens takes gigabytes beyond this.
MOST_TOKENS = 2**16


def check_params(sampler: Any) -> None:
    """Raise `InputError` for a parameter that cannot be used."""
    if sampler.pretrained is not None and not isinstance(sampler.pretrained, (str, os.PathLike)):
        raise InputError(
            f"pretrained={sampler.pretrained!r} is not a path: give the folder of a GPT-2, or None."
        )
    if sampler.lora_rank is not None:
        check_positive_int("lora_rank", sampler.lora_rank)
    if check_positive_int("vocab_size", sampler.vocab_size) < 256:
        raise InputError(
            f"vocab_size={sampler.vocab_size} is less than 256, one for each byte: raise it."
        )
    check_positive_int("n_layers", sampler.n_layers)
    if check_positive_int("width", sampler.width) % HEAD_WIDTH:
        low = max(1, sampler.width // HEAD_WIDTH) * HEAD_WIDTH
        raise InputError(
            f"width={sampler.width} is not a multiple of {HEAD_WIDTH}: take {low} or "
            f"{low + HEAD_WIDTH}."
        )
    check_range("dropout", sampler.dropout, 0, 1, open_high=True)
    check_decoding(sampler)


def check_decoding(sampler: Any) -> None:
    """Raise `InputError` for a parameter of sampling that cannot be used."""
    if check_positive_int("max_length", sampler.max_length) > MOST_TOKENS:
        raise InputError(
            f"max_length={sampler.max_length} is more than {MOST_TOKENS} tokens: lower it, and "
            "split longer texts."
        )
    if check_positive_int("min_length", sampler.min_length) > sampler.max_length:
        raise InputError(
            f"min_length={sampler.min_length} is larger than max_length={sampler.max_length}: "
            "lower it, or raise max_length."
        )
    check_range("guidance", sampler.guidance, 0, 100)
    check_range("temperature", sampler.temperature, 0, open_low=True)
    if sampler.top_k is not None:
        check_positive_int("top_k", sampler.top_k)
    check_range("top_p", sampler.top_p, 0, 1, open_low=True)

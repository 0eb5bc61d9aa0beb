"""Texts by address: tokens are drawn and decoded, and bad texts are drawn again."""

from typing import Any

import numpy as np
import torch

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities.text.secrets import replace_secrets
from gen_augment.rng import derive_seed, uniform
from gen_augment.samplers import generation

__all__ = ["readable", "write_texts"]

#: A text that is blank, cut or broken is drawn again, at most so often.
MAX_TRIES = 8
#: Characters of a token, on average in the beginning of a text, at most.
LONGEST_TOKEN = 16


@torch.no_grad()
def write_texts(
    sampler: Any, index: np.ndarray, codes: np.ndarray, table: int, prompts: list[list[int]]
) -> list[str]:
    """Return texts by address.

    Parameters
    ----------
    sampler : LanguageSampler
    index, codes : ndarray of shape (n,)
        Addresses and class numbers.
    table : int
        Names the table of uniform numbers.
    prompts : list of n lists of int
        The tokens that each text begins with.
    """
    device, codec = generation.usable_device(sampler), sampler.codec_
    texts, missing = [""] * len(index), np.arange(len(index))
    draw = sampler._drawing() if len(index) else None
    for attempt in range(MAX_TRIES):
        if draw is None or not len(missing):
            break
        u = uniform(index[missing], derive_seed(table, "attempt", attempt), sampler.latent_shape)
        y = torch.from_numpy(codes[missing])
        asked = [prompts[i] for i in missing.tolist()]
        drawn = draw(torch.from_numpy(u).to(device), y.to(device), asked)
        is_bad = np.zeros(len(missing), dtype=bool)
        for place, (ids, has_ended) in enumerate(drawn):
            text = sampler.tokens_.decode(ids)
            texts[missing[place]] = codec.cut(text)
            is_whole = has_ended and codec.cut(text) == text
            is_bad[place] = not is_whole or not text.strip() or "\ufffd" in text
        missing = missing[is_bad]
    return texts


def readable(rows: Rows, seed: int, max_length: int) -> tuple[list[str], np.ndarray]:
    """Return the texts that are not blank, without secrets, and their class numbers.

    Texts are cut where they are certainly longer than `max_length` tokens.

    Raises
    ------
    InputError
        All texts of a class are blank.
    """
    codec: Any = rows.codec
    texts = codec.texts(rows.X)
    kept = np.array([bool(text.strip()) for text in texts])
    empty = np.setdiff1d(np.arange(rows.n_classes), rows.codes[kept])
    if len(empty):
        raise InputError(
            f"all texts with the label {rows.classes[empty[0]].item()!r} are blank: drop them, or "
            "give texts with characters."
        )
    rng = np.random.default_rng(seed)
    most = LONGEST_TOKEN * max_length  # the tokenizer is slow at words of a whole text
    clean = [replace_secrets(texts[i], rng)[:most] for i in kept.nonzero()[0]]
    return clean, rows.codes[kept]

"""Prompts, learned tokens of classes, and class numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.samplers.diffusion.learned import LearnedRows

__all__ = [
    "PROMPT",
    "add_tokens",
    "check_numbers",
    "filled",
    "learn_rows",
    "read_prompts",
    "token",
]

#: The default prompt. "{}" stands for the learned token, or for the label where none is learned.
PROMPT = "a photo of a {}"


def token(code: int) -> str:
    """Return the learned token of a class."""
    return f"<gen-augment-{code}>"


def filled(template: str, word: str, code: int | None) -> str:
    """Return a prompt with the learned token of class `code`, or with the word if it is None."""
    return template.replace("{}", word if code is None else token(code))


def read_prompts(prompts: Any, labels: Sequence[Any]) -> list[list[str]]:
    """Return the prompts of each label.

    Parameters
    ----------
    prompts : str, sequence of str, {label: str or sequence of str}, or None
    labels : sequence of labels

    Raises
    ------
    InputError
        A label has no prompt, or a prompt is no text.
    """
    if prompts is None:
        prompts = PROMPT
    if not isinstance(prompts, Mapping):
        prompts = dict.fromkeys(labels, prompts)
    missing = [label for label in labels if label not in prompts]
    if missing:
        raise InputError(f"prompts has no entry for {missing!r}; y has the labels {list(labels)}.")
    found = []
    for label in labels:
        given = prompts[label]
        texts = [given] if isinstance(given, str) else given
        if (
            not isinstance(texts, (list, tuple))
            or not texts
            or not all(isinstance(text, str) for text in texts)
        ):
            raise InputError(
                f"prompts has {given!r} for the label {label!r}: give a text or a list of texts."
            )
        found.append(list(texts))
    return found


def check_numbers(class_map: Mapping[int, Any], words: Sequence[str], n_classes: int) -> None:
    """Raise `InputError` for a number that is no class of the pipeline, which would break CUDA."""
    for code, number in class_map.items():
        is_int = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not is_int or not 0 <= number < n_classes:
            raise InputError(
                f"class_map[{words[code]!r}]={number!r}, but the pipeline has the classes 0 to "
                f"{n_classes - 1}."
            )


def learn_rows(table: Any, first: int, rows: Sequence[Tensor]) -> LearnedRows:
    """Return an embedding with learned rows from number `first` on, which start at `rows`."""
    return LearnedRows(table, first, nn.Parameter(torch.stack(list(rows)).detach().clone()))


def add_tokens(pipeline: Any, words: Sequence[str]) -> dict[str, nn.Parameter]:
    """Add a learned token for each class to all text encoders of a pipeline.

    A token starts at the mean of the tokens of its word.

    Returns
    -------
    dict of str to Parameter
        The vectors (n_classes, dim) of each text encoder.
    """
    vectors = {}
    for suffix in ("", "_2", "_3"):
        encoder = getattr(pipeline, f"text_encoder{suffix}", None)
        tokenizer = getattr(pipeline, f"tokenizer{suffix}", None)
        if encoder is None or tokenizer is None:
            continue
        table = encoder.get_input_embeddings()
        rows = [_mean_row(table, tokenizer, word) for word in words]
        tokenizer.add_tokens([token(code) for code in range(len(words))])
        first = tokenizer.convert_tokens_to_ids(token(0))
        learned = learn_rows(table, first, rows)
        encoder.set_input_embeddings(learned)
        vectors[f"text_encoder{suffix}"] = learned.vectors
        _mark_end(encoder, tokenizer)
    return vectors


def _mean_row(table: Any, tokenizer: Any, word: str) -> Tensor:
    ids = tokenizer(word, add_special_tokens=False)["input_ids"] or [tokenizer.eos_token_id]
    row: Tensor = table.weight[torch.tensor(ids, device=table.weight.device)].float().mean(dim=0)
    return row


def _mark_end(encoder: Any, tokenizer: Any) -> None:
    """Tell CLIP its end token: older configurations take the largest number, now a learned one."""
    inner = getattr(encoder, "text_model", encoder)
    if getattr(inner, "eos_token_id", None) == 2:
        inner.eos_token_id = tokenizer.eos_token_id

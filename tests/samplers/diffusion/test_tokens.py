"""Prompts, and tokens that are added to text encoders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gen_augment import InputError
from gen_augment.samplers.diffusion.folder import load_pipeline
from gen_augment.samplers.diffusion.tokens import (
    PROMPT,
    add_tokens,
    check_numbers,
    filled,
    read_prompts,
    token,
)

Pipelines = Callable[[str], Path]


def test_prompts_of_each_label() -> None:
    assert read_prompts(None, ["a", "b"]) == [[PROMPT], [PROMPT]]
    assert read_prompts(["x", "y"], [0, 1]) == [["x", "y"]] * 2
    assert read_prompts({0: "x", 1: ("y", "z"), 2: "no"}, [0, 1]) == [["x"], ["y", "z"]]
    assert filled(PROMPT, "cat", None) == "a photo of a cat"
    assert filled("{} and {}", "cat", 7) == f"{token(7)} and {token(7)}"


@pytest.mark.parametrize(
    "prompts, message",
    [
        ({"a": "x"}, r"no entry for \['b'\]"),
        ({"a": "x", "b": 3}, r"3 for the label 'b'"),
        ([], r"\[\] for the label 'a'"),
        (["x", None], "None"),
        (5, "5 for the label 'a'"),
    ],
)
def test_bad_prompts_are_refused(prompts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_prompts(prompts, ["a", "b"])


def test_class_numbers_are_checked() -> None:
    check_numbers({0: 0, 1: 9}, ["a", "b"], 10)
    for bad in (10, -1, True, "x", 1.5):
        with pytest.raises(InputError, match=r"class_map\['b'\]=.*has the classes 0 to 9"):
            check_numbers({1: bad}, ["a", "b"], 10)


def test_tokens_start_at_the_mean_of_their_word_and_change_nothing_else(
    pipeline: Pipelines,
) -> None:
    known = load_pipeline(pipeline("sd3"), torch.float32)
    changed = load_pipeline(pipeline("sd3"), torch.float32)
    vectors = add_tokens(changed, ["ab", "c"])
    assert {name: tuple(v.shape) for name, v in vectors.items()} == {
        "text_encoder": (2, 32),
        "text_encoder_2": (2, 32),
        "text_encoder_3": (2, 64),
    }
    ids = known.tokenizer("ab", add_special_tokens=False)["input_ids"]
    rows = known.text_encoder.get_input_embeddings().weight[ids]
    torch.testing.assert_close(vectors["text_encoder"][0], rows.mean(dim=0))
    for place in ("", "_2", "_3"):
        tokenizer = getattr(changed, f"tokenizer{place}")
        assert token(1) in tokenizer.tokenize(f"a {token(1)}")
    with torch.no_grad():
        arguments = {
            "device": "cpu",
            "do_classifier_free_guidance": False,
            "max_sequence_length": 48,
        }
        pairs = zip(
            known.encode_prompt("a c", "a c", "a c", **arguments),
            changed.encode_prompt("a c", "a c", "a c", **arguments),
            strict=True,
        )
        assert all(a is b or torch.equal(a, b) for a, b in pairs)
        word = f"a {token(1)}"  # a single letter: the same vector as "c</w>"
        mine = changed.encode_prompt(word, word, word, **arguments)[0]
    assert mine.isfinite().all()


def test_clip_finds_its_end_behind_a_learned_token(pipeline: Pipelines) -> None:
    """Older configurations take the largest number for the end, which a learned token has."""
    found = load_pipeline(pipeline("sdxl"), torch.float32)
    inner = getattr(found.text_encoder_2, "text_model", found.text_encoder_2)
    right = inner.eos_token_id
    inner.eos_token_id = 2
    add_tokens(found, ["a"])
    assert inner.eos_token_id == right == found.tokenizer_2.eos_token_id

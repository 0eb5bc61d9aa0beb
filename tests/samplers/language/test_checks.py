"""Parameters of language models: the value and the remedy are named."""

from typing import Any

import pytest

from gen_augment import InputError
from gen_augment.samplers.language.checks import HEAD_WIDTH, check_decoding, check_params
from tests.samplers.language.conftest import small
from tests.samplers.language.grammar import draw


@pytest.mark.parametrize(
    "params",
    [
        {"vocab_size": 255}, {"width": 65}, {"dropout": 1.0}, {"temperature": 0}, {"top_p": 0},
        {"top_k": 0}, {"guidance": -1}, {"guidance": float("inf")}, {"min_length": 40}, {"lora_rank": 0}, {"pretrained": 3}, {"n_layers": 0},
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(params))):
        small(**params).fit(*draw(20))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pretrained": 3}, "pretrained=3 is not a path: give the folder of a GPT-2"),
        ({"vocab_size": 255}, "vocab_size=255 is less than 256, one for each byte: raise it"),
        ({"width": 65}, f"width=65 is not a multiple of {HEAD_WIDTH}: take 64 or 128"),
        ({"width": 32}, f"width=32 is not a multiple of {HEAD_WIDTH}: take 64 or 128"),
        ({"min_length": 40}, "min_length=40 is larger than max_length=32: lower it"),
        ({"max_length": 10**9}, "max_length=1000000000 is more than 65536 tokens: lower it"),
        ({"top_p": 1.5}, r"top_p=1.5 is not a number in \(0, 1\]"),
    ],
    ids=str,
)
def test_errors_name_value_and_remedy(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_params(small(**params))


def test_limits_of_the_ranges_are_allowed() -> None:
    check_params(small(vocab_size=256, width=HEAD_WIDTH, dropout=0.0, lora_rank=1, pretrained="a"))
    check_decoding(small(min_length=32, top_p=1.0, top_k=1, temperature=1e-3))

"""Byte-level tokens: exact for every string."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from gen_augment import InputError
from gen_augment.samplers.language.tokens import Tokens

TOKENS = Tokens.learn(["where is my card", "my card is lost"] * 3, 290)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back(text: str) -> None:
    ids = TOKENS.encode(text)
    assert TOKENS.decode(ids) == text
    n_bytes = TOKENS.n_bytes()
    assert sum(n_bytes[i] for i in ids) == len(text.encode())


def test_frequent_words_are_single_tokens() -> None:
    assert len(TOKENS) <= 290
    assert len(TOKENS.encode(" card")) == 1
    assert len(TOKENS.encode("zq")) == 2


def test_tokens_are_learned_and_copied_exactly() -> None:
    again = Tokens.learn(["where is my card", "my card is lost"] * 3, 290)
    for other in (again, copy.deepcopy(TOKENS), pickle.loads(pickle.dumps(TOKENS))):
        assert other.to_json() == TOKENS.to_json()


def test_a_tokenizer_that_loses_characters_is_refused() -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(InputError, match="byte-level"):
        Tokens(words.to_str())
    with pytest.raises(InputError, match="cannot be read"):
        Tokens("not JSON")

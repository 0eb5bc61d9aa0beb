"""Words, tokens and characters of texts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.modalities.text.words import characters, pieces, tokens


@given(st.text(max_size=40))
def test_pieces_and_characters_join_to_the_text(text: str) -> None:
    words, end = pieces(text)
    assert "".join(blank + word for blank, word in words) + end == text
    assert all(word and not blank.strip() for blank, word in words)
    assert "".join(characters(text)) == text


@given(st.text(max_size=40))
def test_tokens_hold_every_character_that_is_no_blank(text: str) -> None:
    assert "".join(tokens(text)) == "".join(text.lower().split())


@pytest.mark.parametrize("text", ["e\u0301te\u0301", "नमस्ते", "👍🏽", "👩‍👩‍👧"])
def test_marks_stay_with_their_character(text: str) -> None:
    for part in characters(text):
        assert not unicodedata.category(part[0]).startswith("M")
    assert len(characters("👩‍👩‍👧")) == len(characters("👍🏽")) == 1


def test_words_keep_inner_punctuation_and_scripts_without_blanks_have_characters() -> None:
    assert tokens("(Isn't 3.50 enough?)") == ["(", "isn't", "3.50", "enough", "?", ")"]
    assert tokens("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert tokens("日本 go") == ["日", "本", "go"]

"""What each edit changes and keeps."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.modalities.text.words import pieces
from gen_augment.samplers.text.edits import EDITS, edited

LETTERS = st.text("abcdé \u0301日👍🏽", max_size=25)
OTHER = "zig zag zog"


def edit(text: str, name: str, seed: int = 0, rate: float = 0.1) -> str:
    return edited(text, name, Random(seed), rate, lambda _: pieces(OTHER)[0])


@given(LETTERS, st.sampled_from(sorted(EDITS)), st.integers(0, 99), st.floats(0.01, 1))
def test_any_text_can_be_edited(text: str, name: str, seed: int, rate: float) -> None:
    new = edit(text, name, seed, rate)
    assert new == edit(text, name, seed, rate)
    assert bool(new.strip()) == bool(text.strip())
    edge = text[: len(text) - len(text.lstrip())]
    assert new.startswith(edge)


WORDS = [f"w{i}" for i in range(20)]
TEXT = " ".join(WORDS)


@pytest.mark.parametrize("seed", range(10))
def test_words_that_edits_change(seed: int) -> None:
    swapped = edit(TEXT, "swap", seed).split()
    assert sorted(swapped) == sorted(WORDS)
    assert 2 <= sum(a != b for a, b in zip(swapped, WORDS, strict=True)) <= 4
    deleted = edit(TEXT, "delete", seed).split()
    assert [word for word in WORDS if word in deleted] == deleted
    assert len(deleted) == 18
    inserted = edit(TEXT, "insert", seed).split()
    assert [word for word in inserted if word in WORDS] == WORDS
    assert len([word for word in inserted if word in OTHER.split()]) == 2
    marked = edit(TEXT, "punctuate", seed, rate=0.3).split()
    assert [word for word in marked if word in WORDS] == WORDS
    assert 1 <= len(marked) - 20 <= 6
    assert set(marked) - set(WORDS) <= set(".,!?;:")
    for name in ("noise", "typo"):  # two changes of one word may cancel
        changed = edit(TEXT, name, seed).split()
        assert sum(a != b for a, b in zip(changed, WORDS, strict=True)) <= 2
    joined = edit(TEXT, "recombine", seed).split()
    cut = len([word for word in joined if word in WORDS])
    assert joined == WORDS[:cut] + OTHER.split()[len(OTHER.split()) - (len(joined) - cut) :]


def test_typing_errors_hit_a_neighbouring_key_or_swap_two() -> None:
    found = {edit("g", "typo", seed) for seed in range(60)}
    assert found == {"f", "h", "t", "b"}
    assert {edit("G", "typo", seed) for seed in range(60)} == {"F", "H", "T", "B"}
    assert {edit("שם", "typo", seed) for seed in range(60)} == {"שם", "םש"}


def test_accents_stay_with_their_letter() -> None:
    made = {edit("e\u0301a", "typo", seed) for seed in range(40)}
    assert "ae\u0301" in made
    assert "\u0301" not in {text[0] for text in made}

"""Secrets are found and replaced; all other text stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.modalities.text.secrets import find_secrets, known_secrets, replace_secrets


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("write to a.b+c@sub.example.co.uk!", ["a.b+c@sub.example.co.uk"]),
        ("card 4111-1111-1111-1111 please", ["4111-1111-1111-1111"]),
        ("+49 170 1234567", ["49 170 1234567"]),
        ("IBAN DE89370400440532013000", ["DE89370400440532013000"]),
        ("key sk8f3jd92k", ["sk8f3jd92k"]),
        ("see https://a.org/x?y=1.", ["a.org/x?y=1"]),
        ("born 2001-02-03", ["2001-02-03"]),
        ("HTTPS://Bank.example/t or WWW.a.org/b", ["Bank.example/t", "a.org/b"]),
        ("4111\xa01111–1111  1111", ["4111\xa01111–1111  1111"]),
        ("O'Brien@x.org, 'jo@ex.org', al＠ex.org", ["O'Brien@x.org", "jo@ex.org", "al＠ex.org"]),
        ("key AKIAIOSFODNN7EXAMPLE", ["AKIAIOSFODNN7EXAMPLE"]),
        ("see http://____ and _@_", []),
        ("in 2019, 12 cards of 1000 euro cost 3.99", []),
        ("top-up and covid19 and h2o", []),
    ],
)
def test_secrets_are_found(text: str, secrets: list[str]) -> None:
    assert find_secrets(text) == secrets


def test_secrets_are_known_in_any_grouping() -> None:
    texts = ["call 555-123 456", "or 555/123.456", "mail ann@example.org, please"]
    assert known_secrets(texts) == {"555123456", "ann@example.org"}


@given(st.text(max_size=40), st.integers(100_000, 10**12), st.text(max_size=40))
def test_a_number_is_replaced_in_any_text(before: str, number: int, after: str) -> None:
    text = f"{before} {number} {after}"
    new = replace_secrets(text, np.random.default_rng(0))
    assert str(number) not in new or str(number) in before + after
    assert len(new) == len(text)


@given(st.text(alphabet="_½@/:. aA1²中http", max_size=40))
def test_any_text_is_replaced_by_one_of_the_same_length(text: str) -> None:
    for odd in (text, f"http://{text}", f"{text}@½"):
        assert len(replace_secrets(odd, np.random.default_rng(0))) == len(odd)


@given(st.text(alphabet="abc xyz.,?!äé中", max_size=60))
def test_text_without_secrets_stays(text: str) -> None:
    assert replace_secrets(text, np.random.default_rng(0)) == text

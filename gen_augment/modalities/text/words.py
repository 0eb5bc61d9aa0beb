"""Texts as words: pieces that join to the text again, tokens that are compared, and characters."""

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["characters", "pieces", "tokens"]

#: Scripts that are written without spaces: each character counts as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"(\s*)([{_UNSPACED}]|[^\s{_UNSPACED}]+)")
_JOINER = "\u200d"


def pieces(text: str) -> tuple[list[tuple[str, str]], str]:
    """Split a text into words with the blanks before each, and the blanks at the end.

    Chinese and Japanese characters are words of their own. Joined again, the parts are the text.

    Examples
    --------
    >>> pieces("Hi,  you ")
    ([('', 'Hi,'), ('  ', 'you')], ' ')
    """
    found = _PIECE.findall(text)
    return found, text[sum(len(blank) + len(word) for blank, word in found) :]


def tokens(text: str) -> list[str]:
    """Return the lower-case words and punctuation marks of a text.

    Examples
    --------
    >>> tokens("Don't (really) pay 3.50!")
    ["don't", '(', 'really', ')', 'pay', '3.50', '!']
    """
    return [token for _, word in pieces(text.lower())[0] for token in _without_marks(word)]


def characters(text: str) -> list[str]:
    """Split a text into characters as a reader sees them: with their accents and joined emoji.

    Examples
    --------
    >>> [len(part) for part in characters("e\u0301a")]
    [2, 1]
    """
    found: list[str] = []
    for char in text:
        joined = found and found[-1].endswith(_JOINER)
        if found and (joined or char == _JOINER or _is_mark(char)):
            found[-1] += char
        else:
            found.append(char)
    return found


def _without_marks(word: str) -> Iterator[str]:
    """Yield the punctuation before a word, the word, and the punctuation after it."""
    if word.isalnum():
        yield word
        return
    solid = [i for i, char in enumerate(word) if char.isalnum()]
    if not solid:
        yield from word
        return
    start, stop = solid[0], solid[-1] + 1
    while stop < len(word) and _is_mark(word[stop]):
        stop += 1
    yield from word[:start]
    yield word[start:stop]
    yield from word[stop:]


def _is_mark(char: str) -> bool:
    """Whether a character changes the one before it: an accent, a vowel sign, a skin tone."""
    if char.isascii():
        return False
    return unicodedata.category(char).startswith("M") or "\U0001f3fb" <= char <= "\U0001f3ff"

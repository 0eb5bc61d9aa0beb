"""Secrets in texts: found, counted in samples, and replaced before a language model learns them.

A language model can repeat rare strings of its training texts. Four kinds of strings are
therefore replaced by random ones of the same form, letter by letter and digit by digit, in each
text before the tokenizer and the network see it:

* e-mail addresses,
* links, after ``http://``, ``https://`` or ``www.``,
* numbers of six or more digits, also with spaces, dots, dashes or slashes between digits, two at
  most,
* words of eight or more characters that mix letters with three or more digits, or of 16 or more
  characters with a digit.

Neither the weights nor the archive then hold the original. A sample can only contain it by chance:
one in a million for a given number of six digits. Names, postal addresses and shorter numbers are
not recognised.

References
----------
Carlini et al., "The Secret Sharer", 2019 (arXiv:1802.08232): planted canaries.
"""

import re
import string
from collections.abc import Iterable

import numpy as np

__all__ = ["find_secrets", "known_secrets", "replace_secrets"]

#: Spaces, dots, slashes and dashes between the digits of a number.
_BETWEEN = r"\ \u00a0\u2009\u202f./\u2010-\u2015-"
_SECRET = re.compile(
    r"""
    (?i: (?<=http://) | (?<=https://) | (?<=\bwww\.) ) \S*[^\W_]     # a link
    | [^\s@＠<>()\[\]{},;:"'] [^\s@＠<>()\[\]{},;:"]{0,63} [@＠] \[?[\w.-]*[^\W_]  # an address
    | (?<!\w) (?=\w{8}) (?=\w*[^\W\d_]) (?:[^\W\d]*\d){3} \w*   # a word with three or more digits
    | (?<!\w) (?=\w{16}) (?=\w*[^\W\d_]) \w*\d\w*              # a key
    | \d (?:[BETWEEN]{0,2}\d){5,}                               # a long number
    """.replace("BETWEEN", _BETWEEN),
    re.VERBOSE,
)


def find_secrets(text: str) -> list[str]:
    """List the secrets of a text, in order.

    Examples
    --------
    >>> find_secrets("Card 4111 1111 1111 1111 of jo@ex.org, key a8f3k2x9, since 2019")
    ['4111 1111 1111 1111', 'jo@ex.org', 'a8f3k2x9']
    """
    return _SECRET.findall(text)


def known_secrets(texts: Iterable[str]) -> set[str]:
    """Return the secrets of texts, without separators between digits.

    Examples
    --------
    >>> known_secrets(["Call 555-0199 22", "call 5550199/22"])
    {'555019922'}
    """
    separator = rf"(?<=\d)[{_BETWEEN}]+(?=\d)"
    return {re.sub(separator, "", found) for text in texts for found in find_secrets(text)}


def replace_secrets(text: str, rng: np.random.Generator) -> str:
    """Return a text whose secrets are replaced by random strings of the same form.

    Examples
    --------
    >>> replace_secrets("Call 555-0199-22 today", np.random.default_rng(0))
    'Call 865-2300-01 today'
    """
    return _SECRET.sub(lambda match: _surrogate(match[0], rng), text)


def _surrogate(secret: str, rng: np.random.Generator) -> str:
    while any(character.isdigit() or character.isalpha() for character in secret):
        drawn = "".join(_other(character, rng) for character in secret)
        if drawn != secret:
            return drawn
    return secret  # such as "½"


def _other(character: str, rng: np.random.Generator) -> str:
    if character.isdigit():
        return str(rng.integers(10))
    if character.isalpha():
        letters = string.ascii_uppercase if character.isupper() else string.ascii_lowercase
        return letters[rng.integers(26)]
    return character

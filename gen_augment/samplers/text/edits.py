"""Edits of texts: each takes words and random numbers, and returns other words.

References
----------
Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
Classification Tasks", 2019 (arXiv:1901.11196): swap, delete, insert.
Karimi, Rossi and Prati, "AEDA: An Easier Data Augmentation Technique for Text Classification",
2021 (arXiv:2108.13230): punctuate.
"""

from collections.abc import Callable, Mapping
from random import Random

from gen_augment.modalities.text.words import characters, pieces

__all__ = ["EDITS", "Words", "below", "edited"]

#: Words with the blanks before each.
Words = list[tuple[str, str]]
#: Returns the words of another training row of the class.
Donor = Callable[[Random], Words]
Edit = Callable[[Words, Random, float, Donor], Words]

_MARKS = (".", ",", "!", "?", ";", ":")
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def edited(text: str, edit: str, random: Random, rate: float, donor: Donor) -> str:
    """Return a text after one of `EDITS`; blanks at its ends stay."""
    words, end = pieces(text)
    if not words:
        return text
    first = words[0][0]
    changed = EDITS[edit](words, random, rate, donor)
    changed[0] = (first, changed[0][1])
    return "".join(blank + word for blank, word in changed) + end


def swap(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Swap two words, several times."""
    found = [word for _, word in words]
    for _ in range(_times(words, rate)):
        i = below(random, len(found))
        j = (i + 1 + below(random, max(1, len(found) - 1))) % len(found)
        found[i], found[j] = found[j], found[i]
    return [(blank, word) for (blank, _), word in zip(words, found, strict=True)]


def delete(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Delete words, but not the last one that is left."""
    found = list(words)
    for _ in range(min(_times(words, rate), len(words) - 1)):
        found.pop(below(random, len(found)))
    return found


def insert(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Insert words of another row of the class; the paper inserts synonyms."""
    found, others = list(words), donor(random) or words
    for _ in range(_times(words, rate)):
        _put(found, others[below(random, len(others))][1], random)
    return found


def punctuate(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Insert punctuation marks: from one up to `rate` times the number of words."""
    found = list(words)
    for _ in range(1 + below(random, max(1, int(rate * len(words))))):
        _put(found, _MARKS[below(random, len(_MARKS))], random)
    return found


def noise(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Change characters: one is removed, doubled, or replaced by one of another row."""
    others = donor(random) or words

    def change(parts: list[str], i: int) -> list[str]:
        choice = below(random, 3)
        if choice == 0 and len(parts) > 1:
            return []
        if choice == 1:
            return [parts[i], parts[i]]
        letters = characters(others[below(random, len(others))][1])
        return [letters[below(random, len(letters))]]

    return _in_words(words, random, rate, change)


def typo(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Make typing errors: a neighbouring key of a QWERTY keyboard, or two keys in wrong order."""

    def change(parts: list[str], i: int) -> list[str]:
        keys = _NEIGHBOURS.get(parts[i].lower(), "")
        if keys and (len(parts) < 2 or random.random() < 0.5):
            key = keys[below(random, len(keys))]
            return [key.upper() if parts[i].isupper() else key]
        if i + 1 < len(parts):
            parts[i], parts[i + 1] = parts[i + 1], parts[i]
        return [parts[i]]

    return _in_words(words, random, rate, change)


def recombine(words: Words, random: Random, rate: float, donor: Donor) -> Words:
    """Join the first part of a row and the last part of another one of its class."""
    others, u = donor(random), random.random()
    first, last = words[: round(u * len(words))], others[round(u * len(others)) :]
    if first and len(last) == len(others) > 0:  # the first word of a row has no blank before it
        last = [(others[1][0] if len(others) > 1 else " ", last[0][1]), *last[1:]]
    return first + last or list(words)


EDITS: Mapping[str, Edit] = {
    "swap": swap,
    "delete": delete,
    "insert": insert,
    "punctuate": punctuate,
    "noise": noise,
    "typo": typo,
    "recombine": recombine,
}


def _times(words: Words, rate: float) -> int:
    return max(1, int(rate * len(words)))


def below(random: Random, n: int) -> int:
    """Return a whole number from 0 to n - 1."""
    return min(int(random.random() * n), n - 1)


def _put(words: Words, word: str, random: Random) -> None:
    """Insert a word at a random place, with a blank before it."""
    place = below(random, len(words) + 1)
    if place == 0 and words[0][0] == "":
        words[0] = (" ", words[0][1])
    words.insert(place, (" " if place else "", word))


def _in_words(
    words: Words, random: Random, rate: float, change: Callable[[list[str], int], list[str]]
) -> Words:
    """Change one character of some words, `rate` times the number of words and at least one."""
    found = list(words)
    for _ in range(_times(words, rate)):
        place = below(random, len(found))
        blank, word = found[place]
        parts = characters(word)
        i = below(random, len(parts))
        new = change(parts, i)
        parts[i : i + 1] = new
        found[place] = (blank, "".join(parts))
    return found


def _keyboard() -> dict[str, str]:
    """Return the keys next to each key: left, right, above and below."""
    place = {key: (r, c) for r, row in enumerate(_ROWS) for c, key in enumerate(row)}
    return {
        key: "".join(
            other
            for other, (r, c) in place.items()
            if other != key and abs(r - row) + abs(c - column) == 1
        )
        for key, (row, column) in place.items()
    }


_NEIGHBOURS = _keyboard()

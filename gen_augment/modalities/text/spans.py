"""Spans of words that texts share with other texts."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

__all__ = ["MAX_SPAN", "SharedSpans"]

#: Longer spans than this number of words count as this long.
MAX_SPAN = 32
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class SharedSpans:
    """The spans of up to 32 words of some texts, to be looked up.

    Spans are compared by 64-bit hashes of their words.

    Parameters
    ----------
    texts : sequence of texts
        Each is the sequence of its words, see `words.tokens`.

    Examples
    --------
    >>> known = SharedSpans([["please", "cancel", "my", "card"], ["i", "lost", "it"]])
    >>> known.longest([["cancel", "my", "card", "now"], ["hello"]]).tolist()
    [3, 0]
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self._number: dict[str, int] = {}
        ids, ends = self._numbered(texts, learn=True)
        self._known = [np.unique(hashes) for hashes, _ in _spans(ids, ends)]

    def longest(self, texts: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the words of the longest span that each text shares: shape (n,), int64."""
        found = np.zeros(len(texts), np.int64)
        for length, rows in enumerate(self._shared(texts), 1):
            found[rows] = length
        return found

    def shares(self, texts: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the longest shared span of each text as a share of its words, in [0, 1]."""
        n_words = np.array([len(text) for text in texts], np.int64)
        return np.minimum(1.0, self.longest(texts) / np.clip(n_words, 1, MAX_SPAN))

    def copied(self, texts: Sequence[Sequence[str]], length: int) -> float:
        """Return the share of all spans of `length` words that are shared; NaN without any."""
        ids, ends = self._numbered(texts, learn=False)
        for n, (hashes, _) in enumerate(_spans(ids, ends), 1):
            if n == length:
                known = self._known[n - 1] if n <= len(self._known) else hashes[:0]
                return float(np.isin(hashes, known).mean())
        return float("nan")

    def _shared(self, texts: Sequence[Sequence[str]]) -> Iterator[np.ndarray]:
        """Yield the positions of the texts that share a span, for each length from 1 word up."""
        ids, ends = self._numbered(texts, learn=False)
        for known, (hashes, rows) in zip(self._known, _spans(ids, ends), strict=False):
            shared = np.unique(rows[np.isin(hashes, known)])
            if not len(shared):
                return
            yield shared

    def _numbered(
        self, texts: Sequence[Sequence[str]], *, learn: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of all words, and where each text ends; unknown words are 0."""
        found: list[int] = []
        ends = [0]
        for text in texts:
            for word in text:
                if learn:
                    self._number.setdefault(word, len(self._number) + 1)
                found.append(self._number.get(word, 0))
            ends.append(len(found))
        return np.array(found, np.uint64), np.array(ends)


def _spans(ids: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield hashes of all spans and the text of each, for each length from 1 word up."""
    row = np.repeat(np.arange(len(ends) - 1), [stop - start for start, stop in pairwise(ends)])
    hashes, start = _mixed(ids), np.arange(len(ids))
    for length in range(1, MAX_SPAN + 1):
        if not len(start):
            return
        yield hashes, row[start]
        inside = start + length < ends[row[start] + 1]
        start = start[inside]
        hashes = _mixed(hashes[inside] * _FACTOR + ids[start + length])


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread whole numbers over 64 bits (splitmix64, Steele et al. 2014)."""
    values = values * _FACTOR
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))

"""A Markov chain of words for each class, with absolute discounting.

The probability of a word after the words ``h`` is::

    P(w | h) = max(c(h, w) - d, 0) / c(h) + d * n(h) / c(h) * P(w | h')

where ``c`` counts training rows, ``n(h)`` is the number of different words after ``h``, ``d`` is
the discount, and ``h'`` is ``h`` without its first word. Words alone have their frequencies.

References
----------
Ney, Essen and Kneser, "On structuring probabilistic dependences in stochastic language
modelling", Computer Speech and Language 8, 1994: absolute discounting.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import accumulate
from random import Random
from typing import NamedTuple

from gen_augment.modalities import Modality
from gen_augment.modalities.text.words import pieces
from gen_augment.rng import RandomState
from gen_augment.samplers.text.base import TextSampler
from gen_augment.samplers.text.edits import Words
from gen_augment.validation import check_positive_int, check_range

__all__ = ["NGramSampler"]

#: Words; an empty string starts and ends a text.
Context = tuple[str, ...]
_END = ""
#: Draws until one is not blank.
_DRAWS = 20


class _Following(NamedTuple):
    """The words after a context, and the sums of their discounted counts."""

    words: list[str]
    sums: list[float]
    total: int


class NGramSampler(TextSampler):
    """Texts of an n-gram model of each class.

    Each word is drawn given the words before it. `vary` keeps the first words of a text and draws
    the others; the strength is the share of words that are drawn.

    Parameters
    ----------
    order : int
        Words that a probability looks at, the drawn one included. A larger order copies longer
        spans of training rows.
    discount : float in [0, 1]
        A larger discount forgets the words before more often, which gives more new texts that
        read worse.
    modality : str or Modality
        How to read the rows.
    random_state : int, RandomState or None
        Names the table of rows.

    Notes
    -----
    A text has at most twice the words of the longest row of its class. Each Chinese or Japanese
    character is a word.

    References
    ----------
    Ney, Essen and Kneser, "On structuring probabilistic dependences in stochastic language
    modelling", Computer Speech and Language 8, 1994.

    Examples
    --------
    >>> X, y = ["where is my card", "where is my phone", "what is the rate"], ["a", "a", "b"]
    >>> sampler = NGramSampler(discount=0.0, random_state=0).fit(X, y)
    >>> sorted(set(sampler.sample(y={"a": 20})[0]))
    ['where is my card', 'where is my phone']
    """

    method = "ngram"

    def __init__(
        self,
        *,
        order: int = 3,
        discount: float = 0.5,
        modality: str | Modality | None = "text",
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.order = order
        self.discount = discount

    def _check_params(self) -> None:
        check_positive_int("order", self.order)
        check_range("discount", self.discount, 0, 1)

    def _prepare(self) -> None:
        self._chains: list[dict[Context, _Following]] = []
        self._blanks: list[dict[str, str]] = []
        self._longest: list[int] = []
        for first, n in zip(self._first, self.class_count_, strict=True):
            rows = [pieces(text)[0] for text in self._texts[first : first + n]]
            self._longest.append(2 * max(map(len, rows)))
            self._blanks.append(_usual_blanks(rows))
            self._chains.append(self._chain([[word for _, word in row] for row in rows]))

    def _chain(self, rows: list[list[str]]) -> dict[Context, _Following]:
        counts: defaultdict[Context, Counter[str]] = defaultdict(Counter)
        for words in rows:
            padded = [_END] * (self.order - 1) + words + [_END]
            for i in range(self.order - 1, len(padded)):
                for length in range(self.order):
                    counts[tuple(padded[i - length : i])][padded[i]] += 1
        return {context: self._following(context, count) for context, count in counts.items()}

    def _following(self, context: Context, count: Counter[str]) -> _Following:
        discount = self.discount if context else 0.0
        sums = list(accumulate(n - discount for n in count.values()))
        return _Following(list(count), sums, count.total())

    def _new(self, code: int, random: Random) -> str:
        for _ in range(_DRAWS):
            text = self._continued([], code, random)
            if text.strip():
                return text
        return self._row(code, random)

    def _varied(self, text: str, code: int, strength: float, random: Random) -> str:
        words = pieces(text)[0]
        kept = words[: int((1 - strength) * len(words))]
        return self._continued(kept, code, random) if kept else self._new(code, random)

    def _continued(self, start: Words, code: int, random: Random) -> str:
        """Draw words after the given ones until the text ends."""
        chain, blanks = self._chains[code], self._blanks[code]
        found, made = [word for _, word in start], [blank + word for blank, word in start]
        n_before = self.order - 1
        while len(found) < max(self._longest[code], 1 + len(start)):
            last = found[max(0, len(found) - n_before) :]
            word = self._drawn(chain, (*[_END] * (n_before - len(last)), *last), random)
            if word == _END:
                break
            made.append(blanks[word] + word if found else word)
            found.append(word)
        return "".join(made)

    def _drawn(self, chain: dict[Context, _Following], context: Context, random: Random) -> str:
        """Draw a word: from those after the context, or after a shorter one."""
        while True:
            following = chain.get(context)
            if following is not None:
                u = random.random() * following.total
                if u < following.sums[-1]:
                    return following.words[bisect_right(following.sums, u)]
                if not context:  # rounding
                    return following.words[-1]
            context = context[1:]


def _usual_blanks(rows: list[Words]) -> dict[str, str]:
    """Return the most frequent blanks before each word that does not start a text."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for blank, word in row[1:]:
            counts[word][blank] += 1
    usual = sum(counts.values(), Counter[str]()).most_common(1)
    other = usual[0][0] if usual else " "
    found = {word: other for row in rows for _, word in row[:1]}
    return found | {word: count.most_common(1)[0][0] for word, count in counts.items()}

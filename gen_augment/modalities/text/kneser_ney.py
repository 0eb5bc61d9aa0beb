"""Interpolated Kneser-Ney with three discounts for each order: probabilities of tokens.

References
----------
Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1999.
Heafield et al., "Scalable Modified Kneser-Ney Language Model Estimation", 2013 (KenLM).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

__all__ = ["KneserNey", "perplexity"]

START = -1


class KneserNey:
    """Probabilities of tokens given the tokens before.

    Parameters
    ----------
    rows : sequence of sequences of int
        Token numbers, each row with the token that ends it.
    order : int
        A probability depends on the `order` - 1 tokens before.
    n_tokens : int
        Size of the vocabulary.

    Examples
    --------
    >>> model = KneserNey([[0, 1, 2]] * 3 + [[0, 1, 3]], order=2, n_tokens=4)
    >>> model.probability((1,), 2) > model.probability((1,), 3)
    True
    """

    def __init__(self, rows: Sequence[Sequence[int]], order: int, n_tokens: int) -> None:
        self.order, self.n_tokens = order, n_tokens
        tables: list[dict[tuple[int, ...], Counter[int]]] = [defaultdict(Counter)]
        for row in rows:
            padded = (START,) * (order - 1) + tuple(row)
            for i in range(order - 1, len(padded)):
                tables[0][padded[i - order + 1 : i]][padded[i]] += 1
        for _ in range(order - 1):  # in how many contexts a shorter n-gram occurs
            shorter: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
            for context, counts in tables[0].items():
                shorter[context[1:]].update(dict.fromkeys(counts, 1))
            tables.insert(0, shorter)
        self._tables = [dict(table) for table in tables]
        self._discounts = [_discounts(table) for table in self._tables]
        self._sums = [
            {
                context: (counts.total(), sum(_off(off, n) for n in counts.values()))
                for context, counts in table.items()
            }
            for table, off in zip(self._tables, self._discounts, strict=True)
        ]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        """Return the probability of a token after a context of `order` - 1 tokens."""
        p = 1 / self.n_tokens
        for length, (table, off) in enumerate(zip(self._tables, self._discounts, strict=True)):
            here = context[len(context) - length :] if length else ()
            if here not in table:
                break
            total, taken = self._sums[length][here]
            count = table[here][token]
            p = (count - _off(off, count) + taken * p) / total
        return p

    def bits(self, row: Sequence[int]) -> float:
        """Return ``-log2 p`` of a row."""
        n = self.order - 1
        padded = (START,) * n + tuple(row)
        return -sum(
            math.log2(self.probability(padded[i - n : i], padded[i])) for i in range(n, len(padded))
        )


def perplexity(train: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> float:
    """Return the perplexity per word of rows under a trigram model of other rows.

    ``2 ** (bits / number of words)``, where the end of a row is a word and all words that `train`
    lacks are one word. NaN without rows.

    Examples
    --------
    >>> train = [["the", "card"], ["the", "fee"], ["my", "card"]]
    >>> perplexity(train, [["the", "card"]]) < perplexity(train, [["fee", "the"]])
    True
    """
    if not train or not rows:
        return float("nan")
    number: dict[str, int] = {}
    for row in train:
        for word in row:
            number.setdefault(word, len(number) + 2)  # 0 is an unknown word, and 1 the end
    known, asked = (
        [[*(number.get(w, 0) for w in row), 1] for row in part] for part in (train, rows)
    )
    model = KneserNey(known, 3, len(number) + 2)
    return float(2 ** (sum(map(model.bits, asked)) / sum(map(len, asked))))


def _off(discounts: list[float], count: int) -> float:
    return discounts[min(count, 3)]


def _discounts(table: dict[tuple[int, ...], Counter[int]]) -> list[float]:
    """Return the discounts of counts 0, 1, 2 and from 3 on.

    They depend on the numbers of n-grams that occur 1 to 4 times.
    """
    n = Counter(count for counts in table.values() for count in counts.values() if count < 5)
    if not all(n[k] for k in (1, 2, 3)):
        return [0.0, 0.5, 0.5, 0.5]
    y = n[1] / (n[1] + 2 * n[2])
    return [0.0, *(min(k, max(0.0, k - (k + 1) * y * n[k + 1] / n[k])) for k in (1, 2, 3))]

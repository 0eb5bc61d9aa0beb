"""The n-gram sampler against the probabilities of its formula."""

from collections import Counter

import numpy as np
import pytest

from gen_augment import NGramSampler

ROWS = ["a b", "a b", "a c", "b a"]


def probability(
    rows: list[list[str]], context: tuple[str, ...], word: str, discount: float
) -> float:
    """Absolute discounting (Ney et al. 1994), by the formula; "" starts and ends a text."""
    n = len(context)
    follows = Counter(
        row[i + n]
        for row in rows
        for i in range(len(row) - n)
        if tuple(row[i : i + n]) == context and row[i + n] != "<"
    )
    if not context:
        return follows[word] / follows.total()
    shorter = probability(rows, context[1:], word, discount)
    if not follows.total():
        return shorter
    kept = max(follows[word] - discount, 0) / follows.total()
    return kept + discount * len(follows) / follows.total() * shorter


@pytest.mark.parametrize("discount", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_first_and_second_words_have_their_probabilities(order: int, discount: float) -> None:
    sampler = NGramSampler(order=order, discount=discount, random_state=0)
    made = sampler.fit([*ROWS, "x y"], ["k"] * 4 + ["other"]).generate(np.arange(6000), "k")
    padded = [["<"] * (order - 1) + row.split() + [">"] for row in ROWS]
    firsts = Counter(row.split()[0] for row in made)
    start = {
        w: probability(padded, ("<",) * (order - 1), w, discount) for w in ("a", "b", "c", ">")
    }
    for word in "abc":  # an empty text is drawn again
        expected = start[word] / (1 - start[">"])
        assert firsts[word] / 6000 == pytest.approx(expected, abs=0.025)
    after = Counter([*row.split(), ">"][1] for row in made if row.split()[0] == "a")
    context = ("<",) * max(0, order - 2) + ("a",) * (order > 1)
    for word in ("b", "c", ">"):
        expected = probability(padded, context, word, discount)
        assert after[word] / after.total() == pytest.approx(expected, abs=0.03)


def test_without_a_discount_only_training_contexts_occur() -> None:
    sampler = NGramSampler(order=5, discount=0.0, random_state=0).fit([*ROWS, "x y"], [0] * 4 + [1])
    assert set(sampler.generate(np.arange(200), 0)) == set(ROWS)


def test_vary_keeps_the_first_words() -> None:
    rows = [f"{a} {b} {c} {d}" for a in "pq" for b in "rs" for c in "tu" for d in "vw"]
    sampler = NGramSampler(random_state=0).fit([*rows, "x"], [0] * 16 + [1])
    made = sampler.vary(rows, 0, strength=0.5)
    assert [row.split()[:2] for row in made] == [row.split()[:2] for row in rows]
    assert made != rows

"""Figures of texts against closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from gen_augment.modalities.text.measures import (
    FIGURES,
    distinct,
    measure,
    self_bleu,
    vocabulary_shift,
)

rng = np.random.default_rng(0)
TRAIN = [" ".join(rng.choice(list("abcdefgh"), 12)) for _ in range(60)]


def figures(train: list[str], texts: list[str]) -> dict[str, float]:
    return {name: value for name, (value, _) in measure(train, texts).items()}


def test_copies_have_the_figures_of_copies() -> None:
    found = figures(TRAIN, TRAIN)
    assert set(found) == set(FIGURES)
    zero = ("length_shift", "vocabulary_shift", "new_words", "copied_secrets")
    assert [found[name] for name in zero] == pytest.approx([0, 0, 0, 0])
    assert found["copied_8grams"] == found["longest_copy"] == 1


def test_other_texts_do_not_have_them() -> None:
    found = figures(TRAIN, ["x y z " * 8] * 9)
    assert found["vocabulary_shift"] == pytest.approx(1)
    assert found["length_shift"] == pytest.approx(1)  # 24 words instead of 12
    assert (found["new_words"], found["copied_8grams"], found["longest_copy"]) == (1, 0, 0)
    empty = figures(TRAIN, ["", " "])
    assert np.isnan([empty["distinct_1"], empty["self_bleu"], empty["copied_8grams"]]).all()


def test_references_are_the_figures_of_unseen_rows() -> None:
    """Perplexities are under a model of the unseen rows, so copies of these have a small one."""
    made, unseen = TRAIN[:20], [text[::-1] for text in TRAIN[20:]]
    found, reversed_ = measure(TRAIN, made, unseen), figures(TRAIN, unseen)
    for name in set(FIGURES) - {"perplexity"}:
        assert found[name] == (pytest.approx(figures(TRAIN, made)[name]), reversed_[name])
    copied, train = measure(TRAIN, unseen, unseen)["perplexity"]
    assert copied < found["perplexity"][0]
    assert train == found["perplexity"][1]


def test_vocabulary_shift_is_the_divergence_of_scipy() -> None:
    a, b = [["x", "x", "y"]], [["x", "z", "z", "z"]]
    expected = jensenshannon([2 / 3, 1 / 3, 0], [1 / 4, 0, 3 / 4], base=2) ** 2
    assert vocabulary_shift(a, b) == pytest.approx(expected)


def test_distinct_counts_equally_many_spans() -> None:
    assert distinct([["a", "b", "a"]], 2) == 1
    assert distinct([["a"] * 10], 1) == 0.1
    rows = [[str(i)] for i in range(50)]
    assert distinct(rows * 2, 1, most=100) == 0.5


def test_self_bleu_is_the_product_of_precisions() -> None:
    # Of "a b c d" and "a b c e", 3 of 4 words, 2 of 3 pairs, 1 of 2 triples and no four match.
    rows = [list("abcd"), list("abce")]
    assert self_bleu(rows) == pytest.approx((3 / 4 * 2 / 3 * 1 / 2 * 0.5) ** 0.25)
    # A row that is shorter than all others is penalised: exp(1 - 4 / 2).
    short = self_bleu([list("ab"), list("abab")])
    assert short == pytest.approx((np.exp(-1) + (2 / 4 * 1 / 3 * 0.5 / 2 * 0.5) ** 0.25) / 2)


def test_planted_secrets_are_counted() -> None:
    train = ["call 555-123 456", "mail ann@example.org please", "see https://a.org/x?y", "order 66"]
    made = ["my number is 555 123-456!", "to ann@example.org", "call 999 999", "order 66"]
    assert figures(train, made)["copied_secrets"] == 0.5

"""Kneser-Ney: probabilities sum to 1, and perplexity is what its definition says."""

import numpy as np
import pytest

from gen_augment.modalities.text.kneser_ney import KneserNey, perplexity


def test_probabilities_of_the_kneser_ney_reference_sum_to_1() -> None:
    rng = np.random.default_rng(0)
    rows = [[*(rng.integers(0, 9, 12) ** 2 // 10).tolist(), 9] for _ in range(60)]
    model = KneserNey(rows, 3, 10)
    for context in ((-1, -1), (0, 1), (8, 8), (0, 4)):
        assert sum(model.probability(context, token) for token in range(10)) == pytest.approx(1)
    again = KneserNey([[0, 1, 2]] * 3 + [[0, 1, 3]], 2, 4)
    assert again.probability((1,), 2) > again.probability((1,), 3) > again.probability((1,), 0)


def test_perplexity_of_words_without_a_pattern_is_their_number() -> None:
    rng = np.random.default_rng(0)
    train = [list(rng.choice(list("abcdefgh"), 400)) for _ in range(40)]
    rows = [list(rng.choice(list("abcdefgh"), 400)) for _ in range(5)]
    assert perplexity(train, rows) == pytest.approx(8, rel=0.05)
    assert perplexity(train, train) < perplexity(train, rows)
    assert perplexity(train, [["z"] * 9]) > 100
    assert np.isnan(perplexity([], rows))

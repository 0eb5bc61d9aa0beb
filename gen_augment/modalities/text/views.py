"""Texts as vectors, as inputs of classifiers, and as lines of a report."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from torch import Tensor

from gen_augment.modalities.text.forms import read_texts
from gen_augment.modalities.text.measures import FIGURES, measure
from gen_augment.modalities.text.networks import word_ids
from gen_augment.modalities.text.spans import SharedSpans
from gen_augment.modalities.text.words import tokens
from gen_augment.modalities.views import RowViews

__all__ = ["TextViews", "tfidf_classifier", "tfidf_inputs"]

#: Size of the vectors in which texts are compared.
N_FEATURES = 512
#: Words that classifiers of vectors see: the most frequent ones.
MAX_WORDS = 4096


class TextViews(RowViews):
    """Texts are compared by their character n-grams, and classified by their words."""

    figures = FIGURES

    def vectors(self, codec: Any, X: Any) -> Tensor:
        """Return hashed counts of 2 to 4 neighbouring characters, of length 1.

        Case and repeated blanks do not count.
        """
        hashed = HashingVectorizer(
            analyzer="char", ngram_range=(2, 4), n_features=N_FEATURES, preprocessor=_padded
        ).transform(read_texts(X))
        return torch.from_numpy(hashed.toarray().astype(np.float32))

    def novelty(self, X: Any) -> Callable[[Any], np.ndarray]:
        """Score a text by the share of its words outside the longest span of a training row."""
        return partial(_new_shares, SharedSpans([tokens(text) for text in read_texts(X)]))

    def measure(self, train: Any, X: Any, unseen: Any = None) -> dict[str, tuple[float, float]]:
        parts = ([] if part is None else read_texts(part) for part in (train, X, unseen))
        return measure(*parts)

    def lines(self, X: Any) -> list[str]:
        return read_texts(X)

    def by_chance(self, codec: Any, X: Any, train: Any) -> np.ndarray:
        """Any short text may be made by chance."""
        return np.ones(len(X), dtype=bool)

    def judge(self) -> Any:
        return tfidf_classifier()

    def pipeline_rows(self, X: Any) -> np.ndarray:
        """Return an array of strings."""
        return np.array(read_texts(X), dtype=object)

    def network_inputs(self, codec: Any, X: Any) -> Callable[[Any], Tensor]:
        """Return what maps texts to `word_ids`, of shape (n, n_longest)."""
        return _ids


def _new_shares(spans: SharedSpans, X: Any) -> np.ndarray:
    return 1 - spans.shares([tokens(text) for text in read_texts(X)])


def _ids(X: Any) -> Tensor:
    return word_ids(read_texts(X))


def tfidf_classifier() -> Any:
    """Return a Pipeline of TF-IDF weights of words, and logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(analyzer=tokens, sublinear_tf=True),
        LogisticRegression(C=30.0, max_iter=1000),
    )


def tfidf_inputs(X: Any) -> Callable[[Any], Tensor]:
    """Return what maps texts to TF-IDF vectors of at most 4,096 words of `X`."""
    words = TfidfVectorizer(analyzer=tokens, sublinear_tf=True, max_features=MAX_WORDS)
    return partial(_tfidf, words.fit(read_texts(X)))


def _tfidf(words: TfidfVectorizer, X: Any) -> Tensor:
    return torch.from_numpy(words.transform(read_texts(X)).toarray())


def _padded(text: str) -> str:
    """Return a text in lower case with a blank at both ends, so that one character is an n-gram."""
    return f" {text.lower()} "

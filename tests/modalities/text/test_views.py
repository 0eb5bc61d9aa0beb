"""Views of texts: vectors, novelty, and inputs of classifiers."""

import pickle

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from gen_augment.data import Rows
from gen_augment.modalities import Text, get_modality
from gen_augment.modalities.text.networks import word_ids
from gen_augment.modalities.text.views import TextViews, tfidf_classifier, tfidf_inputs
from gen_augment.study.copies import near_copies
from tests.modalities.text.test_modality import X, Y

VIEWS = TextViews()


def test_vectors_are_equal_for_equal_texts_only() -> None:
    views, codec = get_modality("text").views, Text().fit(X)[0]
    vectors = views.vectors(codec, ["Red car", "red  car", "car red", "a", "", "red cars"])
    np.testing.assert_allclose(vectors.norm(dim=1), [1, 1, 1, 1, 0, 1], atol=1e-6)
    distance = torch.cdist(vectors[:1], vectors)[0]
    assert distance[1] < 1e-6
    assert 0.1 < distance[2] < distance[3]
    assert 0.1 < distance[5] < distance[3]


def test_near_copies_are_found() -> None:
    train = Rows.read(X, Y, modality="text")
    test = train.like(["where is my lunch", X[3].upper()], [Y[0], Y[3]])
    assert near_copies(train, test).tolist() == [1]


def test_novelty_is_the_share_of_words_outside_the_longest_common_span() -> None:
    score = VIEWS.novelty(["where is the red car"])
    rows = ["where is the red car", "is the red bus now", "something else"]
    np.testing.assert_allclose(score(rows), [0, 2 / 5, 1])
    np.testing.assert_allclose(score(pd.Series(rows)), score(rows))


def test_every_container_is_read() -> None:
    frame = pd.DataFrame({"query": X[:3]})
    assert VIEWS.lines(frame) == X[:3]
    assert VIEWS.pipeline_rows(frame).tolist() == X[:3]
    assert VIEWS.by_chance(None, frame, frame).tolist() == [True] * 3
    assert torch.equal(VIEWS.network_inputs(None, X)(frame), word_ids(X[:3]))
    assert set(VIEWS.measure(X, X)) == set(VIEWS.figures)


def test_tfidf_is_that_of_scikit_learn() -> None:
    rows = ["the red car", "red red house", "unseen"]
    reference = TfidfVectorizer(analyzer=str.split, sublinear_tf=True).fit(X)
    inputs = pickle.loads(pickle.dumps(tfidf_inputs(X)))
    np.testing.assert_allclose(inputs(rows).numpy(), reference.transform(rows).toarray())
    assert tfidf_classifier().fit(X[:40], Y[:40]).score(X[40:], Y[40:]) > 0.9

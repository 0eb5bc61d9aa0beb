"""Texts in the parts of the package that use a modality."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from gen_augment import (
    EditSampler,
    FilteredSampler,
    InputError,
    Study,
    audit,
)
from gen_augment.data import Rows
from gen_augment.filters import CopyGate, LabelAgreement, Novelty, Realism
from gen_augment.modalities import Text
from gen_augment.modalities.text import WordBag
from gen_augment.study import Training

COLOURS = ["red", "blue", "green", "grey", "black", "white", "pink", "brown"]
THINGS = ["car", "house", "tree", "door", "road", "boat", "lamp", "chair"]


def queries(n: int = 64, seed: int = 0) -> tuple[list[str], list[str]]:
    """Distinct questions about things, and orders of things."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(COLOURS) * len(THINGS) * 2)[:n]
    X, y = [], []
    for number in chosen:
        rest, is_order = divmod(int(number), 2)
        colour, thing = COLOURS[rest % 8], THINGS[rest // 8]
        X.append(f"{'please send' if is_order else 'where is'} the {colour} {thing}")
        y.append("order" if is_order else "question")
    return X, y


X, Y = queries()


@pytest.mark.parametrize("rows", [X, np.array(X), np.array(X, object), pd.Series(X)], ids=type)
def test_strings_are_no_text_unless_the_user_says_so(rows: Any) -> None:
    with pytest.raises(InputError, match='modality="text"'):
        Rows.read(rows, Y)
    assert Rows.read(rows, Y, modality="text").modality == Text()


@pytest.mark.parametrize(
    "model",
    [
        None,
        make_pipeline(CountVectorizer(), MultinomialNB()),
        RandomForestClassifier(10),
        lambda: WordBag(2, n_buckets=256),
    ],
    ids=["default", "pipeline", "forest", "network"],
)
def test_every_classifier_learns_texts(model: Any) -> None:
    study = Study(
        pd.Series(X), Y, modality="text", model=model, arms=["real", "eda:1", "ngram:1:novelty"],
        n_seeds=1, training=Training(n_steps=60, lr=0.02),
    )  # fmt: skip
    result = study.run()
    assert result.trials["error"].isna().all(), result.trials["error"].tolist()
    assert (result.scores() > 0.9).all(axis=None)


def test_default_arms_and_report(tmp_path: Path) -> None:
    rows = [*X[:-1], "\u05d0\u05d9\u05e4\u05d4 <b>"]
    study = Study(rows, Y, modality="text", n_seeds=2)
    result = study.run(tmp_path / "trials")
    assert list(result.arms) == ["real", "oversample", "weights", "eda", "aeda", "ngram"]
    result.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "real row nearest to it" in page
    assert 'dir="auto">please send the' in page
    assert "<b>" not in page
    again = study.run(tmp_path / "trials")  # all trials are on disk
    assert again.examples == result.examples


def test_smote_is_no_step_of_texts() -> None:
    with pytest.raises(InputError, match="smote needs rows between others"):
        Study(X, Y, modality="text", arms=["real", "smote"]).run()


def test_filters() -> None:
    agreement = LabelAgreement().fit(Rows.read(X, Y, modality="text"))
    assert agreement.keep(["send the car", "send the car"], ["order", "question"]).tolist() == [
        True,
        False,
    ]
    novelty = Novelty().fit(Rows.read(X, Y, modality="text"))
    scores = novelty.score_samples([X[0], X[0] + " please not now", "something else"], Y[0])
    assert scores[[0, 2]].tolist() == [0, 1]
    n_words = len(X[0].split())
    assert scores[1] == pytest.approx(1 - n_words / (n_words + 3))
    for features in ("values", "auto"):
        gate = CopyGate(forbidden=["where was it"], features=features, max_copies=9, threshold=0.1)
        gate.fit(Rows.read(X, Y, modality="text"))
        kept = gate.keep([X[1], "where was it", "quite another text"], Y[0])
        assert kept.tolist() == [False, False, True]
    made = FilteredSampler(EditSampler(random_state=0), [Realism(), agreement]).fit(X, Y)
    rows, labels = made.sample(20)
    assert agreement.keep(rows, labels).all()


def test_audit_names_secrets_and_shows_texts(tmp_path: Path) -> None:
    rows = [f"{text}, call {770000 + i}" for i, text in enumerate(X)]
    sampler = EditSampler(edits=["swap"], random_state=0).fit(pd.DataFrame({"text": rows}), Y)
    found = audit(sampler, pd.DataFrame({"text": rows}), Y, n_samples=40)
    assert found.table.loc["copied_secrets", "synthetic"] == 1
    assert any("e-mail address" in finding for finding in found.findings)
    assert found.examples is not None
    assert found.examples["real"].str.contains("call 77").all()
    found.to_html(tmp_path / "page.html")
    assert "Self-BLEU" in (tmp_path / "page.html").read_text()

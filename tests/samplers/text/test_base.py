"""Samplers of edited and of n-gram texts: addresses, `vary`, forms and saving."""

import pickle
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare
from sklearn.base import clone

from gen_augment import (
    AEDASampler,
    ArchiveError,
    EditSampler,
    InputError,
    NGramSampler,
    NotFittedError,
    SampleBank,
    archive,
    load_sampler,
)
from gen_augment.samplers.text.base import below
from gen_augment.samplers.text.edits import EDITS
from tests.modalities.text.test_codec import FORMS
from tests.modalities.text.test_modality import X, Y

MAKES = {
    "eda": EditSampler(random_state=0),
    "every edit": EditSampler(edits=list(EDITS), rate=0.5, random_state=0),
    "aeda": AEDASampler(random_state=0),
    "ngram": NGramSampler(random_state=0),
}


@pytest.fixture(params=MAKES)
def sampler(request: pytest.FixtureRequest) -> Any:
    return clone(MAKES[request.param]).fit(X, Y)


def test_rows_are_addressed_also_after_saving(sampler: Any, tmp_path: Path) -> None:
    labels = np.resize(["order", "question"], 300)
    whole = sampler.generate(np.arange(300), labels)
    shuffled = np.random.default_rng(0).permutation(300)
    assert sampler.generate(shuffled, labels[shuffled]) == [whole[i] for i in shuffled]
    assert sampler.generate(np.arange(300), labels, seed=1) != whole
    sampler.save(tmp_path / "a")
    for other in (load_sampler(tmp_path / "a"), pickle.loads(pickle.dumps(sampler))):
        assert other.generate(np.arange(300), labels) == whole
        assert other.fingerprint() == sampler.fingerprint()
    bank = SampleBank.build(sampler, {"order": 6, "question": 4}, tmp_path / "bank")
    assert bank.rows(np.arange(10)) == sampler.generate(
        np.arange(10), ["order"] * 6 + ["question"] * 4
    )


def test_new_texts_are_no_copies_and_vary_changes_what_it_should(sampler: Any) -> None:
    rows, _ = sampler.sample(200)
    if isinstance(sampler, EditSampler):  # an n-gram model of pairs memorises the grammar
        assert np.isin(rows, X).mean() < 0.4
    assert sampler.vary(X, Y, strength=0) == X
    long = " ".join(X) * 3  # longer than any training row, and kept whole
    assert sampler.vary([long], Y[:1], strength=0) == [long]
    once = sampler.vary(X, Y, strength=0.5, random_state=3)
    assert once == sampler.vary(X, Y, strength=0.5, random_state=3)
    assert np.mean([a == b for a, b in zip(once, X, strict=True)]) < 0.5
    assert sampler.vary(X, Y) != sampler.vary(X, Y)  # each call uses the next addresses
    for strength in (-0.1, 1.1):
        with pytest.raises(InputError, match="strength"):
            sampler.vary(X, Y, strength=strength)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MAKES)
def test_every_form_and_odd_texts(name: str, form: str) -> None:
    given: Any = FORMS[form]
    made = clone(MAKES[name]).fit(given, ["a", "b", "a", "b", "c", "c"])
    rows, labels = made.sample(y={"a": 20, "b": 20, "c": 5})
    assert type(rows) is (list if form == "tuple" else type(given))
    assert labels == ["a"] * 20 + ["b"] * 20 + ["c"] * 5
    texts = made.codec_.texts(rows)
    assert made.codec_.texts(made.codec_.unpack(made.codec_.pack(rows))) == texts
    assert all(set(text) <= {" ", "\n"} for text in texts[40:] if name != "aeda")


def test_other_rows_and_early_calls_are_refused() -> None:
    with pytest.raises(InputError, match="holds table rows"):
        EditSampler(modality="table").fit(pd.DataFrame({"a": [1.0, 2, 3]}), [0, 1, 0])
    with pytest.raises(NotFittedError):
        EditSampler().vary(X, Y)


@pytest.mark.parametrize("change", ["ends", "texts"])
def test_damaged_archives_are_refused(change: str, tmp_path: Path) -> None:
    EditSampler(random_state=0).fit(X, Y).save(tmp_path / "a")
    header, tensors = archive.read(tmp_path / "a")
    archive.write(tmp_path / "a", header, tensors | {change: tensors[change][:-3]})
    with pytest.raises(ArchiveError, match="do not fit"):
        load_sampler(tmp_path / "a")


def test_whole_numbers_of_a_range_are_equally_frequent() -> None:
    random = Random(0)
    assert chisquare(np.bincount([below(random, 5) for _ in range(5000)])).pvalue > 0.01


def test_the_last_number_of_a_range_is_its_upper_bound() -> None:
    class Highest(Random):
        def random(self) -> float:
            return float(np.nextafter(1, 0))

    assert [below(Highest(), n) for n in (1, 2, 3, 1000)] == [0, 1, 2, 999]


def test_a_bad_row_is_named_by_its_place_in_the_data() -> None:
    """Rows are sorted by class before anything is learned."""
    texts: list[Any] = ["a b", "c d", "e f", None]
    with pytest.raises(InputError, match="row 3 of X is None"):
        AEDASampler().fit(texts, ["z", "y", "z", "x"])

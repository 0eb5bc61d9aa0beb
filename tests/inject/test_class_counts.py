"""Counts as imbalanced-learn resolves them, and counts of a ratio."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy

from gen_augment import InputError, SampleBank
from gen_augment.inject.class_counts import (
    counts_of_classes,
    counts_to_replace,
    resolve_strategy,
)
from gen_augment.inject.row_labels import check_labels
from tests.inject.toys import Numbered

WORDS = ["auto", "minority", "not minority", "not majority", "all", "majority", "most", ""]


def both(strategy: Any, y: np.ndarray) -> tuple[Any, Any]:
    """Return our counts and those of imbalanced-learn, or the error."""
    answers: list[Any] = []
    for resolve, refusal in (
        (lambda: check_sampling_strategy(strategy, y, "over-sampling"), ValueError),
        (lambda: resolve_strategy(strategy, y), InputError),
    ):
        try:
            answers.append({label: n for label, n in resolve().items() if n})
        except refusal:
            answers.append("refused")
    return answers[0], answers[1]


@st.composite
def class_labels(draw: st.DrawFn, max_classes: int = 5) -> np.ndarray:
    """Labels of a few classes with counts that are often equal, in any order, of any type."""
    counts = draw(st.lists(st.integers(1, 9), min_size=1, max_size=max_classes))
    kind = draw(st.sampled_from(["int", "negative", "str", "bool", "uint8", "float"]))
    y = np.random.default_rng(draw(st.integers(0, 99))).permutation(
        np.repeat(np.arange(len(counts)), counts)
    )
    if kind == "bool":
        return y > 0
    makers = {
        "int": 3 * y,
        "negative": y - 7,
        "str": np.array(list("zyxwv"))[y],
        "uint8": y.astype(np.uint8),
    }
    return makers.get(kind, y.astype(float))


@given(y=class_labels(), word=st.sampled_from(WORDS))
def test_words_are_those_of_imbalanced_learn(y: np.ndarray, word: str) -> None:
    reference, ours = both(word, y)
    assert ours == reference


@given(
    y=class_labels(max_classes=3),
    share=st.floats(-0.2, 1.2) | st.sampled_from([0.0, 1.0, 1, 1 / 3, 0.5, float("nan")]),
)
def test_a_share_is_that_of_imbalanced_learn(y: np.ndarray, share: float) -> None:
    reference, ours = both(share, y)
    assert ours == reference


@given(minority=st.integers(1, 60), majority=st.integers(1, 60), share=st.fractions(0, 1))
def test_a_share_is_rounded_as_imbalanced_learn_does(
    minority: int, majority: int, share: Any
) -> None:
    reference, ours = both(float(share), np.repeat([0, 1], [minority, majority]))
    assert ours == reference


@given(
    y=class_labels(),
    totals=st.dictionaries(st.integers(0, 5), st.integers(-1, 15), max_size=5),
    data=st.data(),
)
def test_totals_are_those_of_imbalanced_learn(
    y: np.ndarray, totals: dict[int, int], data: st.DataObject
) -> None:
    known = (
        [*np.unique(y).tolist(), "unknown"] if y.dtype.kind == "U" else [*np.unique(y).tolist(), 99]
    )
    asked = {known[min(place, len(known) - 1)]: n for place, n in totals.items()}
    reference, ours = both(asked, y)
    assert ours == reference
    if data.draw(st.booleans()):
        assert both(lambda labels: asked, y) == (reference, ours)


def test_a_callable_gets_the_labels_and_may_give_any_mapping() -> None:
    y = np.repeat([0, 1, 2], [5, 3, 1])

    def evened(labels: np.ndarray) -> Mapping[Any, int]:
        return Counter({label: int((labels == 0).sum()) for label in np.unique(labels)})

    assert resolve_strategy(evened, y) == {1: 2, 2: 4}
    assert check_sampling_strategy(evened, y, "over-sampling") == {0: 0, 1: 2, 2: 4}
    assert resolve_strategy(MappingProxyType({np.int64(2): np.int32(4)}), y) == {2: 3}
    for bad in ({2: 1.5}, {2: True}, {2: "4"}, {2: None}, [1, 2], None, True):
        with pytest.raises(InputError):
            resolve_strategy(bad, y)  # type: ignore[arg-type]


@given(n_real=st.integers(0, 500), ratio=st.floats(0, 4))
def test_a_ratio_is_split_by_the_prior(n_real: int, ratio: float) -> None:
    source = Numbered(prior=[0.5, 0.1, 0.4])
    counts = counts_of_classes(source, n_real, ratio, None)
    assert counts.sum() == round(ratio * n_real)
    assert np.all(np.abs(counts - counts.sum() * source.class_prior_) < 1)


@given(ratio=st.floats(0, 1.5))
def test_a_ratio_never_asks_for_more_than_a_bank_has(
    numbered_bank: SampleBank, ratio: float
) -> None:
    if round(ratio * 70) > 70:
        with pytest.raises(InputError, match="the bank holds"):
            counts_of_classes(numbered_bank, 70, ratio, None)
    else:
        assert np.all(counts_of_classes(numbered_bank, 70, ratio, None) <= [40, 7, 23])


@given(y=st.lists(st.integers(0, 2), min_size=1, max_size=60), ratio=st.floats(0, 1))
def test_rows_to_replace_are_there(y: list[int], ratio: float) -> None:
    wanted, codes = counts_to_replace(Numbered([0, 1, 2]), np.array(y), ratio, None)
    assert wanted.sum() == round(ratio * len(y))
    assert codes.tolist() == y
    assert np.all(wanted <= np.bincount(y, minlength=3))


def test_counts_that_cannot_be_given_are_named(numbered_bank: SampleBank) -> None:
    source = Numbered([2, 4])
    for counts, message in (
        ({4: -1}, "whole number"),
        ({3: 1}, r"\[3\], not seen in fit; known labels: \[2, 4\]"),
        ({"2": 1}, r"\['2'\], not seen"),
    ):
        with pytest.raises(InputError, match=message):
            counts_of_classes(source, 10, None, counts)
    assert counts_of_classes(source, 10, None, {np.int64(4): np.int32(3)}).tolist() == [0, 3]
    with pytest.raises(InputError, match=r"\{1: 8\} rows are asked for, and the bank holds"):
        counts_of_classes(numbered_bank, 10, None, {0: 40, 1: 8})
    with pytest.raises(InputError, match="6 rows of 2 are to be replaced, and there are 3"):
        counts_to_replace(source, np.array([2, 2, 2, 4, 9]), None, {2: 6})
    with pytest.raises(InputError, match="shape"):
        check_labels(np.zeros((3, 2)), 3)
    with pytest.raises(InputError, match="3 rows and y has 2"):
        check_labels([1, 2], 3)

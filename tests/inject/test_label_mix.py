"""Labels of the synthetic rows in a batch: shares, checks, and the form of a batch's labels."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.inject.label_mix import (
    check_label_mix,
    check_labels_fit,
    check_numeric_labels,
    codes_of,
    label_shares,
    labels_like,
)
from tests.inject.toys import Numbered

SOURCE = Numbered([2, 4, 7], prior=[0.5, 0.2, 0.3])


@pytest.mark.parametrize(
    "labels, expected",
    [
        ("prior", [0.5, 0.2, 0.3]),
        ("same", [0.5, 0.2, 0.3]),
        ("balanced", [1 / 3, 1 / 3, 1 / 3]),
        ({4: 3, 2: 1}, [0.25, 0.75, 0]),
    ],
)
def test_shares_of_each_mix(labels: Any, expected: list[float]) -> None:
    check_label_mix(SOURCE, labels)
    np.testing.assert_allclose(label_shares(SOURCE, labels), expected)


@pytest.mark.parametrize(
    "labels, message",
    [
        ("uniform", "labels='uniform' is not one of 'same', 'prior', 'balanced'"),
        ({3: 1}, r"no rows of 3; it has \[2, 4, 7\]"),
        ({2: -1}, r"labels\[2\]=-1"),
        ({2: 0, 4: 0}, "at least one label a share above 0"),
        ({}, "at least one label a share above 0"),
    ],
)
def test_unusable_mixes_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_label_mix(SOURCE, labels)


@given(codes=st.lists(st.integers(0, 2), min_size=1, max_size=9))
def test_labels_in_a_batch_come_back_as_codes(codes: list[int]) -> None:
    labels = SOURCE.classes_[codes]
    forms = [torch.zeros(1, dtype=d) for d in (torch.int64, torch.uint8, torch.bfloat16)]
    for like in [*forms, torch.zeros(1, 8), torch.zeros(1, 9, dtype=torch.int32)]:
        written = labels_like(like, labels)
        assert written.dtype == like.dtype
        assert written.shape == (len(codes), *like.shape[1:])
        assert codes_of(SOURCE, written).tolist() == codes


@pytest.mark.parametrize("label", [1, 3, 8])
def test_an_unknown_label_is_named(label: int) -> None:
    with pytest.raises(InputError, match=rf"label {label} is unknown .* \[2, 4, 7\]"):
        codes_of(SOURCE, torch.tensor([2, label]))


def test_labels_that_the_batch_cannot_hold_are_refused() -> None:
    large = Numbered([0, 300])
    check_labels_fit(large, torch.zeros(3, dtype=torch.uint8), "same")  # nothing is written
    check_labels_fit(large, torch.zeros(3), "prior")
    with pytest.raises(InputError, match=r"torch.uint8, which cannot hold .*\[0, 300\]"):
        check_labels_fit(large, torch.zeros(3, dtype=torch.uint8), "prior")
    check_labels_fit(SOURCE, torch.zeros(3, 8), "balanced")
    with pytest.raises(InputError, match="class shares of 7 classes: number the classes from 0"):
        check_labels_fit(SOURCE, torch.zeros(3, 7), "balanced")
    check_numeric_labels(SOURCE)
    with pytest.raises(InputError, match="labels are <U1 and a batch holds numbers"):
        check_numeric_labels(Numbered(["a", "b"]))

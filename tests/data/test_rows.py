"""`Rows`: rows without a label, and rows of other sources."""

import numpy as np
import pytest

from gen_augment import ConditionalVAE, InputError
from gen_augment.data import Rows

X = np.random.default_rng(0).normal(size=(6, 2))
WORDS = ["a", "b", "a", "b", "a", "b"]


def partly_labelled() -> Rows:
    """Six rows of the classes 0 and 2; rows 1 and 4 have no label."""
    return Rows.read(X, np.array([0, -1, 2, 0, -1, 2]), unlabeled=-1)


def test_labels_of_rows_without_a_label_are_an_error() -> None:
    rows = partly_labelled()
    assert rows.labelled().y.tolist() == [0, 2, 0, 2]
    with pytest.raises(InputError, match=r"row 1 has no label: drop such rows"):
        rows.y  # noqa: B018


def test_reading_rows_like_others_maps_labels_by_value() -> None:
    known = Rows.read(X, np.array([0, 1, 2, 0, 1, 2]))
    assert known.like(partly_labelled().labelled()).codes.tolist() == [0, 2, 0, 2]
    with pytest.raises(InputError, match="row 1 has no label"):
        known.like(partly_labelled())
    with pytest.raises(InputError, match="label 'a' was not seen"):
        known.like(X, WORDS)


def test_a_part_learns_its_own_encoding() -> None:
    rows = Rows.read(X, WORDS)
    index = np.array([4, 0])
    assert rows.take(index).codec is rows.codec
    part = rows.part(index)
    assert part.known_codec is None
    assert part.y == ["a", "a"]
    np.testing.assert_array_equal(part.X, X[index])
    assert part.encoded.abs().max() <= rows.encoded.abs().max() + 1e-6


def test_joined_rows_keep_groups_only_if_both_have_them() -> None:
    rows = Rows.read(X, WORDS)
    grouped = rows.replaced(rows.X, rows.codes, np.arange(6))
    assert rows.joined(grouped).groups is None
    both = grouped.joined(grouped.take(np.array([5])))
    assert both.groups is not None
    assert both.groups.tolist() == [0, 1, 2, 3, 4, 5, 5]


def test_training_continues_on_rows_of_which_some_have_no_label() -> None:
    known = np.random.default_rng(1).normal(size=(40, 2))
    settings = {"max_steps": 2, "device": "cpu", "random_state": 0}
    y = np.array([0, 2])[np.arange(40) % 2]
    some = np.where(np.arange(40) % 5, y, -1)
    from_rows = ConditionalVAE(**settings).fit(known, y)
    from_rows.partial_fit(Rows.read(known, some, unlabeled=-1))
    from_arrays = ConditionalVAE(**settings).fit(known, y).partial_fit(known, some)
    np.testing.assert_array_equal(from_rows.sample(8)[0], from_arrays.sample(8)[0])
    assert from_rows.class_count_.tolist() == from_arrays.class_count_.tolist()

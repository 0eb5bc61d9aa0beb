"""Labelled rows: their encodings, and parts that keep or lose them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gen_augment import ConditionalVAE, InputError
from gen_augment.data import Rows
from tests.conftest import toy_table

X = np.arange(12.0).reshape(6, 2)
Y = ["a", "b", "a", "c", "b", "a"]


@given(index=st.lists(st.integers(0, 5), min_size=1, max_size=9).map(np.array))
def test_taken_rows_keep_the_encoding_and_parts_do_not(index: np.ndarray) -> None:
    rows = Rows.read(X, Y)
    taken, part = rows.take(index), rows.part(index)
    for found in (taken, part):
        np.testing.assert_array_equal(found.X, X[index])
        assert found.y == [Y[i] for i in index]
        assert found.classes.tolist() == ["a", "b", "c"]
    assert taken.codec is rows.codec
    assert torch.equal(taken.encoded, rows.encoded[torch.from_numpy(index)])
    assert part.known_codec is None
    low, high = X[index].min(), X[index].max()
    np.testing.assert_allclose(part.codec.decode(part.encoded), X[index], atol=1e-3)
    assert part.codec is not rows.codec
    decoded = part.codec.decode(torch.full((1, 2), 9.0))
    assert low <= decoded.min() <= decoded.max() <= high  # the range of other rows is unknown


def test_counts_and_labelled_rows() -> None:
    rows = Rows.read(X, np.array([0, 1, -1, 1, 2, -1]), unlabeled=-1)
    assert rows.class_counts.tolist() == [1, 2, 1]
    assert rows.labelled().y.tolist() == [0, 1, 1, 2]
    full = Rows.read(X, Y)
    assert full.labelled() is full
    assert Rows.read(full) is full
    assert len(full) == 6


def test_other_rows_must_have_the_form_and_the_labels() -> None:
    rows = Rows.read(X, Y)
    other = rows.like(X[:2] + 0.5, ["c", "a"])
    assert other.codec is rows.codec
    assert other.codes.tolist() == [2, 0]
    assert torch.equal(other.encoded, rows.codec.encode(X[:2] + 0.5))
    joined = rows.joined(other)
    assert joined.y == [*Y, "c", "a"]
    np.testing.assert_array_equal(joined.X, np.vstack([X, X[:2] + 0.5]))
    with pytest.raises(InputError, match="'d'"):
        rows.like(X[:1], ["d"])
    with pytest.raises(InputError, match="features"):
        rows.like(X[:, :1], Y)


def test_the_digest_depends_on_values_form_and_labels() -> None:
    known = Rows.read(X, Y).digest
    assert Rows.read(X.copy(), Y).digest == known
    others: list[tuple[Any, Any]] = [(X + 1, Y), (X, Y[::-1]), (X.astype(np.float32), Y)]
    assert len({known, *(Rows.read(*other).digest for other in others)}) == 4


def test_rows_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(InputError, match=r"X is sparse, a csr_array: give a dense X\.toarray"):
        Rows.read(csr_array(X), Y)
    with pytest.raises(InputError, match="X has 6 rows and y has 5 labels"):
        Rows.read(X, Y[:5])


def test_rows_are_detached_from_their_gradient() -> None:
    rows = Rows.read(torch.from_numpy(X).requires_grad_(), Y)
    assert not rows.X.requires_grad


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


def test_joined_rows_keep_groups_only_if_both_have_them() -> None:
    rows = Rows.read(X, Y)
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


def test_content_is_that_of_labelled_rows_in_any_order() -> None:
    X, y = toy_table(50)
    rows = Rows.read(X, y)
    order = np.random.default_rng(0).permutation(50)
    again = replace(rows.take(order), known_codec=rows.codec)
    assert again.content == rows.content
    for X_other, y_other in ((X + np.eye(50, 3), y), (X, 1 - y), (X[:, ::-1], y)):
        assert replace(Rows.read(X_other, y_other), known_codec=rows.codec).content != rows.content
    unlabelled = Rows(np.r_[X, X[:3]], np.r_[y, [-1] * 3], rows.labels, rows.modality)
    assert replace(unlabelled, known_codec=rows.codec).content == rows.content


def test_content_does_not_depend_on_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum over parts of 64-bit hashes overflows without a warning."""
    X_many, y_many = toy_table(200)
    whole = Rows.read(X_many, y_many)
    monkeypatch.setattr("gen_augment.data.rows.HASHED_NUMBERS", 20)
    assert replace(Rows.read(X_many, y_many), known_codec=whole.codec).content == whole.content

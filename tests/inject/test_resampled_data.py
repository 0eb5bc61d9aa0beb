"""Rows and labels of an over-sampler: checks, and joining real with synthetic rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from gen_augment import BootstrapSampler, InputError
from gen_augment.inject.resampled_data import (
    check_given,
    check_labels,
    check_sampler,
    check_weights,
    densify,
    join,
    join_sparse,
    labels_to_make,
    on_cpu,
    shape_of,
)

OLD, NEW = np.arange(6.0).reshape(3, 2), np.array([[7.0, 8.0]])


@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        lambda X: X.astype(">f4"),
        lambda X: torch.from_numpy(X).half(),
        lambda X: pd.DataFrame(X, columns=["a", "b"]).astype({"a": "int8"}),
    ],
)
def test_joined_rows_keep_container_and_dtype(form: Any) -> None:
    X, rows = form(OLD), form(NEW)
    joined = join(X, rows)
    assert type(joined) is type(X)
    np.testing.assert_array_equal(np.asarray(joined), np.vstack([OLD, NEW]))
    assert str(getattr(joined, "dtype", "")) == str(getattr(X, "dtype", ""))
    if isinstance(X, pd.DataFrame):
        assert joined.dtypes.equals(X.dtypes)
    np.testing.assert_array_equal(np.asarray(join(X, None)), OLD)


def test_a_list_becomes_an_array_of_objects() -> None:
    joined = join([[0, 1], [2, 3]], np.array([[4, 5]]))
    assert joined.dtype == object
    assert joined.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
def test_sparse_rows_keep_their_format(kind: Any) -> None:
    X = kind(OLD.astype(np.float32))
    joined = join_sparse(X, NEW)
    assert (type(joined), joined.format, joined.dtype) == (type(X), X.format, np.float32)
    np.testing.assert_array_equal(joined.toarray(), np.vstack([OLD, NEW]))


def test_sparse_columns_become_dense_and_others_stay() -> None:
    frame = pd.DataFrame({"s": pd.arrays.SparseArray([0, 1, 0]), "d": [1.5, 2.5, 3.5]})
    dense = densify(frame)
    assert dense.dtypes.astype(str).tolist() == ["int64", "float64"]
    assert dense["s"].tolist() == [0, 1, 0]
    assert densify(OLD) is OLD


def test_one_hot_labels_are_recognised() -> None:
    labels, one_hot = check_labels(np.eye(3, dtype=int)[[0, 2, 1, 2]])
    assert (labels.tolist(), one_hot) == ([0, 2, 1, 2], True)
    labels, one_hot = check_labels(["a", "b"])
    assert (labels.tolist(), one_hot) == (["a", "b"], False)
    with pytest.raises(InputError, match="y is a sparse matrix"):
        check_labels(sparse.csr_array(np.eye(3)))


def test_labels_to_make_are_repeated_class_by_class() -> None:
    made = labels_to_make({"b": 2, "a": 1, "c": 0}, np.dtype("<U1"))
    assert made.tolist() == ["b", "b", "a"]
    with pytest.raises(InputError, match=r"asks for 1\.5 more rows of 'a': give integers"):
        labels_to_make({"a": 1.5}, np.dtype("<U1"))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: check_weights([1, -2, 3], 3), "sample_weight is -2 in row 1"),
        (lambda: check_weights([1, 2], 3), r"shape \(2,\), and X has 3 rows"),
        (lambda: check_weights(["a"], 1), "does not hold numbers"),
        (lambda: check_weights([np.nan], 1), "sample_weight contains NaN"),
        (lambda: shape_of(np.zeros(3)), r"X has shape \(3,\): give a table"),
        (lambda: check_given(pd.DataFrame(OLD, columns=["a", "a"]), None), r"twice: \['a'\]"),
        (lambda: check_given(OLD, ["a", None, "b"]), "y has no label in row 1"),
        (lambda: check_given(OLD, pd.Series([1.0, 2.0, np.nan])), "y has no label in row 2"),
        (lambda: check_sampler(BootstrapSampler, None), r"a class: give an instance, Bootstrap"),
        (lambda: check_sampler("smote", None), "has no fit, generate, get_params, set_params"),
    ],
)
def test_bad_input_is_named_with_its_place(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_tensors_of_any_dtype_become_arrays() -> None:
    y = torch.tensor([1.0, 2.0], requires_grad=True)
    assert on_cpu(y).dtype == on_cpu(y.bfloat16()).dtype == np.float32
    assert on_cpu(y.bfloat16()).tolist() == [1, 2]
    assert on_cpu("a") == "a"
    assert shape_of([np.zeros((4, 5))] * 3) == (3, 4, 5)

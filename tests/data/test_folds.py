"""Folds keep equal rows, and rows of a group, together."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from gen_augment.data import Rows
from gen_augment.data.folds import equal_rows, grouped_folds, stratified_folds

X = np.random.default_rng(0).normal(size=(4, 2))


def test_equal_rows_are_a_group() -> None:
    rows = Rows.read(X[[0, 1, 0, 2]], [0, 1, 0, 1])
    numbers = equal_rows(rows)
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 0, 2]
    assert equal_rows(Rows.read(X[:4], [0, 1, 0, 1])) is None
    groups = np.array([5, 5, 6, 6])
    assert equal_rows(replace(rows, groups=groups)) is groups


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1), st.integers(2, 5))
def test_a_group_is_in_one_fold_and_no_fold_is_empty(
    rows: list[tuple[int, int]], n_folds: int
) -> None:
    groups, codes = np.array(rows).T
    folds = grouped_folds(codes, 3, n_folds, 0, groups)
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    assert set(folds) == set(range(min(n_folds, len(set(groups)))))


def test_folds_are_those_of_scikit_learn_unless_rows_repeat() -> None:
    rows = Rows.read(np.random.default_rng(0).normal(size=(40, 2)), np.repeat([0, 1], [30, 10]))
    folds = stratified_folds(rows, 5, 7)
    expected = StratifiedKFold(5, shuffle=True, random_state=7).split(rows.X, rows.codes)
    for number, (_, held_out) in enumerate(expected):
        np.testing.assert_array_equal(np.flatnonzero(folds == number), held_out)
    twice = Rows.read(np.tile(rows.X, (2, 1)), np.tile(rows.codes, 2))
    folds = stratified_folds(twice, 5, 7)
    np.testing.assert_array_equal(folds[:40], folds[40:])

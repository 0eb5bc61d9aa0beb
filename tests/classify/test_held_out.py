"""Held-out rows: given ones, or stratified folds that cover every row once."""

import numpy as np
import pytest

from gen_augment import InputError
from gen_augment.classify.held_out import held_out_parts
from gen_augment.data import Rows

X = np.random.default_rng(0).normal(size=(30, 2))
ROWS = Rows.read(X, np.repeat(["no", "yes"], [20, 10]))


def test_every_row_is_held_out_once_and_classes_keep_their_shares() -> None:
    parts = held_out_parts(ROWS, None, 5, seed=0)
    assert len(parts) == 5
    for fitted, tuning in parts:
        assert tuning.class_counts.tolist() == [4, 2]
        assert sorted([*fitted.digests, *tuning.digests]) == sorted(ROWS.digests)
    together = [digest for _, tuning in parts for digest in tuning.digests]
    assert sorted(together) == sorted(ROWS.digests)


def test_folds_follow_from_the_seed() -> None:
    first, again, other = (
        [tuning.digests.tolist() for _, tuning in held_out_parts(ROWS, None, 3, seed)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_given_rows_are_tuned_on_and_all_others_are_fitted() -> None:
    ((fitted, tuning),) = held_out_parts(ROWS, (X + 1, ["yes"] * 30), 5, seed=0)
    assert fitted is ROWS
    np.testing.assert_array_equal(tuning.X, X + 1)
    assert tuning.class_counts.tolist() == [0, 30]
    assert tuning.classes.tolist() == ROWS.classes.tolist()


def test_given_rows_that_are_fitted_too_are_counted_and_named() -> None:
    given = np.concatenate([X[:3] + 1, X[:2]]), ["no"] * 5
    with pytest.raises(InputError, match=r"2 rows that are in X too, such as row 3.*remove them"):
        held_out_parts(ROWS, given, 5, seed=0)


@pytest.mark.parametrize(
    ("n_folds", "message"),
    [
        (0, "n_folds=0 is not a whole number"),
        (1, "n_folds=1 leaves no rows to fit on: take 2"),
        (11, r"class 'yes' has 10 rows, too few for 11 folds.*held_out=\(X, y\)"),
    ],
)
def test_impossible_folds_are_refused(n_folds: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        held_out_parts(ROWS, None, n_folds, seed=0)


def test_a_class_needs_four_rows() -> None:
    for n, fits in ((3, False), (4, True)):
        rows = Rows.read(X[:20], np.repeat([0, 1], [20 - n, n]))
        if fits:
            assert len(held_out_parts(rows, None, 2, seed=0)) == 2
        else:
            with pytest.raises(InputError, match="class 1 has 3 rows"):
                held_out_parts(rows, None, 2, seed=0)


def test_equal_rows_are_held_out_together() -> None:
    repeated = Rows.read(np.tile(X, (3, 1)), np.tile(np.repeat(["no", "yes"], [20, 10]), 3))
    for fitted, tuning in held_out_parts(repeated, None, 5, seed=0):
        assert tuning.class_counts.tolist() == [12, 6]
        assert not set(fitted.digests) & set(tuning.digests)
    one = Rows.read(np.concatenate([X, X[:1].repeat(5, axis=0)]), ["a"] * 30 + ["b"] * 5)
    with pytest.raises(InputError, match="all rows of class 'b' are equal or of one group"):
        held_out_parts(one, None, 3, seed=0)

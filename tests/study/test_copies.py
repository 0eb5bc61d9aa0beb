"""Rows that occur, exactly or nearly, on both sides of a split."""

from typing import Any

import numpy as np
import pytest

from gen_augment.data.sources import load_data
from gen_augment.errors import InputError, LeakError
from gen_augment.study.copies import near_copies
from tests.study.toys import (
    centred_images,
    gaussians,
    make_task,
    row_digests,
    rows_of,
    small_study,
    unlabelled,
)


def numbered(n_0: int, n_1: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that carry their number, so that a split can be read off."""
    return np.arange(n_0 + n_1, dtype=float)[:, None], np.repeat([0, 1], [n_0, n_1])


def test_duplicates_inside_a_given_test_part_are_no_leak() -> None:
    X, y = numbered(20, 20)
    task = make_task(X, y, test=(np.full((5, 1), 99.0), [0, 1, 0, 1, 0]), drop_duplicates=True)
    assert len(task.split(0).test) == 5
    assert task.n_dropped == 0


def test_brighter_images_are_near_copies_and_other_images_are_not() -> None:
    images = load_data("digits").rows.X
    brighter = np.clip(images[:50].astype(int) + 1, 0, 255).astype(np.uint8)
    found = near_copies(
        rows_of(images[:400], np.arange(400) % 2),
        unlabelled(np.concatenate([images[400:800], brighter])),
    )
    assert found.tolist() == list(range(400, 450))


def doubled(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """60 rows, 20 of which occur three times."""
    X, y = gaussians(60, seed=seed)
    return np.concatenate([X, X[:20], X[:20]]), np.concatenate([y, y[:20], y[:20]])


def test_duplicates_without_a_given_test_part_are_an_error() -> None:
    with pytest.raises(LeakError, match=r"40 rows occur more than once in X \(first: row 60\)"):
        make_task(*doubled())


def test_dropped_duplicates_leave_no_test_row_in_training() -> None:
    X, y = doubled()
    task = make_task(X, y, drop_duplicates=True)
    assert task.n_dropped == 40
    np.testing.assert_array_equal(task.rows.X, X[:60])
    np.testing.assert_array_equal(task.rows.codes, y[:60])
    for seed in range(10):
        split = task.split(seed)
        held_out = np.concatenate([row_digests(split.test.X), row_digests(split.validation.X)])
        assert not np.isin(row_digests(split.train.X), held_out).any()


def test_row_of_the_given_test_part_in_training_is_an_error_unless_dropped() -> None:
    X, y = gaussians(40)
    test = (np.concatenate([X[3:5], -X[:4]]), np.array([0, 1, 0, 1, 0, 1]))
    with pytest.raises(LeakError, match=r"2 rows of X are also in the test part \(first: row 3\)"):
        make_task(X, y, test=test)
    task = make_task(X, y, test=test, drop_duplicates=True)
    assert task.n_dropped == 2
    np.testing.assert_array_equal(task.rows.X, np.delete(X, [3, 4], axis=0))
    np.testing.assert_array_equal(task.split(0).test.X, test[0])


def test_duplicates_in_the_training_part_would_be_validated_on() -> None:
    X, y = doubled()
    test = gaussians(20, seed=1)
    with pytest.raises(
        LeakError,
        match=r"40 rows occur more than once in X .* a validation row could be trained on",
    ):
        make_task(X, y, test=test)
    assert make_task(X, y, test=test, drop_duplicates=True).n_dropped == 40
    both = (np.concatenate([X[:5], test[0]]), np.concatenate([y[:5], test[1]]))
    with pytest.raises(
        LeakError, match="15 rows of X are also in the test part"
    ):  # five, three times each
        make_task(X, y, test=both)
    assert make_task(X, y, test=both, drop_duplicates=True).n_dropped == 45


def test_no_class_is_dropped_with_its_duplicates() -> None:
    X, y = numbered(25, 25)
    with pytest.raises(InputError, match=r"fewer for {1: 0}"):
        make_task(X, y, test=(X[25:], y[25:]), drop_duplicates=True)


def test_a_leak_is_found_if_the_test_part_has_another_dtype() -> None:
    X, y = np.arange(80).reshape(40, 2), np.arange(40) % 2
    with pytest.raises(LeakError, match="5 rows"):
        make_task(X, y, test=(X[:5].astype(float), y[:5]))


def test_near_copies_of_training_rows_are_reported() -> None:
    rows, y = gaussians(80, dim=6)
    test = gaussians(30, dim=6, seed=1)
    test[0][3] = rows[5] + 1e-4
    settings: dict[str, Any] = {
        "test": test,
        "n_seeds": 1,
        "validation_size": 0.05,
        "arms": ["real"],
    }
    with pytest.warns(
        UserWarning, match=r"1 test rows are near copies of training rows \(first: test row 3\)"
    ):
        small_study(rows, y, **settings).run()
    with pytest.raises(LeakError, match="near copies"):
        small_study(rows, y, near_copies="error", **settings).run()
    small_study(rows, y, near_copies="ignore", **settings).run()


def test_near_copies_of_images_and_none_by_chance() -> None:
    images, _ = centred_images(60)
    moved = images[:5].copy()
    moved[:, 6, 6] ^= 1  # one grey level of one pixel
    assert near_copies(rows_of(images, np.arange(60) % 2), unlabelled(moved)).tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert (
        near_copies(rows_of(images[:30], np.arange(30) % 2), unlabelled(images[30:])).tolist() == []
    )
    assert (
        near_copies(
            rows_of(np.arange(20.0)[:, None], np.arange(20) % 2),
            unlabelled(np.arange(20.0)[:, None] + 1e-9),
        ).tolist()
        == []
    )


def test_a_near_copy_of_a_row_that_occurs_twice_is_found() -> None:
    X = np.random.default_rng(0).normal(size=(50, 8))
    X[1] = X[0]
    train = rows_of(X, np.arange(50) % 2)
    test = unlabelled(np.concatenate([X[:1] + 1e-4, X[2:3] + 1]))
    assert near_copies(train, test).tolist() == [0]


def test_rows_of_a_shifted_part_must_not_be_trained_on() -> None:
    X, y = gaussians(40)
    late = (np.concatenate([X[:3], X[3:20] + 9]), y[:20])
    with pytest.raises(LeakError, match="3 rows of X are also in the 'late' part"):
        make_task(X, y, shifted={"late": late})
    assert make_task(X, y, shifted={"late": late}, drop_duplicates=True).n_dropped == 3

"""Splits of data, and rows that would be on both sides of a split."""

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.study.parts import Parts
from tests.conftest import as_form
from tests.study.toys import gaussians, make_task, row_digests

PARTS = ("train", "validation", "test")


def numbered(n_0: int, n_1: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that carry their number, so that a split can be read off."""
    return np.arange(n_0 + n_1, dtype=float)[:, None], np.repeat([0, 1], [n_0, n_1])


def numbers(part: Rows) -> list[int]:
    return sorted(part.X[:, 0].astype(int).tolist())


def parts(split: Parts) -> list[list[int]]:
    return [numbers(getattr(split, name)) for name in PARTS]


@settings(max_examples=40, deadline=None)
@given(
    counts=st.tuples(st.integers(12, 60), st.integers(12, 60)),
    test_size=st.floats(0.15, 0.5),
    validation_size=st.floats(0.2, 0.5),
    seed=st.integers(0, 2**62),
)
def test_split_is_a_stratified_partition(
    counts: tuple[int, int], test_size: float, validation_size: float, seed: int
) -> None:
    X, y = numbered(*counts)
    task = make_task(X, y, test_size=test_size, validation_size=validation_size)
    split = task.split(seed)

    assert sorted(chain(*parts(split))) == list(range(len(y)))
    for name in PARTS:
        part = getattr(split, name)
        codes = task.truth(seed) if name == "test" else part.codes
        np.testing.assert_array_equal(codes, y[part.X[:, 0].astype(int)])
    assert len(split.test) == np.ceil(test_size * len(y))
    assert len(split.validation) == np.ceil(validation_size * (len(y) - len(split.test)))
    for codes in (task.truth(seed), split.validation.codes):
        expected = len(codes) * np.array(counts) / sum(counts)
        assert (np.abs(np.bincount(codes, minlength=2) - expected) <= 2).all()


def test_seed_decides_the_split() -> None:
    task = make_task(*numbered(40, 40))
    assert parts(task.split(1)) == parts(task.split(1))
    for mine, other in zip(parts(task.split(1)), parts(task.split(2)), strict=True):
        assert mine != other


def test_given_test_part_is_left_as_it_is() -> None:
    X, y = numbered(20, 20)
    test_X, test_y = X[:6] + 1000, np.array([1, 0, 1, 1, 0, 1])
    task = make_task(X, y, test=(test_X, test_y))
    for seed in (0, 1):
        split = task.split(seed)
        np.testing.assert_array_equal(split.test.X, test_X)
        np.testing.assert_array_equal(task.truth(seed), test_y)
        assert sorted(numbers(split.train) + numbers(split.validation)) == list(range(40))


@pytest.mark.parametrize("per_class", [None, 10])
def test_the_seed_decides_the_training_part_next_to_a_given_test_part(
    per_class: int | None,
) -> None:
    task = make_task(*numbered(40, 40), test=(np.full((2, 1), -1.0), [0, 1]), per_class=per_class)
    splits = [task.split(seed) for seed in (1, 2)]
    assert numbers(splits[0].validation) != numbers(splits[1].validation)
    used = [set(numbers(split.train) + numbers(split.validation)) for split in splits]
    assert (used[0] == used[1]) is (per_class is None)


def test_per_class_rows_differ_for_each_seed_and_exclude_the_test_part() -> None:
    task = make_task(*numbered(60, 30), test_size=1 / 3, validation_size=0.25, per_class=8)
    drawn = []
    for seed in (0, 1):
        split = task.split(seed)
        np.testing.assert_array_equal(np.bincount(split.train.codes), [6, 6])
        np.testing.assert_array_equal(np.bincount(split.validation.codes), [2, 2])
        np.testing.assert_array_equal(np.bincount(task.truth(seed)), [20, 10])
        rows = [*chain(*parts(split))]
        assert len(set(rows)) == len(rows)
        drawn.append(set(rows) - set(numbers(split.test)))
    assert drawn[0] != drawn[1]


def test_per_class_of_each_label_leaves_as_many_rows_as_asked_for() -> None:
    X, y = numbered(200, 200)
    labels = np.array(["frequent", "rare"])
    test = (np.full((2, 1), -1.0), labels)
    task = make_task(
        X, labels[y], test=test, per_class={"rare": 13, "frequent": 130}, validation_size=3 / 13
    )
    drawn = []
    for seed in (0, 1):
        split = task.split(seed)
        np.testing.assert_array_equal(np.bincount(split.train.codes), [100, 10])
        np.testing.assert_array_equal(np.bincount(split.validation.codes), [30, 3])
        drawn.append({*numbers(split.train), *numbers(split.validation)})
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    "per_class, message",
    [
        ({0: 8}, "no number for class 1"),
        ({0: 8, 1: 0}, r"per_class\[1\]=0"),
        ({0: 8, 1: 8, 2: 8}, "label 2 was not seen"),
        ({}, "no number for class 0"),
    ],
)
def test_per_class_names_each_label_once(per_class: dict[int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_task(*numbered(20, 20), per_class=per_class)


@pytest.mark.parametrize(
    "counts, settings, message",
    [
        ((30, 3), {}, r"at least 4 rows in every class.*\{1: 3\}"),
        ((30, 0), {}, "only one class"),
        ((30, 30), {"test_size": 0.99}, "60 rows cannot be split with a share of 0.99"),
        ((30, 30), {"validation_size": 0.99}, "share of 0.99"),
        ((30, 9), {"per_class": 10}, "per_class=10, but class 1 has 6 rows"),
    ],
)
def test_too_few_rows(counts: tuple[int, int], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_task(*numbered(*counts), **settings).split(0)


@pytest.mark.parametrize(
    "settings",
    [
        {"test_size": 0},
        {"test_size": 1},
        {"test_size": 1.2},
        {"validation_size": 0},
        {"validation_size": "0.2"},
        {"per_class": 0},
        {"per_class": 2.5},
    ],
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        make_task(*numbered(20, 20), **settings)


@pytest.mark.parametrize(
    "test, message",
    [
        ((np.zeros((3, 1)) - 1, [0, 1]), "3 rows and y has 2 labels"),
        ((np.zeros((2, 1)) - 1, [0, 7]), "label 7 was not seen"),
        ((np.zeros((2, 2)) - 1, [0, 1]), "columns"),
        ((pd.DataFrame({"a": [-1.0, -1.0]}), [0, 1]), "got dataframe"),
    ],
)
def test_given_test_part_that_does_not_fit_the_data(test: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_task(*numbered(20, 20), test=test)


def test_labels_and_rows_differ_in_number() -> None:
    with pytest.raises(InputError, match="10 rows and y has 8 labels"):
        make_task(np.arange(10.0)[:, None], [0, 1] * 4)


def test_rows_without_a_label_are_refused() -> None:
    X, _ = numbered(30, 30)
    with (
        pytest.warns(
            UserWarning, match="y holds -1 and classes such as .* are taken as rows without a label"
        ),
        pytest.raises(InputError, match="y contains -1, which marks rows"),
    ):
        make_task(X, np.arange(60) % 3 - 1)
    assert make_task(X, np.arange(60) % 2 * 2 - 1).classes.tolist() == [-1, 1]


def test_overlap_is_that_of_the_rows_trained_on() -> None:
    task = make_task(*gaussians(1000), test_size=0.3, validation_size=0.2)
    split = task.split(0)
    assert task.overlap == pytest.approx(len(split.test) / len(split.train), rel=0.01)


@pytest.mark.parametrize("counts", [(9, 9), (40, 9), (200, 4)])
def test_search_holds_out_as_few_rows_as_can_be(counts: tuple[int, int]) -> None:
    whole = make_task(*numbered(*counts), per_class=dict(zip((0, 1), counts, strict=True)))
    settings = {"per_class": whole.per_class, "test_size": 2 / sum(counts), "allow_fewer": True}
    task = make_task(whole.rows, **settings)
    for seed in range(5):
        split = task.split(seed)
        assert len(split.test) <= 3
        assert (
            np.bincount(np.append(split.train.codes, split.validation.codes)).min()
            >= min(counts) - 1
        )


def test_every_form_of_data_is_split(form: str) -> None:
    X, y = as_form(form)
    task = make_task(X, y, drop_duplicates=True)
    split = task.split(0)
    assert sum(len(getattr(split, name)) for name in PARTS) == len(task.rows)
    digests = [row_digests(getattr(split, name).X).tolist() for name in PARTS]
    assert sorted(chain(*digests)) == sorted(set(row_digests(X).tolist()))
    np.testing.assert_array_equal(task.classes, np.unique(np.asarray(y)))
    assert all(type(getattr(split, name).X) is type(task.rows.X) for name in PARTS)


def test_rows_in_a_list_become_an_array() -> None:
    X, y = gaussians(30)
    task = make_task(X.tolist(), y.tolist(), test=((X + 9).tolist(), y.tolist()))
    np.testing.assert_array_equal(task.rows.X, X)
    np.testing.assert_array_equal(task.split(0).test.X, X + 9)


@pytest.mark.parametrize("n_classes, n", [(10, 4), (10, 6), (2, 4)])
def test_few_rows_of_many_classes_give_each_part_one_of_each(n_classes: int, n: int) -> None:
    X, y = np.arange(n_classes * n, dtype=float)[:, None], np.repeat(np.arange(n_classes), n)
    split = make_task(X, y).split(0)
    for codes in (split.train.codes, split.validation.codes, y[split.test.X[:, 0].astype(int)]):
        assert len(np.unique(codes)) == n_classes


def test_a_test_part_of_one_row_is_refused() -> None:
    X, y = numbered(20, 20)
    with pytest.raises(InputError, match="test has 1 rows"):
        make_task(X, y, test=(X[:1] + 0.5, y[:1]))


@pytest.mark.parametrize(
    "counts, drawn", [((200, 200), (20, 20)), ((400, 100), (40, 5)), ((60, 60), (15, 15))]
)
def test_seeds_share_what_the_rows_they_draw_from_have_in_common(
    counts: tuple[int, int], drawn: tuple[int, int]
) -> None:
    """The ratio of the variance between pools to that within a pool is known for a mean score."""
    rng, n_pools, n_seeds = np.random.default_rng(0), 2000, 40
    scores = np.zeros((n_pools, n_seeds))
    for n, m in zip(counts, drawn, strict=True):
        pools = rng.normal(size=(n_pools, n))
        for seed in range(n_seeds):
            scores[:, seed] += rng.permuted(pools, axis=1)[:, :m].mean(axis=1)
    within = scores.var(axis=1, ddof=1).mean()
    between = scores.mean(axis=1).var(ddof=1) - within / n_seeds
    X, y = numbered(*counts)
    per_class = dict(enumerate(2 * m for m in drawn))
    task = make_task(X, y, test=(X[:9] + 0.5, y[:9]), per_class=per_class, validation_size=0.5)
    assert task.overlap == pytest.approx(between / within, rel=0.15)


def test_what_seeds_share_is_bounded_and_more_where_all_rows_are_drawn() -> None:
    X, y = numbered(40, 40)
    assert make_task(X, y, test=(X[:9] + 0.5, y[:9])).overlap == 0.5
    assert make_task(X, y).overlap == pytest.approx(0.3 / (0.7 * 0.8))


def test_what_seeds_share_counts_the_rows_that_a_class_has() -> None:
    X, y = numbered(60, 20)
    settings = {"test": (X[:9] + 0.5, y[:9]), "validation_size": 0.5, "allow_fewer": True}
    asked = make_task(X, y, per_class=40, **settings)
    assert asked.overlap == make_task(X, y, per_class={0: 40, 1: 20}, **settings).overlap > 0

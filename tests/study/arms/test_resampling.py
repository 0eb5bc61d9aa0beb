"""Row steps: real rows repeated or resampled."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.under_sampling import RandomUnderSampler

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.study.arms import (
    Arm,
    make_pool,
    parse_arm,
)
from gen_augment.study.parts import Parts
from tests.conftest import as_form, toy_images
from tests.study.arms.toys import clock, imbalanced_split
from tests.study.toys import (
    gaussians,
    make_task,
    named,
    row_digests,
    rows_of,
    unlabelled,
)


@pytest.mark.parametrize(
    "make", [np.asarray, torch.from_numpy, pd.DataFrame], ids=["ndarray", "tensor", "frame"]
)
@pytest.mark.parametrize("name", ["oversample", "smote"])
def test_resampled_pools_are_balanced(make: Any, name: str) -> None:
    X, y = gaussians(120, imbalance=5)
    split = make_task(make(X), y).split(0)
    pool = make_pool(parse_arm(name, {}), split, 0, clock)
    counts = np.bincount(split.train.codes)
    np.testing.assert_array_equal(np.bincount(pool.rows.codes), [counts.max()] * 2)
    assert type(pool.rows.X) is type(split.train.X)
    assert pool.n_synthetic == 0

    # All training rows are there, each with its class.
    of_training = dict(zip(row_digests(split.train.X), split.train.codes, strict=True))
    pooled = list(zip(row_digests(pool.rows.X).tolist(), pool.rows.codes.tolist(), strict=True))
    assert set(of_training.items()) <= set(pooled)
    if name == "oversample":
        assert set(pooled) == set(of_training.items())


def test_smote_rows_lie_between_training_rows_of_their_class() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("smote", {}), split, 0, clock)
    small = split.train.X[split.train.codes == 1]
    new = pool.rows.X[len(split.train) :]
    assert (pool.rows.codes[len(split.train) :] == 1).all()
    for row in new:
        # |a - row| + |row - b| = |a - b| holds on the segment from a to b, and nowhere else.
        distance = np.linalg.norm(small - row, axis=1)
        detour = distance[:, None] + distance - np.linalg.norm(small[:, None] - small, axis=2)
        np.fill_diagonal(detour, np.inf)
        assert detour.min() < 1e-9


def test_smote_with_two_rows_of_a_class() -> None:
    X, y = gaussians(20, imbalance=9)
    pool = make_pool(
        parse_arm("smote", {}), Parts(rows_of(X, y), rows_of(X, y), rows_of(X + 9, y)), 0, clock
    )
    np.testing.assert_array_equal(np.bincount(pool.rows.codes), [18, 18])


@pytest.mark.parametrize("name", ["oversample", "smote"])
def test_balanced_classes_are_left_as_they_are(name: str) -> None:
    X = pd.DataFrame({"x": np.arange(40.0), "city": np.tile(["Rome", "Oslo"], 20)})
    split = make_task(X, np.repeat([0, 1], 20)).split(0)
    assert (
        make_pool(parse_arm(name, {}), split, 0, clock).rows.codes.tolist()
        == split.train.codes.tolist()
    )


def test_smote_without_imbalanced_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(MissingDependencyError, match="imbalanced"):
        make_pool(parse_arm("smote", {}), imbalanced_split(), 0, clock)


@pytest.mark.parametrize("name", ["oversample", "smote"])
def test_resampling_follows_the_seed(name: str) -> None:
    arm, split = parse_arm(name, {}), imbalanced_split()
    pools = [make_pool(arm, split, seed, clock).rows.X for seed in (1, 1, 2)]
    np.testing.assert_array_equal(pools[0], pools[1])
    assert not np.array_equal(pools[0], pools[2])


def test_repeat_returns_each_row_twice() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("repeat", {}), split, 0, clock).rows
    digests, counts = np.unique(row_digests(pool.X), return_counts=True)
    assert set(counts) == {2}
    assert set(digests) == set(row_digests(split.train.X))


@pytest.mark.parametrize("form", ["uint8-nhw", "uint8-nchw", "uint8-tensor", "pil-colour"])
def test_smote_of_images_keeps_their_form_and_lies_between_them(form: str) -> None:
    X, y = as_form(form)
    codes = np.unique(np.asarray(y), return_inverse=True)[1]
    kept = np.flatnonzero((codes == 0) | (np.arange(len(codes)) < 12))
    train = rows_of([X[i] for i in kept] if isinstance(X, list) else X[kept], codes[kept])
    pool = make_pool(
        parse_arm("smote", {}), Parts(train, train, unlabelled(train.X)), 0, clock
    ).rows
    assert type(pool.X) is type(train.X)
    assert len(set(np.bincount(pool.codes))) == 1
    n = len(train)
    old, new = (
        np.stack([np.asarray(image, dtype=float) for image in part])
        for part in (pool.X[:n], pool.X[n:])
    )
    np.testing.assert_array_equal(
        old, np.stack([np.asarray(image, dtype=float) for image in train.X])
    )
    small = old[train.codes == 1]
    assert ((new >= small.min(axis=0) - 0.5) & (new <= small.max(axis=0) + 0.5)).all()


def test_adasyn_makes_rows_of_the_small_class() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("adasyn", {}), split, 0, clock).rows
    n = len(split.train)
    np.testing.assert_array_equal(pool.X[:n], split.train.X)
    assert (pool.codes[n:] == 1).all()
    assert abs(np.diff(np.bincount(pool.codes))[0]) < n // 4


def test_smote_of_a_table_with_categories_and_missing_values() -> None:
    X, y = gaussians(60, imbalance=4)
    frame = pd.DataFrame(
        {"x": X[:, 0], "city": np.array(["Rome", "Oslo"])[(X[:, 1] > 0).astype(int)]}
    )
    frame.loc[::7, "x"] = np.nan
    train = rows_of(frame, y)
    pool = make_pool(parse_arm("smote", {}), Parts(train, train, unlabelled(frame)), 0, clock).rows
    pd.testing.assert_frame_equal(pool.X.iloc[: len(frame)].reset_index(drop=True), frame)
    new = pool.X.iloc[len(frame) :]
    assert len(set(np.bincount(pool.codes))) == 1
    assert set(new["city"]) <= {"Rome", "Oslo"}
    small = frame["x"][y == 1]
    assert new["x"].dropna().between(small.min() - 1e-5, small.max() + 1e-5).all()


def test_smotenc_copies_categories() -> None:
    X, y = gaussians(60, imbalance=4)
    frame = pd.DataFrame(
        {"x": X[:, 0], "city": np.array(["Rome", "Oslo"])[(X[:, 1] > 0).astype(int)], "z": X[:, 1]}
    )
    train = rows_of(frame, y)
    split = Parts(train, train, unlabelled(frame))
    pool = make_pool(parse_arm("smotenc", {}), split, 0, clock).rows
    assert len(set(np.bincount(pool.codes))) == 1
    assert set(pool.X["city"]) == {"Rome", "Oslo"}
    with pytest.raises(InputError, match="needs a DataFrame with numeric columns and others"):
        make_pool(parse_arm("smotenc", {}), imbalanced_split(), 0, clock)


def test_rows_by_a_function() -> None:
    seen = []

    def first_half(X: Any, y: Any, seed: int) -> Any:
        seen.append((set(y.tolist()), seed))
        return X[: len(X) // 2], y[: len(y) // 2]

    split = imbalanced_split()
    split = replace(split, train=named(split.train, ["no", "yes"]))
    arm = Arm("half", rows=first_half)
    pool = make_pool(arm, split, 0, clock).rows
    np.testing.assert_array_equal(pool.X, split.train.X[: len(split.train) // 2])
    np.testing.assert_array_equal(pool.codes, split.train.codes[: len(split.train) // 2])
    make_pool(arm, split, 1, clock)
    assert seen[0][0] == {"no", "yes"}
    assert seen[0][1] != seen[1][1]


@pytest.mark.parametrize("bad", [lambda X, y, seed: (X, y[:-1]), lambda X, y, seed: (X, y + 7)])
def test_rows_by_a_faulty_function_are_refused(bad: Any) -> None:
    with pytest.raises(InputError, match="rows of"):
        make_pool(Arm("bad", rows=bad), imbalanced_split(), 0, clock)


def test_rows_by_a_resampler_of_imbalanced_learn() -> None:
    split, sampler = imbalanced_split(), RandomUnderSampler()
    pools = [make_pool(Arm("under", rows=sampler), split, seed, clock).rows for seed in (0, 0, 1)]
    smallest = np.bincount(split.train.codes).min()
    np.testing.assert_array_equal(np.bincount(pools[0].codes), [smallest, smallest])
    np.testing.assert_array_equal(pools[0].X, pools[1].X)
    assert not np.array_equal(pools[0].X, pools[2].X)
    assert not hasattr(sampler, "sampling_strategy_")
    images, y = toy_images(30)
    train = rows_of(images[5:], y[5:])
    found = make_pool(
        Arm("under", rows=sampler), Parts(train, train, unlabelled(images)), 0, clock
    ).rows
    assert set(row_digests(found.X)) <= set(row_digests(images))

"""The rows that a classifier is trained on in one arm."""

import numpy as np
import pytest

from gen_augment.study.arms import (
    N_EXAMPLES,
    make_pool,
    parse_arm,
    synthetic_counts,
)
from tests.study.arms.toys import clock, imbalanced_split
from tests.study.toys import (
    Copies,
    TrueDraws,
    gaussians,
    make_task,
    row_digests,
)


def test_real_pool_is_the_training_part() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("real", {}), split, 0, clock)
    assert pool.rows is split.train
    assert (pool.n_synthetic, pool.examples, pool.seconds) == (0, None, {})


def test_pool_of_a_sampler() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("mine", {"mine": TrueDraws()}), split, 3, clock)
    real, n = np.bincount(split.train.codes), len(split.train)
    np.testing.assert_array_equal(np.bincount(pool.rows.codes), real + synthetic_counts(real))
    assert pool.n_synthetic == len(pool.rows) - n == synthetic_counts(real).sum()
    np.testing.assert_array_equal(pool.rows.X[:n], split.train.X)
    np.testing.assert_array_equal(pool.rows.codes[:n], split.train.codes)
    assert pool.seconds == {"fit_seconds": 1.5, "sample_seconds": 1.5}

    # Labels go with their rows: the mean of each class's synthetic rows is on its own side.
    for code, side in ((0, -1), (1, 1)):
        mine = pool.rows.X[n:][pool.rows.codes[n:] == code]
        assert side * mine[:, 0].mean() > 0.5
    assert pool.examples is not None
    np.testing.assert_array_equal(np.bincount(pool.examples.codes), [N_EXAMPLES, N_EXAMPLES])
    assert set(row_digests(pool.examples.X)) <= set(row_digests(pool.rows.X[n:]))


SAMPLERS = {"gan": Copies(), "vae": TrueDraws()}


@pytest.mark.parametrize("step", ["oversample", "smote", "repeat"])
def test_resampled_rows_are_those_of_the_arm_without_a_sampler(step: str) -> None:
    split = imbalanced_split()
    alone, plain, both = (
        make_pool(parse_arm(name, SAMPLERS), split, 0, clock)
        for name in (step, "gan:1:share=0.25", f"{step}+gan:1:share=0.25")
    )
    n = len(alone.rows)
    np.testing.assert_array_equal(both.rows.X[:n], alone.rows.X)
    np.testing.assert_array_equal(both.rows.X[n:], plain.rows.X[-plain.n_synthetic :])
    np.testing.assert_array_equal(
        both.rows.codes, [*alone.rows.codes, *plain.rows.codes[-plain.n_synthetic :]]
    )
    assert both.n_synthetic == plain.n_synthetic == len(split.train)
    assert both.weights is not None
    synthetic = np.arange(len(both.rows)) >= n
    # If both parts have balanced classes, the share holds for each class.
    for mine in (
        (both.rows.codes == 0, both.rows.codes == 1)
        if step != "repeat"
        else (both.rows.codes >= 0,)
    ):
        assert both.weights[mine & synthetic].sum() / both.weights[mine].sum() == pytest.approx(
            0.25, abs=0.01
        )


def test_shuffled_labels_carry_no_information() -> None:
    split = make_task(*gaussians(600)).split(0)
    plain, control = (
        make_pool(parse_arm(name, SAMPLERS), split, 0, clock).rows
        for name in ("vae", "vae:shuffled")
    )
    n = len(split.train)
    np.testing.assert_array_equal(plain.X, control.X)
    np.testing.assert_array_equal(control.codes[:n], split.train.codes)
    np.testing.assert_array_equal(np.bincount(plain.codes[n:]), np.bincount(control.codes[n:]))
    assert abs(np.corrcoef(plain.X[n:, 0], plain.codes[n:])[0, 1]) > 0.5
    assert abs(np.corrcoef(control.X[n:, 0], control.codes[n:])[0, 1]) < 0.2


def test_pretraining_separates_synthetic_from_real_rows() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("vae:pretrain", SAMPLERS), split, 0, clock)
    assert pool.rows is split.train
    assert pool.pretrain is not None
    assert (
        len(pool.pretrain)
        == pool.n_synthetic
        == synthetic_counts(np.bincount(split.train.codes)).sum()
    )

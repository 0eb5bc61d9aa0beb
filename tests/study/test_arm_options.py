"""What arms say of synthetic rows, rows of one's own, and imbalance."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.under_sampling import RandomUnderSampler

from gen_augment import ConditionalVAE
from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.filters import Realism
from gen_augment.study.arms import Arm, Synthetic, draw_all, make_pool, parse_arm, synthetic_counts
from gen_augment.study.parts import Parts
from tests.conftest import as_form, small_sampler, toy_images
from tests.study.toys import (
    Copies,
    Log,
    TrueDraws,
    gaussians,
    make_task,
    named,
    row_digests,
    rows_of,
    unlabelled,
)

SAMPLERS = {"gan": Copies(), "vae": TrueDraws()}
CLASSES = np.array([0, 1])


def clock() -> float:
    return 0.0


def imbalanced_split() -> Parts:
    return make_task(*gaussians(120, imbalance=5), validation_size=0.2).split(0)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gan", Synthetic()),
        ("gan:0.5", Synthetic(ratio=0.5)),
        ("gan:2:prior+mixup", Synthetic(ratio=2.0, labels="prior")),
        ("gan:effective", Synthetic(labels="effective")),
        ("gan:agreement:novelty", Synthetic(filters=("agreement", "novelty"))),
        ("gan:vary", Synthetic(vary=0.3)),
        ("gan:vary=0.7:1", Synthetic(vary=0.7, ratio=1.0)),
        ("gan:guidance=1.5", Synthetic(guidance=1.5)),
        ("gan:pretrain", Synthetic(pretrain=True)),
        ("gan:4:soft", Synthetic(ratio=4.0, soft=True)),
        ("gan:10:share=0.5", Synthetic(ratio=10.0, share=0.5)),
        ("gan:share=1", Synthetic(share=1.0)),
        ("gan:shuffled", Synthetic(shuffled=True)),
    ],
)
def test_options_of_a_sampler(name: str, expected: Synthetic) -> None:
    arm = parse_arm(name, SAMPLERS)
    assert arm.synthetic == expected
    assert (arm.rows, arm.sampler, arm.is_control) == ("gan", SAMPLERS["gan"], expected.shuffled)


def test_arms_of_different_use_have_different_keys() -> None:
    names = (
        "real",
        "gan:1",
        "gan:1:soft",
        "gan:1:soft+flip",
        "gan:1:share=0.5",
        "gan:1:share=0.25",
        "smote+gan:1",
    )
    keys = {name: parse_arm(name, {"gan": None}).key for name in names}
    assert len(set(keys.values())) == len(names)
    assert keys == {name: parse_arm(name, {"gan": None}).key for name in names}


@pytest.mark.parametrize(
    "name, message",
    [
        ("gan:", "unknown option ''"),
        ("gan:often", "unknown option 'often'; known: a ratio such as 0.5, prior"),
        ("gan:0", r"'0' is not a number in \(0, 1000\]"),
        ("gan:1e9", "'1e9' is not a number"),
        ("gan:2x", "'2x' is not a number"),
        ("gan:vary=2", "'2' is not a number"),
        ("gan:prior=1", "unknown option 'prior=1'"),
        ("gan:soft=1", "unknown option 'soft=1'"),
        ("gan:soft:shuffled", "undoes shuffled ones"),
        ("gan:share", "unknown option 'share'"),
        ("gan:share=0", r"'0' is not a number in \(0, 1\]"),
        ("gan:share=1.5", "'1.5' is not a number"),
        ("gan:share=0.5:pretrain", "take one of the two"),
        ("real:0.5", "unknown step 'real:0.5'"),
        ("weights+logit", "weights and logit both treat imbalance"),
        ("smote+threshold", "those of smote are made from other rows"),
        ("gan+threshold", "those of gan are made from other rows"),
        ("oversample+gan+threshold", "those of oversample are made from other rows"),
        ("real+gan+threshold", "those of gan are made from other rows"),
    ],
)
def test_options_that_cannot_be_read(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arm(name, SAMPLERS)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("oversample+gan", Synthetic(ratio=1.0)),
        ("gan:0.5:soft+flip+oversample", Synthetic(ratio=0.5, soft=True)),
        ("oversample+gan:effective", Synthetic(ratio=1.0, labels="effective")),
    ],
)
def test_real_rows_are_resampled_beside_those_of_a_sampler(name: str, expected: Synthetic) -> None:
    arm = parse_arm(name, SAMPLERS)
    assert (arm.rows, arm.resample, arm.synthetic) == ("gan", "oversample", expected)
    # As they are, they are those of the sampler alone.
    assert parse_arm("real+gan", SAMPLERS).key == parse_arm("gan", SAMPLERS).key


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
    # Where both parts have all classes alike, the share is that of each class.
    for mine in (
        (both.rows.codes == 0, both.rows.codes == 1)
        if step != "repeat"
        else (both.rows.codes >= 0,)
    ):
        assert both.weights[mine & synthetic].sum() / both.weights[mine].sum() == pytest.approx(
            0.25, abs=0.01
        )


@given(
    st.lists(st.integers(1, 300), min_size=2, max_size=9),
    st.floats(0.01, 5),
    st.sampled_from(["prior", "balanced", "effective"]),
)
def test_counts_of_a_ratio(counts: list[int], ratio: float, mix: str) -> None:
    real = np.array(counts)
    found = synthetic_counts(real, ratio, mix)
    assert found.sum() == round(ratio * real.sum())
    assert (found >= 0).all()
    n = real.sum()
    effective = (1 - (1 - 1 / n) ** real) / (1 / n)
    share = {"prior": real / n, "balanced": np.ones(len(real)), "effective": 1 / effective}[mix]
    np.testing.assert_allclose(found, found.sum() * share / share.sum(), atol=1)


def test_one_fit_serves_all_uses_and_small_ratios_are_part_of_large_ones() -> None:
    log, split = Log(), imbalanced_split()

    class Logged(ConditionalVAE):
        def fit(self, X: Any, y: Any = None, **more: Any) -> Any:
            log.append(len(X))
            return super().fit(X, y, **more)

    uses = [Synthetic(ratio=ratio, labels="balanced") for ratio in (0.25, 1.0)]
    found: Any = draw_all("vae", Logged(max_steps=2, device="cpu"), uses, split, 0, clock)
    assert len(log) == 1
    few, many = (found[use.drawn_as].rows for use in uses)
    assert len(few) == round(0.25 * len(split.train))
    pairs = [
        set(zip(row_digests(part.X), part.codes.tolist(), strict=True)) for part in (few, many)
    ]
    assert pairs[0] < pairs[1]


def test_rows_of_an_arm_do_not_depend_on_the_other_arms() -> None:
    split, use = imbalanced_split(), Synthetic(ratio=0.5)
    for sampler in (small_sampler("vae"), TrueDraws()):
        alone: Any = draw_all("s", sampler, [use], split, 0, clock)
        among: Any = draw_all("s", sampler, [Synthetic(ratio=2.0), use], split, 0, clock)
        np.testing.assert_array_equal(alone[use.drawn_as].rows.X, among[use.drawn_as].rows.X)


def test_filtered_rows_pass_a_filter_fitted_on_the_training_part() -> None:
    class Wide(Copies):
        def fit(self, X: Any, y: Any) -> Any:
            rows = Rows.read(X, y)  # what a sampler of this package knows after `fit`
            self.codec_, self.label_codec_, self.classes_ = rows.codec, rows.labels, rows.classes
            self.class_count_, self.seed_ = rows.class_counts, 0
            return super().fit(X, y)

        def generate(self, index: Any, y: Any, *, seed: int | None = None) -> Any:
            return np.random.default_rng(np.asarray(index)).normal(scale=3, size=(len(index), 2))

    split = make_task(*gaussians(200)).split(0)
    plain, kept = (
        make_pool(parse_arm(name, {"s": Wide()}), split, 0, clock) for name in ("s", "s:realism")
    )
    judge = Realism().fit(split.train.X, split.train.codes)
    n = len(split.train)
    shares = [judge.keep(pool.rows.X[n:], pool.rows.codes[n:]).mean() for pool in (plain, kept)]
    assert shares[0] < 0.8
    assert shares[1] == 1
    np.testing.assert_array_equal(np.bincount(plain.rows.codes), np.bincount(kept.rows.codes))


def test_filters_that_judge_a_sampler_are_given_it() -> None:
    samplers = {name: small_sampler(name) for name in ("vae", "gan")}
    for name in ("vae:duplicates", "gan:rejection"):
        pool = make_pool(parse_arm(name, samplers), imbalanced_split(), 0, clock)
        assert len(set(np.bincount(pool.rows.codes))) == 1
    with pytest.raises(InputError, match="has no discriminator"):
        make_pool(parse_arm("vae:rejection", samplers), imbalanced_split(), 0, clock)


def test_filters_need_rows_by_address() -> None:
    with pytest.raises(
        InputError, match="filters need rows by address, and Copies has no `generate`"
    ):
        make_pool(parse_arm("gan:realism", SAMPLERS), imbalanced_split(), 0, clock)


def test_varied_rows_are_versions_of_real_rows_of_their_class() -> None:
    asked = []

    class Shaken(Copies):
        def vary(self, X: Any, y: Any, *, strength: float, random_state: int) -> Any:
            asked.append((strength, y))
            return X + 1e-3

    split = imbalanced_split()
    pool = make_pool(parse_arm("s:vary=0.2:1", {"s": Shaken()}), split, 0, clock)
    new, codes = pool.rows.X[len(split.train) :] - 1e-3, pool.rows.codes[len(split.train) :]
    distance = np.abs(new[:, None] - split.train.X).sum(axis=2)
    np.testing.assert_array_equal(split.train.codes[distance.argmin(axis=1)], codes)
    assert distance.min(axis=1).max() < 1e-9
    assert asked[0][0] == 0.2
    # Each row of a class is taken before any is taken twice.
    small = split.train.X[split.train.codes == 1]
    uses = np.bincount(
        np.abs(new[codes == 1][:, None] - small).sum(axis=2).argmin(axis=1), minlength=len(small)
    )
    assert np.ptp(uses) <= 1
    with pytest.raises(InputError, match="Copies cannot vary rows"):
        make_pool(parse_arm("gan:vary", SAMPLERS), split, 0, clock)


def test_guidance_is_set_for_drawing_alone() -> None:
    split = make_task(*gaussians(40, dim=5)).split(0)
    sampler = small_sampler("flow")
    found: Any = draw_all("flow", sampler, [Synthetic(), Synthetic(guidance=3.0)], split, 0, clock)
    plain, guided = (drawn.rows.X for drawn in found.values())
    assert not np.allclose(plain, guided)
    assert sampler.guidance == 1.0
    (error,) = draw_all("gan", Copies(), [Synthetic(guidance=3.0)], split, 0, clock).values()
    assert "Copies has no guidance" in str(error)


def test_shuffled_rows_are_the_same_rows_under_labels_that_say_nothing() -> None:
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


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.01, 1))
def test_weights_of_a_share(n_real: int, n_synthetic: int, share: float) -> None:
    found = Synthetic(share=share).weights(n_real, n_synthetic)
    assert found is not None
    assert found.mean() == pytest.approx(1)
    assert found[n_real:].sum() / found.sum() == pytest.approx(share)
    assert len(np.unique(found[:n_real])) == len(np.unique(found[n_real:])) == 1
    assert (
        Synthetic().weights(n_real, n_synthetic)
        is Synthetic(share=share).weights(n_real, 0)
        is None
    )


def test_pretraining_keeps_rows_apart() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("vae:pretrain", SAMPLERS), split, 0, clock)
    assert pool.rows is split.train
    assert pool.pretrain is not None
    assert (
        len(pool.pretrain)
        == pool.n_synthetic
        == synthetic_counts(np.bincount(split.train.codes)).sum()
    )


# Rows without a sampler


def test_repeated_rows_are_each_there_twice() -> None:
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


def test_smotenc_takes_categories_over() -> None:
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


# Arms of one's own


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
def test_rows_by_a_function_that_goes_wrong(bad: Any) -> None:
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


def test_key_tells_arms_of_one_name_apart() -> None:
    def other(X: Any, y: Any, seed: int) -> Any:
        return X, y

    arms = [
        Arm("a"),
        Arm("a", rows="repeat"),
        Arm("a", rows=other),
        Arm("a", batch_steps=("flip",)),
        Arm("a", balance="logit"),
        Arm("a", rows=RandomUnderSampler()),
        Arm("a", rows=RandomUnderSampler(replacement=True)),
        Arm("a", sampler=Copies()),
        Arm("a", sampler=Copies(), synthetic=Synthetic(2.0)),
    ]
    assert len({arm.key for arm in arms}) == len(arms)
    assert Arm("a", rows=other).key == Arm("b", rows=other).key

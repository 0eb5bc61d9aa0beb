"""Synthetic rows of an arm: one fit for all uses, and no copies of test rows."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import ConditionalVAE
from gen_augment.data import Rows
from gen_augment.errors import InputError, LeakError
from gen_augment.filters import Realism
from gen_augment.study.arms import (
    Arm,
    Pool,
    Synthetic,
    draw_all,
    draw_rows,
    make_pool,
    parse_arm,
)
from gen_augment.study.parts import Parts
from tests.conftest import small_sampler
from tests.study.arms.toys import clock, imbalanced_split
from tests.study.toys import (
    Copies,
    Log,
    TrueDraws,
    gaussians,
    make_task,
    row_digests,
    rows_of,
    unlabelled,
)


def test_sampler_gets_the_user_s_labels_and_a_seed_of_the_trial() -> None:
    X, y = gaussians(60)
    split = make_task(X, np.array(["no", "yes"])[y]).split(0)
    seen = []

    class Spy(Copies):
        def fit(self, X: Any, y: Any) -> Any:
            seen.append((set(y.tolist()), self.random_state))
            return super().fit(X, y)

    arm, unfitted = parse_arm("spy", {"spy": Spy()}), Spy()
    for seed in (0, 0, 1):
        make_pool(arm, split, seed, clock)
    assert [labels for labels, _ in seen] == [{"no", "yes"}] * 3
    assert seen[0][1] == seen[1][1] != seen[2][1]
    assert vars(arm.sampler) == vars(unfitted)


def test_labels_that_come_back_in_another_order_stay_with_their_rows() -> None:
    class Reversed(TrueDraws):
        def sample(self, *, y: dict[Any, int]) -> tuple[Any, Any]:
            rows, labels = super().sample(y=y)
            return rows[::-1], labels[::-1]

    split = imbalanced_split()
    pool = make_pool(parse_arm("mine", {"mine": Reversed()}), split, 0, clock)
    rows, codes = pool.rows.X[len(split.train) :], pool.rows.codes[len(split.train) :]
    assert rows[codes == 0][:, 0].mean() < -0.5
    assert rows[codes == 1][:, 0].mean() > 0.5


@pytest.mark.parametrize("kept", [slice(None, -1), slice(0, 0)], ids=["one short", "none"])
def test_a_sampler_that_returns_too_few_rows_is_an_error(kept: slice) -> None:
    class Short(TrueDraws):
        def sample(self, *, y: dict[Any, int]) -> tuple[Any, Any]:
            rows, labels = super().sample(y=y)
            return rows[kept], labels[kept]

    with pytest.raises(InputError, match="'mine' was asked for"):
        make_pool(parse_arm("mine", {"mine": Short()}), imbalanced_split(), 0, clock)


def test_synthetic_copies_of_test_rows_are_a_leak() -> None:
    split = imbalanced_split()

    class Thief(TrueDraws):
        def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
            rows = super().draw(labels, rng)
            rows[:3] = split.test.X[:3]
            return rows

    with pytest.raises(
        LeakError, match="3 synthetic rows of 'mine' are equal to rows of the test part"
    ):
        make_pool(parse_arm("mine", {"mine": Thief()}), split, 0, clock)


@pytest.mark.parametrize(
    "met, leaks", [(5, False), (6, True)], ids=["of known values", "of a new size"]
)
def test_a_table_of_categories_may_contain_a_test_row_by_chance(met: int, leaks: bool) -> None:
    X = pd.DataFrame(
        {"colour": [*"rgbrggrgb"], "size": [*"sssmmmlll"], "worn": [True, False] * 4 + [True]}
    )
    train = rows_of(
        X[:5], np.zeros(5, int)
    )  # row 5 combines known values, row 6 is the first large row

    class Meets(TrueDraws):
        def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
            return X.iloc[[met] * len(labels)]

    def pool() -> Pool:
        return make_pool(
            parse_arm("mine:1:prior", {"mine": Meets()}),
            Parts(train, train, unlabelled(X[5:])),
            0,
            clock,
        )

    if leaks:
        with pytest.raises(LeakError, match="5 synthetic rows of 'mine' are equal"):
            pool()
    else:
        assert pool().n_synthetic == 5


def test_chance_copies_of_categories_pass_and_stolen_rows_do_not() -> None:
    """Only 128 rows are possible, so any sampler makes rows of each part by chance."""
    values = np.array(list(itertools.product([0.0, 1.0], repeat=7)))
    order = np.random.default_rng(0).permutation(128)
    codes = np.arange(128) % 2
    parts = [rows_of(values[part], codes[part]) for part in np.split(order, [48, 80])]
    split = Parts(*parts[:2], unlabelled(parts[2].X))

    class Coins(TrueDraws):
        def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
            return rng.integers(0, 2, (len(labels), 7)).astype(float)

    class Thief(TrueDraws):
        def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
            return np.concatenate([parts[1].X[:1], parts[2].X])[: len(labels)]

    assert len(make_pool(parse_arm("mine", {"mine": Coins()}), split, 0, clock).rows) > 48
    with pytest.raises(
        LeakError, match="47 synthetic rows of 'mine' are equal to rows of the test part"
    ):
        make_pool(parse_arm("mine", {"mine": Thief()}), split, 0, clock)


def test_samplers_are_fitted_on_the_training_part_only() -> None:
    split, log = imbalanced_split(), Log()
    make_pool(Arm("spy", "spy", (), Copies(log)), split, 0, clock)
    assert log == [row_digests(split.train.X).tolist()]


SAMPLERS = {"gan": Copies(), "vae": TrueDraws()}


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


class Wide(Copies):
    """Rows of a normal distribution, those of class 1 around `center`."""

    def __init__(self, center: float = 0.0, log: Any = None, random_state: Any = None) -> None:
        super().__init__(log, random_state)
        self.center = center

    def fit(self, X: Any, y: Any) -> Any:
        rows = Rows.read(X, y)  # the attributes of a fitted sampler of this package
        self.codec_, self.label_codec_, self.classes_ = rows.codec, rows.labels, rows.classes
        self.class_count_, self.seed_ = rows.class_counts, 0
        return super().fit(X, y)

    def generate(self, index: Any, y: Any, *, seed: int | None = None) -> Any:
        rows = np.random.default_rng(np.asarray(index)).normal(scale=3, size=(len(index), 2))
        return rows + self.center * (np.asarray(y) == 1)[:, None]


def test_filtered_rows_pass_a_filter_fitted_on_the_training_part() -> None:
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


def test_filters_of_a_sampler_receive_it() -> None:
    samplers = {name: small_sampler(name) for name in ("vae", "gan")}
    for name in ("vae:duplicates", "gan:rejection"):
        pool = make_pool(parse_arm(name, samplers), imbalanced_split(), 0, clock)
        assert len(set(np.bincount(pool.rows.codes))) == 1
    with pytest.raises(InputError, match="has no discriminator"):
        make_pool(parse_arm("vae:rejection", samplers), imbalanced_split(), 0, clock)


def test_rows_that_filters_refuse_too_often_are_left_out() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("s:1:realism", {"s": Wide(center=1000)}), split, 0, clock)
    made = pool.rows.codes[len(split.train) :]
    assert pool.n_synthetic == len(made) == -(-len(split.train) // 2)  # of 2 balanced classes
    assert not made.any()


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


def test_the_versions_of_a_row_have_the_strengths_in_turn() -> None:
    class Marked(Copies):
        def vary(self, X: Any, y: Any, *, strength: Any, random_state: int) -> Any:
            return X + 1e-6 * np.reshape(strength, (-1, 1))

    split = imbalanced_split()
    train = split.train
    use = parse_arm("s:vary=0.25/0.5/0.75:6", {"s": Marked()}).synthetic
    fitted = Marked().fit(train.X, train.codes)
    new = draw_rows("s", fitted, use, train, 0)
    distance = np.abs(new.X[:, None] - train.X).sum(axis=2)
    given = np.rint((new.X - train.X[distance.argmin(axis=1)])[:, 0] * 4e6) / 4
    for row in range(len(train)):
        mine = np.sort(given[distance.argmin(axis=1) == row])
        assert len(mine) < 3 or set(mine) == {0.25, 0.5, 0.75}
    np.testing.assert_array_equal(np.unique(given), [0.25, 0.5, 0.75])


def test_guidance_is_set_for_drawing_only() -> None:
    split = make_task(*gaussians(40, dim=5)).split(0)
    sampler = small_sampler("flow")
    found: Any = draw_all("flow", sampler, [Synthetic(), Synthetic(guidance=3.0)], split, 0, clock)
    plain, guided = (drawn.rows.X for drawn in found.values())
    assert not np.allclose(plain, guided)
    assert sampler.guidance == 1.0
    (error,) = draw_all("gan", Copies(), [Synthetic(guidance=3.0)], split, 0, clock).values()
    assert "Copies has no guidance" in str(error)

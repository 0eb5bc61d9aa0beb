"""Arms: their names, what they do to rows and to batches."""

import itertools
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_augment.errors import InputError, LeakError, MissingDependencyError
from gen_augment.modalities import Image, Modality, Table
from gen_augment.modalities.image.recipes import RECIPES, flip, mixup, shift
from gen_augment.study.arms import (
    N_EXAMPLES,
    Arm,
    Pool,
    make_pool,
    parse_arm,
    synthetic_counts,
)
from gen_augment.study.parts import Parts
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

COPIES = Copies()
CLASSES = np.array([0, 1])


def clock() -> float:
    return next(TICKS)


TICKS = itertools.count(0.0, 1.5)


def imbalanced_split(seed: int = 0) -> Parts:
    return make_task(*gaussians(120, imbalance=5), validation_size=0.2).split(seed)


# Names


@pytest.mark.parametrize(
    "name, rows, steps, generative",
    [
        ("real", "real", (), False),
        ("oversample", "oversample", (), False),
        ("smote", "smote", (), False),
        ("shift", "real", ("shift",), False),
        ("mixup+flip", "real", ("mixup", "flip"), False),
        ("oversample+shift", "oversample", ("shift",), False),
        ("mine", "mine", (), True),
        ("mine+shift+mixup", "mine", ("shift", "mixup"), True),
        ("shift+mine", "mine", ("shift",), True),
    ],
)
def test_parse_arm(name: str, rows: str, steps: tuple[str, ...], generative: bool) -> None:
    arm = parse_arm(name, {"mine": COPIES})
    assert (arm.name, arm.rows, arm.batch_steps) == (name, rows, steps)
    assert arm.is_generative is generative
    assert arm.sampler is (COPIES if generative else None)


@pytest.mark.parametrize(
    "name, message",
    [
        ("gan", r"unknown step 'gan'; known: .*adasyn, teacher, mine, other, shift"),
        ("real+gan", "unknown step 'gan'"),
        ("", "unknown step ''"),
        ("real+", "unknown step ''"),
        ("Real", "unknown step 'Real'"),
        ("real+repeat", "real and repeat both choose the rows"),
        ("mine+other", "mine and other both"),
        ("oversample+mine+smote+shift", "oversample and smote both"),
    ],
)
def test_parse_arm_refuses(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arm(name, {"mine": COPIES, "other": COPIES})


@pytest.mark.parametrize("modality", [Image(), Table()], ids=["image", "table"])
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("imbalanced", [True, False])
def test_default_arms_can_be_parsed_and_hold_baselines_and_samplers(
    modality: Modality, mirror: bool, imbalanced: bool
) -> None:
    samplers = {"mine": COPIES, "other": COPIES}
    names = modality.default_arms(samplers, mirror=mirror, imbalanced=imbalanced)
    arms = [parse_arm(name, samplers) for name in names]
    image = isinstance(modality, Image)
    assert "real" in names
    assert {arm.rows for arm in arms if arm.is_generative} == {"mine", "other"}
    assert any("flip" in arm.batch_steps for arm in arms) == (mirror and image)
    assert ("smote" in names) == (not image)
    assert ("oversample" in names) == (imbalanced or not image)
    # A sampler under a recipe has a rival under the same recipe, whose classes are alike too.
    plain = {
        arm.batch_steps: arm.rows for arm in arms if not arm.is_generative and arm.balance == ""
    }
    for arm in arms:
        if arm.is_generative and arm.batch_steps:
            assert plain[arm.batch_steps] == ("oversample" if imbalanced else "real")


# Batches


def one_pixel(batch: int, height: int, width: int) -> torch.Tensor:
    x = torch.full((batch, 1, height, width), -1.0)
    x[:, :, height // 2, width // 2] = 1.0
    return x


@settings(max_examples=40, deadline=None)
@given(height=st.integers(8, 40), width=st.integers(8, 40), seed=st.integers(0, 1000))
def test_shift_moves_content_by_no_more_than_it_says(height: int, width: int, seed: int) -> None:
    torch.manual_seed(seed)
    y = torch.rand(64, 3)
    shifted, labels = shift(one_pixel(64, height, width), y)

    image, _, row, column = torch.nonzero(shifted == 1.0, as_tuple=True)
    assert image.tolist() == list(range(64))
    assert (row - height // 2).abs().max() <= max(1, round(height / 14))
    assert (column - width // 2).abs().max() <= max(1, round(width / 14))
    assert shifted.sum() == one_pixel(64, height, width).sum()
    torch.testing.assert_close(labels, y)


@pytest.mark.parametrize(
    "height, width, down, across", [(28, 28, 2, 2), (8, 64, 1, 5), (32, 10, 2, 1)]
)
def test_shift_moves_every_way(height: int, width: int, down: int, across: int) -> None:
    torch.manual_seed(0)
    shifted, _ = shift(one_pixel(1000, height, width), torch.zeros(1000, 2))
    _, _, row, column = torch.nonzero(shifted == 1.0, as_tuple=True)
    moves = {
        (r - height // 2, c - width // 2)
        for r, c in zip(row.tolist(), column.tolist(), strict=True)
    }
    assert moves == set(itertools.product(range(-down, down + 1), range(-across, across + 1)))


def test_shift_fills_with_black() -> None:
    assert set(shift(torch.ones(50, 3, 28, 28), torch.zeros(50, 2))[0].unique().tolist()) == {
        -1.0,
        1.0,
    }


def test_flip_mirrors_about_half_of_the_images() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(400, 3, 8, 9), torch.rand(400, 2)
    flipped, labels = flip(x, y)
    same = (flipped == x).flatten(1).all(dim=1)
    mirrored = (flipped == x.flip(-1)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 150 < int(mirrored.sum()) < 250
    torch.testing.assert_close(labels, y)


def test_mixup_mixes_labels_as_it_mixes_images() -> None:
    """Images hold their own number as a one-hot code, so that the weights of a mixture can be read off."""
    torch.manual_seed(0)
    n, weights = 16, []
    images = torch.eye(n).reshape(n, 1, 4, 4)
    y = torch.nn.functional.one_hot(torch.arange(n) % 3, 3).float()
    for _ in range(30):
        mixed, labels = mixup(images, y)
        of_images = mixed.reshape(n, n)  # row: mixture, column: weight of each image
        torch.testing.assert_close(of_images.sum(dim=1), torch.ones(n))
        assert (of_images >= 0).all()
        torch.testing.assert_close(labels, of_images @ y)
        torch.testing.assert_close(labels.sum(dim=1), torch.ones(n))
        assert (torch.diagonal(of_images) > 0).all()
        weights.append(of_images[0, 0].item())
    assert len(set(weights)) > 20


def test_steps_are_taken_in_the_order_of_the_name() -> None:
    x, y = torch.randn(32, 1, 8, 8), torch.eye(2)[torch.arange(32) % 2]
    for name, steps in (("flip+mixup", (flip, mixup)), ("mixup+flip", (mixup, flip))):
        torch.manual_seed(0)
        found = parse_arm(name, {}).transform(x, y, RECIPES)
        torch.manual_seed(0)
        expected = steps[1](*steps[0](x, y))
        torch.testing.assert_close(found, expected)


def test_arm_without_steps_leaves_the_batch_alone() -> None:
    x, y = torch.randn(4, 1, 8, 8), torch.eye(4)
    same_x, same_y = parse_arm("real", {}).transform(x, y, RECIPES)
    assert same_x is x
    assert same_y is y


# Rows


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=30))
def test_synthetic_counts(counts: list[int]) -> None:
    real = np.array(counts)
    synthetic = synthetic_counts(real)
    assert (synthetic >= 0).all()
    assert len(set((real + synthetic).tolist())) == 1
    assert synthetic.sum() >= real.sum()
    # No more than that asks for: one row fewer a class would leave a class short, or too few synthetic rows.
    fewer = synthetic - 1
    assert fewer.min() < 0 or fewer.sum() < real.sum()


def test_real_pool_is_the_training_part() -> None:
    split = imbalanced_split()
    pool = make_pool(parse_arm("real", {}), split, 0, clock)
    assert pool.rows is split.train
    assert (pool.n_synthetic, pool.examples, pool.seconds) == (0, None, {})


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
def test_classes_alike_are_left_as_they_are(name: str) -> None:
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


def test_generative_pool() -> None:
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
def test_sampler_that_delivers_too_few_rows(kept: slice) -> None:
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
def test_of_a_table_of_categories_a_sampler_may_meet_a_test_row_by_chance(
    met: int, leaks: bool
) -> None:
    X = pd.DataFrame(
        {"colour": [*"rgbrggrgb"], "size": [*"sssmmmlll"], "worn": [True, False] * 4 + [True]}
    )
    train = rows_of(
        X[:5], np.zeros(5, int)
    )  # row 5 is made of what these have, row 6 is the first large one

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


def test_rows_of_a_few_categories_are_met_by_chance_and_stolen_ones_are_not() -> None:
    """Of 128 rows that there can be, a sampler that knows none of them makes rows of each part."""
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


def test_only_the_training_part_is_fitted_on() -> None:
    split, log = imbalanced_split(), Log()
    make_pool(Arm("spy", "spy", (), Copies(log)), split, 0, clock)
    assert log == [row_digests(split.train.X).tolist()]

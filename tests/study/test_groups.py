"""Rows of one patient, customer or recording: on one side of every split."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier

from gen_augment.errors import ArchiveError, InputError, LeakError
from gen_augment.study import Study, StudyResult
from gen_augment.study.findings import Design, variance_over_tests
from gen_augment.study.groups import rows_by_group, whole_groups
from gen_augment.study.metrics import METRICS
from gen_augment.study.parts import Parts
from tests.study.toys import Copies, make_study, make_task


def patients(n: int, visits: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that identify the patient. Each patient has a random class."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n), visits)
    y = rng.permutation(np.arange(n) % 2)[groups]
    return rng.normal(size=(n, 5))[groups] + rng.normal(scale=0.05, size=(n * visits, 5)), y, groups


def owners(split: Parts, groups: np.ndarray) -> list[set[int]]:
    """Return the groups of each part. The first column is the row number."""
    return [
        set(groups[part.X[:, 0].astype(int)].tolist())
        for part in (split.train, split.validation, split.test)
    ]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=16, max_size=60),
    pure=st.booleans(),
    n_classes=st.integers(2, 3),
    test_size=st.floats(0.1, 0.5),
    seed=st.integers(0, 2**62),
)
def test_no_group_is_on_two_sides(
    sizes: list[int], pure: bool, n_classes: int, test_size: float, seed: int
) -> None:
    """Groups of one class, and of several."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    y = groups % n_classes if pure else np.arange(len(groups)) % n_classes
    order = np.random.default_rng(seed).permutation(len(groups))
    groups, y = groups[order], y[order]
    X = np.arange(len(y), dtype=float)[:, None]
    task = make_task(X, y, groups=groups, test_size=test_size)
    split = task.split(seed)
    train, validation, test = owners(split, groups)
    assert train | validation | test == set(groups.tolist())
    assert not train & validation
    assert not (train | validation) & test
    assert len(split.train) + len(split.validation) + len(split.test) == len(y)
    for codes in (split.train.codes, split.validation.codes, task.truth(seed)):
        assert set(codes.tolist()) == set(range(n_classes))
    np.testing.assert_array_equal(task.truth(seed), y[split.test.X[:, 0].astype(int)])
    np.testing.assert_array_equal(task.split(seed).train.X, split.train.X)


def test_shares_are_as_near_as_those_of_a_library() -> None:
    """The reference is scikit-learn's folds by group, which also hold out a fifth."""
    ours, theirs = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        groups = rng.choice(40, 600, p=rng.dirichlet(np.ones(40)))
        y = (rng.random(600) < rng.beta(1, 3, 40)[groups]).astype(int)
        found = [whole_groups(groups, y, 0.2, seed)]
        for _, index in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(
            y, y, groups
        ):
            found.append(np.isin(np.arange(600), index))
        off = [
            np.abs(np.bincount(y[kept], minlength=2) / np.bincount(y) - 0.2).max() for kept in found
        ]
        ours.append(off[0])
        theirs.append(np.mean(off[1:]))
    assert np.mean(ours) <= np.mean(theirs)


def test_seeds_hold_out_different_groups() -> None:
    X, y, groups = patients(40, 3)
    task = make_task(X, y, groups=groups, test_size=0.25)
    held_out = [whole_groups(groups, task.rows.codes, 0.25, seed) for seed in range(40)]
    assert np.mean(held_out, axis=0) == pytest.approx(
        0.25, abs=0.25
    )  # no group is always or never held out
    assert np.mean(held_out, axis=0).min() > 0


def test_rows_of_known_groups_inflate_scores_and_are_kept_apart() -> None:
    """Classes of patients are random, so only a classifier that saw the patient knows the class."""
    X, y, groups = patients(120, 5)
    how: dict[str, Any] = {
        "model": KNeighborsClassifier(1),
        "arms": ["real"],
        "samplers": {},
        "near_copies": "ignore",
    }
    flattered = make_study(X, y, **how).run().scores().to_numpy().mean()
    honest = make_study(X, y, groups=groups, **how).run().scores().to_numpy().mean()
    assert flattered > 0.98
    assert honest == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("grouped", [False, True])
def test_scores_vary_over_test_groups(grouped: bool) -> None:
    """The twenty rows of a group are equal, so the test part is as informative as its groups."""
    rng, n, visits, found = np.random.default_rng(0), 40, 20, []
    groups = np.repeat(np.arange(n), visits)
    for _ in range(60):
        codes = np.arange(n) % 2
        predictions = {}
        for arm, rate in (("gan", 0.8), ("real", 0.7)):
            said = np.where(rng.random(n) < rate, codes, 1 - codes)[groups]
            predictions |= {(arm, seed): {"test": np.eye(2)[said]} for seed in range(3)}
        columns = {
            "arm": "real",
            "seed": [0],
            "error": None,
            "test_accuracy": 0.7,
            "validation_accuracy": 0.7,
        }
        result = StudyResult(
            pd.DataFrame(columns), {"real": False, "gan": True}, (METRICS["accuracy"],), {"n_seeds": 3},
            Design(test_groups=groups if grouped else None),
            predictions=predictions, truth={seed: {"test": codes[groups]} for seed in range(3)},
        )  # fmt: skip
        found.append(variance_over_tests(result, "gan", "real"))
    between = (0.8 * 0.2 + 0.7 * 0.3) / n
    assert np.mean(found) == pytest.approx(between if grouped else between / visits, rel=0.15)


def test_what_seeds_share_is_that_of_whole_groups() -> None:
    """Three groups of a class are divided into thirds, whatever is asked for."""
    groups, y = np.repeat(np.arange(6), 10), np.repeat([0, 1], 30)
    X = np.random.default_rng(0).normal(size=(60, 2))
    assert make_task(X, y, groups=groups).overlap == pytest.approx(1)
    assert make_task(X, y).overlap == pytest.approx(0.3 / (0.7 * 0.8))


def test_copies_within_a_group_are_no_leak() -> None:
    X, y, groups = patients(12, 4)
    X[groups == 3] = X[groups == 3][0]
    assert make_task(X, y, groups=groups).n_dropped == 0
    X[groups == 5] = X[groups == 3][0]
    with pytest.raises(
        LeakError, match=r"4 rows occur more than once in X, in several groups \(first: row 20\)"
    ):
        make_task(X, y, groups=groups)
    task = make_task(X, y, groups=groups, drop_duplicates=True)
    assert task.n_dropped == 4
    assert task.rows.groups is not None
    np.testing.assert_array_equal(task.rows.groups, groups[groups != 5])


X, Y, GROUPS = patients(12, 4)
ELSEWHERE = patients(4, 4, seed=1)[:2]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"groups": GROUPS[:-1]}, InputError, r"groups has shape \(47,\), and there are 48 rows"),
        ({"groups": np.stack([GROUPS, GROUPS])}, InputError, r"groups has shape \(2, 48\)"),
        (
            {"groups": [None, *GROUPS[1:]]},
            InputError,
            "groups: row 0 has none; name one for each row",
        ),
        ({"groups": [*GROUPS[:-1], float("nan")]}, InputError, "groups: row 47 has none"),
        ({"groups": 7}, InputError, r"groups has shape \(\)"),
        (
            {"groups": np.arange(48) % 2},
            InputError,
            r"at least 3 groups in every class, but y has fewer for \{0: ",
        ),
        (
            {"groups": GROUPS, "test": ELSEWHERE},
            InputError,
            r"X has groups, and .* give test=\(X, y, groups\) too",
        ),
        (
            {"test": (*ELSEWHERE, np.arange(16))},
            InputError,
            "test has groups, and .* give groups= too",
        ),
        (
            {"groups": GROUPS, "test": (*ELSEWHERE, np.arange(16))},
            LeakError,
            "48 rows of X are of groups that the",
        ),
        (
            {"groups": GROUPS, "test": (*ELSEWHERE, np.full(16, 99))},
            InputError,
            "groups of test: all rows are of one",
        ),
        (
            {"groups": GROUPS, "test": (*ELSEWHERE, [99])},
            InputError,
            r"groups of test has shape \(1,\)",
        ),
    ],
)
def test_groups_that_do_not_fit(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_task(X, Y, **given)


@pytest.mark.parametrize(
    "names", [[f"p{g}" for g in GROUPS], pd.Series(GROUPS, index=GROUPS + 7), GROUPS.tolist()]
)
def test_groups_have_names_of_any_kind(names: Any) -> None:
    same, other = make_task(X, Y, groups=names).split(3), make_task(X, Y, groups=GROUPS).split(3)
    np.testing.assert_array_equal(same.test.X, other.test.X)


def test_no_division_has_every_class_on_both_sides() -> None:
    groups, y = np.repeat(np.arange(6), 10), np.tile([0, 1], 30)
    y[:] = 0
    y[[0, 1, 10, 20]] = (
        1  # in three groups: one for each part, which whole_groups may be asked to keep
    )
    assert rows_by_group(groups, y)[:, 1].tolist() == [2, 1, 1, 0, 0, 0]
    assert whole_groups(groups, y, 0.2, 0, parts=2).any()
    with pytest.raises(
        InputError, match=r"6 groups of 60 rows cannot be divided .* \(a class is in 3\)"
    ):
        whole_groups(groups, y, 0.2, 0, parts=3)


def test_a_study_resumes_with_the_same_groups_only(tmp_path: Path) -> None:
    def study(groups: Any, n_seeds: int) -> Study:
        return make_study(
            X, Y, groups=groups, model=KNeighborsClassifier(1), arms=["real", "copies"], samplers={"copies": Copies()},
            n_seeds=n_seeds, near_copies="ignore",
        )  # fmt: skip

    assert study(GROUPS, 3).run(tmp_path).protocol["data"]["groups"] == 12
    assert len(study(GROUPS, 4).run(tmp_path).trials) == 8
    for others in (GROUPS // 2, None):
        with pytest.raises(ArchiveError, match="another study"):
            study(others, 3).run(tmp_path)


def test_a_search_keeps_groups_whole(tmp_path: Path) -> None:
    X, y, groups = patients(60, 3)
    study = make_study(
        X, y, groups=groups, per_class=60, model=KNeighborsClassifier(1), arms=["real", "copies"],
        samplers={"copies": Copies()}, n_seeds=3, near_copies="error",
    )  # fmt: skip
    found = study.recommend(tmp_path, ratios=(1,), filters=())
    assert found.use is None
    assert found.result.design.test_groups is not None
    assert (
        found.result.scores().to_numpy().mean() < 0.75
    )  # the class of an unseen patient cannot be predicted

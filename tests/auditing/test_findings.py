"""Findings: planted faults are reported, and chance is not."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from gen_augment import audit
from gen_augment.auditing.findings import _groups
from gen_augment.metrics import Bias
from tests.auditing.toys import (
    TRAIN,
    UNSEEN,
    Distribution,
    Toy,
    collapsed,
    copies,
    look,
    moved,
    nearly_copies,
    sample_of,
    some_copies,
    swapped_labels,
    truth,
    wrong_labels,
)


@pytest.mark.parametrize(
    "make, findings",
    [
        (copies, ["100% of the rows are copies", "nearer to training rows", "small changes"]),
        (some_copies, ["5% of the rows are copies"]),
        (nearly_copies, ["nearer to training rows", "small changes"]),
        (collapsed, ["Class 1 is partly collapsed"]),
        (wrong_labels, ["agree with (69|7[0-2])% of the labels"]),
        (
            swapped_labels,
            [
                "agree with [01]% of the labels",
                "synthetic rows alone reaches [01]% balanced accuracy",
            ],
        ),
        (moved, [r"1 of 3 columns differ in distribution from real rows: 2 \(0\.[4-7]"]),
    ],
)
def test_planted_faults_are_reported(make: Callable[..., np.ndarray], findings: list[str]) -> None:
    found = look(make).findings
    assert len(found) >= len(findings)
    for finding in findings:
        assert any(re.search(finding, line) for line in found), found
    if make not in (collapsed, wrong_labels, swapped_labels):
        assert not any("collapsed" in line for line in found)


@pytest.mark.parametrize("counts", [(1, 1, 3), (1, 9), (1, 1, 1, 1, 40), (20, 20)])
def test_groups_of_equal_accuracy_are_seldom_reported(counts: tuple[int, ...]) -> None:
    """Both classifiers are right with 70%, and differ in a third of the rows."""
    rng = np.random.default_rng(0)
    names, n_reported = [f"group {number}" for number in range(5)], 0
    labels = pd.MultiIndex.from_product([names, range(len(counts))], names=["group", "label"])
    shares = pd.DataFrame({"real": 0.2, "synthetic": 0.2, "together": 0.2}, index=names)
    for _ in range(100):
        rows = np.tile(counts, 5)
        before = [rng.random(n) < 0.7 for n in rows]
        after = [
            np.where(rng.random(n) < 1 / 3, rng.random(n) < 0.7, x)
            for n, x in zip(rows, before, strict=True)
        ]
        scores = {
            name: [x.mean() for x in one] for name, one in (("before", before), ("after", after))
        }
        bias = Bias(shares, shares, pd.DataFrame({"rows": rows, **scores}, index=labels))
        n_reported += bool(list(_groups(bias)))
    assert n_reported <= 5


def test_groups_that_are_missing_or_do_worse_are_reported() -> None:
    def make(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        """Give the rows of the left group wrong labels."""
        right = truth(index, codes, seed)
        right[:, 2] = np.abs(right[:, 2])
        left = truth(index, (codes + 1) % 3, seed)
        left[:, 2] = -np.abs(left[:, 2])
        return np.where((index % 4 == 0)[:, None], left, right)

    groups = [np.where(part[0][:, 2] < 0, "left", "right") for part in (TRAIN, UNSEEN)]
    found = look(make, group=tuple(groups), model=KNeighborsClassifier(1))
    assert found.groups is not None
    assert found.groups.groups["synthetic"].isna().all()
    text = " ".join(found.findings)
    assert "In group 'left' the balanced accuracy of a classifier falls from" in text
    assert not any("In group 'right'" in line for line in found.findings)

    def one_sided(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        rows = truth(index, codes, seed)
        rows[:, 2] = 1
        return rows

    X, unseen = (part[0].copy() for part in (TRAIN, UNSEEN))
    for part in (X, unseen):
        part[:, 2] = np.where(part[:, 2] < 0.5, 0, 1)
    found = audit(
        Toy(one_sided),
        X,
        TRAIN[1],
        holdout=(unseen, UNSEEN[1]),
        group=2,
        model=LogisticRegression(),
    )
    share = (X[:, 2] == 0).mean()
    assert (
        f"Group '0.0' makes up {100 * share:.3g}% of the training rows, and 0% of the synthetic rows."
        in found.findings
    )


def test_equal_rows_of_a_discrete_table_are_not_copies() -> None:
    def dice(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 4, (len(index), 3)) + 2.0 * codes[:, None]

    train, unseen = sample_of(dice, 200, 2, 1), sample_of(dice, 200, 2, 2)
    found = audit(
        Distribution(dice, train[0], 2), *train, holdout=unseen, model=LogisticRegression()
    )
    assert found.table.loc["copies", "synthetic"] > 0.5
    assert found.findings == []
    alone = audit(Distribution(dice, train[0], 2), *train, model=LogisticRegression()).findings
    assert any("copies occur by chance: unseen rows would tell" in line for line in alone)


@pytest.mark.parametrize("n_columns", [5, 20])
def test_chance_in_few_rows_is_not_a_finding(n_columns: int) -> None:
    def noisy(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(len(index), n_columns)) + codes[:, None]

    for seed in range(4):
        train, unseen = sample_of(noisy, 60, 2, 10 + seed), sample_of(noisy, 60, 2, 20 + seed)
        found = audit(
            Distribution(noisy, train[0], 2),
            *train,
            holdout=unseen,
            model=LogisticRegression(),
            random_state=seed,
        )
        assert found.findings == []


@pytest.mark.parametrize("n", [12, 50])
def test_swapped_classes_are_reported(n: int) -> None:
    centres = np.random.default_rng(0).normal(size=(20, 5)) * 6

    def clouds(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(len(index), 5)) + centres[codes]

    def swapped(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return clouds(index, np.where(codes < 2, 1 - codes, codes), seed)

    train, unseen = sample_of(clouds, 20 * n, 20, 1), sample_of(clouds, 20 * n, 20, 2)
    found = audit(
        Distribution(swapped, train[0], 20), *train, holdout=unseen, model=LogisticRegression()
    ).findings
    named = [line for line in found if "look like other classes" in line]
    assert [line.split(" ")[3] for line in named] == ["0", "1"]
    assert not any("collapsed" in line for line in found)

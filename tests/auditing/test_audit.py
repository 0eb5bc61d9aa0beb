"""Audits of samplers with planted faults: the faults are reported, and nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from torch.utils.data import StackDataset

from gen_augment import (
    BootstrapSampler,
    ConditionalVAE,
    InputError,
    NotFittedError,
    SampleBank,
    audit,
)
from tests.auditing.toys import (
    GROUPS,
    TRAIN,
    UNSEEN,
    Toy,
    look,
    truth,
    wrong_labels,
)


def test_audits_repeat_from_a_seed_and_accept_banks(tmp_path: Path) -> None:
    first, again = look(truth, random_state=3), look(truth, random_state=3)
    assert first.table.equals(again.table)
    assert first.per_class.equals(again.per_class)
    bank = SampleBank.build(Toy(truth), 300, tmp_path / "bank")
    unseen = StackDataset(*UNSEEN)
    found = audit(bank, *TRAIN, holdout=unseen, n_samples=150, model=LogisticRegression())
    assert found.per_class["synthetic"].tolist() == [50, 50, 50]


def test_the_hardest_rows_have_wrong_labels_and_can_be_generated_again() -> None:
    found = look(wrong_labels)
    hard, seed = found.hardest, found.card["synthetic_seed"]
    assert (hard["address"] % 10 < 3).all()
    assert hard["score"].is_monotonic_increasing
    assert hard["score"].max() < 0
    rows_again = Toy(wrong_labels).generate(hard["address"], hard["label"], seed=seed)
    own = LogisticRegression(max_iter=1000).fit(*TRAIN).predict(rows_again)
    assert (own != hard["label"]).mean() > 0.9


def test_unlabelled_rows_are_left_out() -> None:
    X, y = TRAIN
    partly = np.where(np.arange(600) % 3 == 0, -1, y)
    partly[:300] = y[:300]
    known = partly >= 0
    found, expected = (
        audit(
            Toy(truth),
            *rows,
            holdout=UNSEEN,
            model=LogisticRegression(),
            group=(group, GROUPS),
            random_state=-1,
        )
        for rows, group in (((X, partly), GROUPS), ((X[known], y[known]), GROUPS[known]))
    )
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.card["training_rows"] == known.sum()
    assert found.groups is not None
    with pytest.raises(InputError, match="label 7 was not seen"):
        audit(Toy(truth), X, np.where(y == 1, 7, partly))


def test_bad_input_is_an_error() -> None:
    X, y = TRAIN
    with pytest.raises(NotFittedError):
        audit(ConditionalVAE(), X, y)
    with pytest.raises(InputError, match="list"):
        audit([], X, y)  # type: ignore[arg-type]
    for arguments, message in (
        ({"X": X[:, :2], "y": y}, "2 features"),
        ({"X": X, "y": y + 5}, "5"),
        ({"X": X, "y": y[:9]}, "600 rows and y has 9"),
        ({"X": X[:4], "y": y[:4]}, "X has 4 rows"),
        ({"X": X, "y": y, "holdout": (X[:2], y[:2])}, "holdout has 2 rows"),
        ({"X": X, "y": y, "holdout": (X, y, y)}, "the target y is None"),
        ({"X": X, "y": y, "n_samples": 0}, "n_samples"),
        ({"X": X, "y": y, "n_samples": 3}, "n_samples=3: at least"),
        ({"X": X, "y": y, "features": "resnet"}, "features='resnet'"),
        ({"X": X, "y": y, "group": 1}, "group is compared on unseen rows: give holdout"),
        ({"X": X, "y": y, "holdout": UNSEEN, "group": 7}, "group=7 is not a column"),
        ({"X": X, "y": y, "holdout": UNSEEN, "group": (GROUPS, GROUPS[:5])}, "600 rows of holdout"),
    ):
        with pytest.raises(InputError, match=message):
            audit(Toy(truth), **{"model": LogisticRegression()} | arguments)  # type: ignore[arg-type]


def test_a_wrong_group_is_an_error_before_any_work() -> None:
    def make(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        raise AssertionError("no row is needed")

    for group, message in (("region", "group='region' is not a column"), (0, "bin them first")):
        with pytest.raises(InputError, match=message):
            audit(Toy(make), *TRAIN, holdout=UNSEEN, group=group)


def test_a_file_names_the_data(tmp_path: Path) -> None:
    X, y = TRAIN
    pd.DataFrame(X[:30], columns=list("abcdefgh")[: X.shape[1]]).assign(y=y[:30]).to_csv(
        path := tmp_path / "wine.csv", index=False
    )
    sampler = BootstrapSampler(random_state=0).fit(path, "y")
    found = audit(sampler, path, "y", n_samples=20, model=LogisticRegression(max_iter=50))
    assert found.card["name"] == "wine"


def test_training_rows_among_the_unseen_are_reported() -> None:
    found = audit(BootstrapSampler(random_state=0).fit(*TRAIN), *TRAIN, holdout=TRAIN)
    assert found.findings[0].startswith("100% of the unseen rows of the audit are training rows")

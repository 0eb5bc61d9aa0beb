"""Figures of synthetic rows and their references."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from gen_augment import (
    BootstrapSampler,
    audit,
)
from gen_augment.modalities import Table
from tests.auditing.toys import (
    copies,
    look,
    moved,
    truth,
)


def test_samples_of_the_true_distribution_have_no_findings() -> None:
    found = look(truth)
    assert found.findings == []
    table = found.table
    assert table.loc["copies", "synthetic"] == 0
    assert table.loc["label_agreement", "synthetic"] > 0.98
    for name in ("two_sample_auc", "share_nearer_to_train", "membership_auc"):
        assert abs(table.loc[name, "synthetic"] - 0.5) < 0.08
    assert table.loc["synthetic_on_real", "synthetic"] > 0.98
    for name in (
        "precision",
        "recall",
        "coverage",
        "memorisation",
        "vendi_score",
        "column_shapes",
        "pair_correlations",
    ):
        assert table.loc[name, "synthetic"] == pytest.approx(table.loc[name, "reference"], abs=0.08)


def test_without_unseen_rows_there_is_no_reference() -> None:
    found = look(copies, holdout=None)
    assert any("100% of the rows are copies" in line for line in found.findings)
    assert found.table.drop(["label_agreement", "vendi_score"])["reference"].isna().all()
    assert not {"membership_auc", "privacy_loss", "share_nearer_to_train"} & set(found.table.index)
    assert found.card["unseen_rows"] == 0


def test_features_may_be_a_callable() -> None:
    column = look(moved, features=lambda X: np.asarray(X)[:, [2]])
    others = look(moved, features=lambda X: np.asarray(X)[:, :2])
    assert column.table.at["frechet_distance", "synthetic"] == pytest.approx(1, abs=0.2)
    assert others.table.at["frechet_distance", "synthetic"] < 0.1


def test_declared_categories_are_compared_as_categories() -> None:
    codes = np.arange(400) % 4
    X, y = pd.DataFrame({"zip": codes, "x": np.arange(400.0)}), np.arange(400) // 4 % 2
    sampler = BootstrapSampler(modality=Table(types={"zip": "category"}), random_state=0).fit(
        X[codes != 1], y[codes != 1]
    )
    found = audit(sampler, X, y, model=LogisticRegression()).per_column
    assert found is not None
    assert found.at["zip", "shape"] == pytest.approx(0.75, abs=0.04), "as numbers it would be 0.83"

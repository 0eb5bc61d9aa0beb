"""Columns of an audit: values that an encoding loses, and identifiers that are copied."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from gen_augment import BootstrapSampler, audit
from gen_augment.auditing.columns import copied_values, lost_values
from gen_augment.data.rows import Rows
from gen_augment.modalities import Table

Y = np.arange(120) % 2
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "frequency": 1e7 + 5e-3 * Y + 1e-4 * RNG.normal(size=120),
        "city": RNG.choice(["Oslo", "Graz"], 120),
        "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(120), unit="D"),
    }
)


def lossy(codec: Any) -> Any:
    """Return a codec that decodes the first column to its mean."""
    changed, decode = copy.copy(codec), codec.decode

    def decode_lossy(rows: Any) -> Any:
        X = decode(rows)
        return X.assign(frequency=X["frequency"].mean())

    object.__setattr__(changed, "decode", decode_lossy)
    return changed


def test_a_column_that_the_encoding_loses_is_reported(tmp_path: Path) -> None:
    sampler = BootstrapSampler(random_state=0).fit(FRAME, Y)
    sampler.codec_ = lossy(sampler.codec_)
    found = audit(sampler, FRAME, Y, model=LogisticRegression())
    (finding,) = [line for line in found.findings if "encoding" in line]
    assert finding.startswith("The encoding loses column 'frequency': ")
    assert found.per_column is not None
    assert found.per_column["lost"].gt(0.9).tolist() == [True, False, False]
    assert (found.per_column["lost"][1:] == 0).all()
    found.to_json(tmp_path / "audit.json")
    columns = json.loads((tmp_path / "audit.json").read_text())["columns"]
    assert columns["frequency"]["lost"] == pytest.approx(found.per_column.at["frequency", "lost"])


def test_unlabelled_rows_of_a_read_table_are_left_out() -> None:
    X, y = FRAME[["city", "when"]], np.where(np.arange(120) < 20, -1, Y + 4)
    sampler = BootstrapSampler(random_state=0).fit(X, Y + 4)
    arguments: dict[str, Any] = {"model": LogisticRegression()}
    with pytest.warns(UserWarning, match="rows without a label"):
        train, holdout = Rows.read(X, y), Rows.read(X[:60], y[:60])
    found = audit(sampler, train, holdout=holdout, **arguments)
    expected = audit(sampler, X, y, holdout=(X[20:60], Y[20:60] + 4), **arguments)
    assert found.card["training_rows"] == 100
    assert found.card["unseen_rows"] == 40
    pd.testing.assert_frame_equal(found.per_class, expected.per_class)


def test_lost_values_are_counted() -> None:
    real = pd.DataFrame(
        {
            "exact": [1.0, 2.0, 3.0, np.nan],
            "rounded": [1.0, 2.0, 3.0, 4.001],
            "one": [1.0, 2.0, 3.0, 4.0],
            "spike": [0.0, 0.0, 0.0, 1.0],
            "word": ["a", "b", None, "c"],
            "gone": [1.0, np.nan, 2.0, 3.0],
        }
    )
    decoded = real.assign(
        rounded=real["rounded"].round(),
        one=[1.0, 2.0, 3.0, 9.0],
        spike=[0.0, 0.0, 0.0, 0.5],
        word=["a", "x", None, "c"],
        gone=[1.0, 0.0, 2.0, 3.0],
    )
    expected = {"exact": 0, "rounded": 0, "one": 0.25, "spike": 0.25, "word": 0.25, "gone": 0.25}
    assert lost_values(real, decoded).to_dict() == expected


def people(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    mails = [f"{rng.integers(1e9)}@example.org" for _ in range(n)]
    return pd.DataFrame({"email": mails, "age": rng.integers(20, 70, n) + 5 * y}), y


def test_copied_identifiers_are_reported_first() -> None:
    train, unseen = people(100, 0), people(60, 1)
    with pytest.warns(UserWarning, match="hold identifiers"):
        sampler = BootstrapSampler(random_state=0).fit(*train)
    for holdout in (None, unseen):
        found = audit(sampler, *train, holdout=holdout, model=LogisticRegression())
        assert found.findings[0].startswith(
            "Column 'email' identifies single rows, and 100% of its synthetic values are copied"
        )
        assert not any("'age' identifies" in line for line in found.findings)
        assert found.per_column is not None
        assert found.per_column["copied"].isna().tolist() == [False, True]


def test_whole_numbers_are_copied_only_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    sparse, dense = rng.choice(10**9, 200, replace=False), rng.permutation(200)
    real = pd.DataFrame({"sparse": sparse, "dense": dense, "price": rng.normal(size=200)})
    copied = copied_values(real, real)
    assert copied["sparse"] == pytest.approx(1, abs=1e-3)
    assert copied["dense"] == 0, "any number in the range would be a copy"
    assert np.isnan(copied["price"])
    new = real.assign(sparse=rng.integers(0, 10**9, 200))
    assert copied_values(real, new)["sparse"] < 0.01


def test_the_modality_of_the_audit_replaces_that_of_the_sampler() -> None:
    codes = np.arange(400) % 4
    X, y = pd.DataFrame({"zip": codes, "x": np.arange(400.0)}), np.arange(400) // 4 % 2
    sampler = BootstrapSampler(random_state=0).fit(X[codes != 1], y[codes != 1])
    arguments: dict[str, Any] = {"model": LogisticRegression()}
    as_numbers = audit(sampler, X, y, **arguments).per_column
    declared = Table(types={"zip": "category"})
    as_categories = audit(sampler, X, y, modality=declared, **arguments).per_column
    assert as_numbers is not None
    assert as_categories is not None
    assert as_numbers.at["zip", "shape"] == pytest.approx(0.83, abs=0.04)
    assert as_categories.at["zip", "shape"] == pytest.approx(0.75, abs=0.04)

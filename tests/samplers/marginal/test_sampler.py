"""Rows from marginals: form, addresses, archives, and what privacy costs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gen_augment import InputError, MarginalSampler, Private, archive, load_sampler
from gen_augment.errors import ArchiveError


def people(n: int = 1500) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.choice(["no", "yes"], n, p=[0.7, 0.3])
    age = np.where(y == "yes", rng.normal(60, 8, n), rng.normal(35, 8, n)).clip(18, 90).astype(int)
    frame = pd.DataFrame(
        {
            "age": age,
            "retired": age > 62,
            "pay": np.where(rng.random(n) < 0.1, np.nan, rng.gamma(3, 1000, n)),
            "city": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
        }
    )
    return frame, y


KNOWN: dict[str, Any] = {
    "bounds": {"age": (18, 90), "pay": (0, 20000, None), "city": ["a", "b", "c"]},
    "classes": ["no", "yes"],
}


def test_exact_marginals_are_those_of_the_rows() -> None:
    X, y = people()
    sampler = MarginalSampler(random_state=0).fit(X, y)
    rows, labels = sampler.sample(4000, random_state=1)
    assert rows.dtypes.equals(X.dtypes)
    assert (rows["retired"] == (rows["age"] > 62)).mean() > 0.93
    for label in ("no", "yes"):
        found, real = rows.loc[labels == label, "age"], X.loc[y == label, "age"]
        assert abs(found.mean() - real.mean()) < 1.5
        assert stats.ks_2samp(found, real).statistic < 0.12
    assert abs(rows["pay"].isna().mean() - 0.1) < 0.03
    np.testing.assert_allclose(
        rows["city"].value_counts(normalize=True)[["a", "b", "c"]], [0.5, 0.3, 0.2], atol=0.05
    )


def test_a_row_depends_on_its_address_alone(tmp_path: Path) -> None:
    X, y = people()
    sampler = MarginalSampler(random_state=0).fit(X, y)
    index = np.arange(400)
    labels = np.array(["no", "yes"])[index % 2]
    whole = sampler.generate(index, labels, seed=3)
    order = np.random.default_rng(0).permutation(400)
    for part in np.split(order, [1, 50, 300]):
        pd.testing.assert_frame_equal(
            sampler.generate(index[part], labels[part], seed=3),
            whole.iloc[part].reset_index(drop=True),
        )
    sampler.save(tmp_path / "a.safetensors")
    loaded: Any = load_sampler(tmp_path / "a.safetensors")
    assert loaded.fingerprint() == sampler.fingerprint()
    assert loaded.tree_ == sampler.tree_
    pd.testing.assert_frame_equal(loaded.generate(index, labels, seed=3), whole)


def test_private_rows() -> None:
    X, y = people()
    sampler = MarginalSampler(
        privacy=Private(3, 1e-5, **KNOWN), random_state=0, n_bins=16, n_iterations=300
    ).fit(X, y)
    assert sampler.privacy_ is not None
    assert 2.95 < sampler.privacy_["epsilon"] <= 3.001
    rows, labels = sampler.sample(3000, random_state=1)
    ages = [rows.loc[labels == label, "age"].mean() for label in ("no", "yes")]
    assert ages[1] - ages[0] > 12
    assert rows["age"].between(18, 90).all()
    again = MarginalSampler(
        privacy=Private(3, 1e-5, **KNOWN), random_state=0, n_bins=16, n_iterations=50
    ).fit(X, y)
    assert again.fingerprint() != sampler.fingerprint()  # the noise has no seed


def test_an_infinite_budget_is_no_budget() -> None:
    X, y = people(300)
    plain = MarginalSampler(random_state=0).fit(X, y)
    infinite = MarginalSampler(privacy=Private(math.inf, 1e-5), random_state=0).fit(X, y)
    assert infinite.privacy_ is None
    assert infinite.fingerprint() == plain.fingerprint()


def test_bad_input(tmp_path: Path) -> None:
    X, y = people(300)
    with pytest.raises(InputError, match="column 'age' has no public bounds"):
        MarginalSampler(privacy=Private(1, 1e-5, classes=["no", "yes"])).fit(X, y)
    with pytest.raises(InputError, match="n_bins=1"):
        MarginalSampler(n_bins=1).fit(X, y)
    with pytest.raises(InputError, match="needs rows that are encoded as vectors"):
        MarginalSampler().fit(np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2)
    sampler = MarginalSampler(random_state=0).fit(X, y)
    header, tensors = sampler._to_archive()
    for broken in (header | {"tree": header["tree"][1:]}, header | {"tree": header["tree"][::-1]}):
        archive.write(tmp_path / "a.safetensors", broken, tensors)
        with pytest.raises(ArchiveError, match="does not fit together"):
            load_sampler(tmp_path / "a.safetensors")
    for table in (-tensors["table/0"], 2 * tensors["table/0"]):
        archive.write(tmp_path / "a.safetensors", header, tensors | {"table/0": table})
        with pytest.raises(ArchiveError, match="'table/0' are not probabilities"):
            load_sampler(tmp_path / "a.safetensors")

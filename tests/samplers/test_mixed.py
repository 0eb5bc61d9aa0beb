"""Generators on mixed tables: the common contract, and samples against a known distribution."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from gen_augment import ConditionalVAE, InputError, load_sampler
from gen_augment.modalities import DataSpec, Table
from gen_augment.samplers import SAMPLERS
from gen_augment.training import Checkpoint
from tests.conftest import NETWORKS, small_sampler, toy_images

NAMES = NETWORKS
SHARES = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])  # of the kinds a, b and c, by class
MEANS, MISSING = np.array([0.0, 3.0, -2.0]), np.array([0.1, 0.1, 0.5])  # of x, by kind


def draw_mixed(n: int, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """A category depends on the class. A number, missing at random, and a flag depend on it."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    kind = (rng.random(n)[:, None] > SHARES[y].cumsum(axis=1)).sum(axis=1)
    x = MEANS[kind] + rng.normal(size=n)
    flag = rng.random(n) < norm.cdf(x)
    x[rng.random(n) < MISSING[kind]] = np.nan
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    frame = pd.DataFrame(
        {"kind": pd.Categorical.from_codes(kind, ["a", "b", "c"]), "x": x, "flag": flag, "day": day}
    )
    return frame.assign(count=pd.array(rng.poisson(3, n), dtype="Int64")), pd.Series(
        np.array(["no", "yes"])[y]
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_keeps_the_form_and_the_address(name: str, tmp_path: Path) -> None:
    X, y = draw_mixed(60)
    sampler = small_sampler(name).fit(X, y)
    assert sampler.n_features_in_ == 5
    rows, labels = sampler.sample(50)
    assert rows.dtypes.equals(X.dtypes)
    assert rows[["kind", "flag", "day", "count"]].notna().all(axis=None)
    assert rows["x"].isna().sum() < 50
    assert set(labels) <= {"no", "yes"}

    index = np.arange(300)
    whole = sampler.generate(index, ["no", "yes"] * 150, seed=3)
    part = sampler.generate(index[100:107], (["no", "yes"] * 150)[100:107], seed=3)
    pd.testing.assert_frame_equal(
        part, whole.iloc[100:107].reset_index(drop=True), rtol=1e-4, atol=1e-3
    )
    sampler.save(tmp_path / "a")
    for other in (load_sampler(tmp_path / "a"), copy.deepcopy(sampler)):
        pd.testing.assert_frame_equal(
            other.generate([0, 9], ["no", "yes"]), sampler.generate([0, 9], ["no", "yes"])
        )
    if name != "gan":
        varied = sampler.vary(X, y, strength=0.2, random_state=0)
        assert varied.dtypes.equals(X.dtypes)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_may_have_no_numbers(name: str) -> None:
    X, y = draw_mixed(60)
    rows, _ = small_sampler(name).fit(X[["kind", "flag"]], y).sample(20)
    assert rows.dtypes.equals(X[["kind", "flag"]].dtypes)


@pytest.mark.parametrize("name", NAMES)
def test_mixed_tables_are_learned_in_mixed_precision(name: str) -> None:
    X, y = draw_mixed(60)
    assert len(small_sampler(name, precision="bf16-mixed").fit(X, y).sample(9)[0]) == 9


def test_column_types_are_a_parameter() -> None:
    X = pd.DataFrame({"zip": [10, 2000, 10, 2000] * 5, "x": np.arange(20.0)})
    sampler = small_sampler("vae", modality=Table({"zip": "category"})).fit(X, [0, 1] * 10)
    assert sampler.spec_.blocks == (2,)
    assert set(sampler.sample(40)[0]["zip"]) == {10, 2000}
    with pytest.raises(InputError, match="dim 4"):
        sampler.fit(*toy_images())


def test_column_types_of_numbered_and_named_columns_are_saved(tmp_path: Path) -> None:
    X = pd.DataFrame({0: [10, 2000] * 10, "0": [5, 7] * 10, "x": np.arange(20.0)})
    types = {np.int64(0): "category", "0": "category"}
    sampler = small_sampler(
        "vae", modality=Table(types), callbacks=[Checkpoint(tmp_path / "a")]
    ).fit(X, [0, 1] * 10)
    loaded = load_sampler(tmp_path / "a")
    assert loaded.modality == Table(types)
    assert loaded.fingerprint() == sampler.fingerprint()


def check_law(sampler: Any, *, share: float, mean: float, missing: float) -> None:
    """Compare shares, means and missing values of 4,000 samples a class with the truth."""
    for label in (0, 1):
        rows, _ = sampler.sample(4000, y=("no", "yes")[label], random_state=1)
        found = rows["kind"].value_counts(normalize=True).reindex(["a", "b", "c"])
        np.testing.assert_allclose(found, SHARES[label], atol=share)
    rows, _ = sampler.sample(6000, random_state=2)
    for number, (_, group) in enumerate(rows.groupby("kind", observed=True)):
        x = group["x"]
        assert abs(x.mean() - MEANS[number]) < mean
        assert 0.8 < x.std() < 1.5
        assert abs(x.isna().mean() - MISSING[number]) < missing
        chance = norm.cdf(MEANS[number] / np.sqrt(2))  # of the flag, given the kind
        assert abs(group["flag"].mean() - chance) < 0.15
    assert abs(rows["count"].astype(float).mean() - 3) < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flow", "gan", "vae"])
def test_the_joint_distribution_is_learned(name: str) -> None:
    X, y = draw_mixed(3000)
    sampler = SAMPLERS[name](
        max_steps=800 if name == "vae" else 500, random_state=0, device="cpu"
    ).fit(X, y)
    check_law(sampler, share=0.08, mean=0.7, missing=0.2)


def test_rows_around_the_decoders_output_have_its_distribution() -> None:
    spec = DataSpec(Table(), (5,), 2, blocks=(3,))
    law = spec.networks.noise(spec)
    assert law.log_scale.shape == (2,)
    out = torch.tensor([[1.0, -1.0, 2.0, 0.0, -2.0]]).expand(20_000, -1)
    rows = law.draw(out, torch.randn(20_000, 5, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(rows[:, :2].mean(0), out[0, :2], atol=0.01, rtol=0)
    torch.testing.assert_close(rows[:, :2].std(0), law.std().detach(), atol=0.01, rtol=0)
    torch.testing.assert_close(rows[:, 2:].mean(0), out[0, 2:].softmax(0), atol=0.01, rtol=0)
    torch.testing.assert_close(
        law.draw(out[:1], torch.randn(1, 5), 0.0), torch.tensor([[1.0, -1.0, 1.0, 0.0, 0.0]])
    )


@pytest.mark.filterwarnings("ignore:y holds -1 and classes such as")
def test_a_vae_of_missing_labels_and_missing_values() -> None:
    X, y = draw_mixed(80)
    codes = np.where(np.arange(80) < 20, -1, (y == "yes").astype(int))
    codes[20:30] = 2
    rows, labels = (
        ConditionalVAE(max_steps=5, width=4, random_state=0, device="cpu").fit(X, codes).sample(30)
    )
    assert set(labels) <= {0, 1, 2}
    assert len(rows) == 30


def test_partial_fit_and_vary_refuse_values_that_were_not_fitted() -> None:
    X, y = draw_mixed(60)
    sampler = small_sampler("vae").fit(X, y)
    text = X.astype({"kind": "str"})
    for column, value in {"kind": "new", "flag": None, "day": pd.NaT, "count": pd.NA}.items():
        changed = text.astype({column: object}) if column == "flag" else text.copy()
        changed.loc[7, column] = value
        for use in (lambda: sampler.partial_fit(changed, y), lambda: sampler.vary(changed, y)):  # noqa: B023
            with pytest.raises(
                InputError,
                match=f"column '{column}' of X has .* in row 7, which was not seen in fit",
            ):
                use()
    known = text.assign(x=np.nan)
    assert len(sampler.partial_fit(known, y).vary(known, y)) == 60

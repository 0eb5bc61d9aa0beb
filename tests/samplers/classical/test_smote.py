"""SMOTE: steps, magnitudes, and votes on categories."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from gen_augment import InputError, SMOTESampler, load_sampler
from gen_augment.modalities import Table
from tests.conftest import toy_table
from tests.samplers.test_mixed import draw_mixed

Y = np.arange(400) % 2


def numbers(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, 400).astype(float),
            "price": np.round(rng.gamma(2, 50, 400), 2),
            "salary": rng.integers(20, 90, 400) * 1000,
            "weight": rng.normal(70, 9, 400),
        }
    )


def on_step(values: Any, per: float) -> bool:
    values = np.asarray(values, dtype=np.float64)
    return bool((values == np.rint(values * per) / per).all())


@pytest.mark.parametrize("mixed", [False, True])
def test_steps_are_kept(mixed: bool, tmp_path: Path) -> None:
    X = numbers()
    X = X.assign(kind=np.where(X["age"] > 50, "a", "b")) if mixed else X
    sampler = SMOTESampler(random_state=0).fit(X, Y)
    sampler.save(tmp_path / "a")
    for fitted in (sampler, load_sampler(tmp_path / "a")):
        rows = fitted.sample(500, random_state=1)[0]
        assert on_step(rows["age"], 1)
        assert on_step(rows["price"], 100)
        assert on_step(rows["salary"] / 1000, 1)
        assert (rows["weight"] % 0.001 > 0).mean() > 0.9
        assert len(set(rows["price"]) - set(X["price"])) > 200


@pytest.mark.parametrize("form", ["array", "float32 array", "tensor", "bfloat16 tensor"])
def test_steps_of_arrays_are_kept(form: str) -> None:
    counts = np.random.default_rng(0).integers(0, 200, (400, 2))
    per = 1 if form == "bfloat16 tensor" else 10
    X: Any = counts / per
    if form == "float32 array":
        X = X.astype(np.float32)
    elif "tensor" in form:
        X = torch.tensor(X, dtype=torch.bfloat16 if "b" in form else torch.float32)
    rows = SMOTESampler(random_state=0).fit(X, Y).sample(300)[0]
    assert rows.dtype == X.dtype
    values = np.asarray(rows.float() if isinstance(rows, torch.Tensor) else rows)
    np.testing.assert_array_equal(values, (np.rint(values * per) / per).astype(values.dtype))


def test_continuous_columns_have_no_step() -> None:
    X = numbers()
    types = {"price": "continuous", "salary": "continuous"}
    plain = SMOTESampler(random_state=0).fit(X, Y).sample(300)[0]
    free = SMOTESampler(random_state=0, modality=Table(types)).fit(X, Y).sample(300)[0]
    assert not on_step(free["price"], 100)
    np.testing.assert_allclose(free["price"], plain["price"], atol=0.0051)  # the same lines
    assert on_step(free["salary"], 1)
    assert not on_step(free["salary"] / 1000, 1)


@pytest.mark.parametrize(
    "value, dtype",
    [
        (2**63 - 1, "int64"),
        (-(2**63), "int64"),
        (2**64 - 1, "uint64"),
        (2**53 + 1, "int64"),
        (1_234_567_890_123_456_789, "Int64"),
    ],
)
@pytest.mark.parametrize("as_array", [False, True])
def test_large_whole_numbers_stay_as_they_are(
    value: int, dtype: str, as_array: bool, tmp_path: Path
) -> None:
    y = np.repeat([1, 0], [5, 15])
    step = -3 if value > 0 else 3
    column = pd.array([value + step * (i % 4) for i in range(20)], dtype=dtype)
    X: Any = pd.DataFrame({"id": column, "a": pd.array(np.arange(20), dtype=dtype)})
    if as_array:
        X = X[["id"]].to_numpy(dtype=dtype.lower())
    sampler = SMOTESampler(random_state=0).fit(X, y)
    sampler.save(tmp_path / "a")
    known = set(range(min(value, value + 3 * step), max(value, value + 3 * step) + 1))
    for fitted in (sampler, load_sampler(tmp_path / "a")):
        rows = fitted.sample(200, random_state=2)[0]
        made = rows[:, 0].tolist() if as_array else rows["id"].tolist()
        assert set(made) <= known
        assert len(set(made)) > 1


def test_numbers_that_no_float_holds_are_refused() -> None:
    X = pd.DataFrame({"id": np.arange(20) * 2**58, "a": np.arange(20.0)})
    with pytest.raises(InputError, match=r"column 'id' of X has values up to 5\.4"):
        SMOTESampler().fit(X, np.arange(20) % 2)


@pytest.mark.parametrize("size", [1e160, 1.7e308])
def test_large_floats_stay_finite(size: float, tmp_path: Path) -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (40, 2)) * size
    sampler = SMOTESampler(random_state=0).fit(X, np.arange(40) % 2)
    sampler.save(tmp_path / "a")
    rows = load_sampler(tmp_path / "a").sample(100)[0]
    assert np.isfinite(rows).all()
    assert len(np.unique(rows)) > 150


@pytest.mark.parametrize("n", [65, 200, 5000])
def test_a_class_gets_its_own_categories_only(n: int) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n, 1200)
    y = codes % 2
    names = np.array([f"v{i}" for i in range(n)])
    X = pd.DataFrame({"kind": names[codes], "x": rng.normal(size=1200)})
    X = pd.concat([X, pd.DataFrame({"kind": names, "x": np.zeros(n)})], ignore_index=True)
    y = np.concatenate([y, np.arange(n) % 2])
    sampler = SMOTESampler(random_state=0, modality=Table({"kind": "category"})).fit(X, y)
    for label in (0, 1):
        made = sampler.sample(y={label: 1000})[0]
        assert made["kind"].isin(set(X["kind"][y == label])).all()


def test_the_most_frequent_category_of_the_neighbours_wins() -> None:
    x = np.repeat([0.0, 100.0], 30) + np.tile(np.arange(30) * 1e-3, 2)
    kind = [f"common{i // 30}" if i % 5 else f"rare{i}" for i in range(60)]
    kind += [f"other{i}" for i in range(100)]
    X = pd.DataFrame({"x": [*x, *np.linspace(0, 100, 100)], "kind": kind})
    y = np.repeat([0, 1], [60, 100])
    made = SMOTESampler(random_state=0, modality=Table({"kind": "category"})).fit(X, y)
    rows = made.sample(y={0: 400})[0]
    near = np.where(rows["x"] < 50, "common0", "common1")
    assert (rows["kind"] == near).mean() > 0.95


def test_smote_rows_lie_between_a_row_and_a_neighbour() -> None:
    X, y = toy_table(80)
    made = SMOTESampler(k_neighbors=3, random_state=0).fit(X, y).sample(500, y=1)[0]
    mine = X[y == 1]
    neighbors = (
        NearestNeighbors(n_neighbors=4).fit(mine).kneighbors(mine, return_distance=False)[:, 1:]
    )
    start, end = np.repeat(mine, 3, axis=0), mine[neighbors.ravel()]
    along = ((made[:, None] - start) * (end - start)).sum(-1) / ((end - start) ** 2).sum(-1)
    off = np.abs(made[:, None] - start - along[..., None] * (end - start)).max(-1)
    fits = (off < 1e-9) & (along > -1e-9) & (along < 1 + 1e-9)
    assert fits.any(axis=1).all()
    gaps = along[fits]
    assert abs(gaps.mean() - 0.5) < 0.05
    assert len(np.unique(fits.argmax(axis=1))) > 70


def test_smote_takes_categories_by_majority() -> None:
    X, y = draw_mixed(200)
    sampler = SMOTESampler(random_state=0).fit(X, y)
    rows = sampler.sample(300, y="yes", random_state=0)[0]
    shares = rows["kind"].value_counts(normalize=True)
    truth = X["kind"][y == "yes"].value_counts(normalize=True)
    assert (abs(shares - truth) < 0.15).all()
    few = SMOTESampler().fit(X.iloc[:4], ["a", "a", "b", "b"]).sample(9)[0]
    assert few.dtypes.equals(X.dtypes)
    codes = (
        SMOTESampler(modality=Table({0: "category"}))
        .fit([[1.0, 2], [5, 3], [9, 1], [9, 2]], [0, 0, 1, 1])
        .sample(50)[0]
    )
    assert set(codes[:, 0]) <= {1, 5, 9}


@pytest.mark.parametrize("value", [2**63 - 1, 2**53 + 1])
def test_smote_refuses_whole_numbers_that_floats_cannot_hold(value: int) -> None:
    X = np.array([[value, 1], [-value, 2], [value, 3], [-value, 4]])
    for rows in (X, pd.DataFrame(X)):
        with pytest.raises(InputError, match="too large"):
            SMOTESampler().fit(rows, [0, 0, 1, 1])


def test_smote_never_overflows() -> None:
    X = np.array([[1.7e308, 1], [-1.7e308, 2], [1.7e308, 3], [-1.7e308, 4]])
    rows = SMOTESampler(random_state=0).fit(X, [0, 0, 1, 1]).sample(40)[0]
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("n_kinds", [2, 40], ids=["tree", "blocks"])
def test_neighbours_depend_on_nothing_that_was_asked_before(n_kinds: int) -> None:
    rng = np.random.default_rng(0)
    # Most rows are at the same distance of many others.
    X = pd.DataFrame({"a": rng.integers(0, 3, 3000), "k": rng.integers(0, n_kinds, 3000)})
    X["k"] = "k" + X["k"].astype(str)
    y = np.arange(3000) % 2

    def fitted() -> SMOTESampler:
        return SMOTESampler(random_state=0).fit(X, y)

    index = np.arange(600)
    whole = fitted().generate(index, y[index])
    sampler = fitted()
    parts = [sampler.generate(part, y[part]) for part in (index[400:], index[:400])]
    pd.testing.assert_frame_equal(pd.concat(parts[::-1], ignore_index=True), whole)
    few = fitted()
    few.sample(5)
    assert sum(found.is_found.sum() for found in few._neighbors.values()) <= 5 * 256


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_floats_on_a_grid_stay_on_it_in_their_library(library: str, tmp_path: Path) -> None:
    values = {"a": np.arange(24.0) % 7, "b": np.arange(24)}
    X = pytest.importorskip(library).DataFrame(values)
    sampler = SMOTESampler(random_state=0).fit(X, np.arange(24) % 2)
    sampler.save(tmp_path / "a.safetensors")
    again = SMOTESampler.load(tmp_path / "a.safetensors")
    made, loaded = (model.sample(50, random_state=1)[0] for model in (sampler, again))
    assert type(made) is type(X)
    assert set(made["a"].to_numpy().tolist()) <= set(range(7))
    assert loaded.equals(made)

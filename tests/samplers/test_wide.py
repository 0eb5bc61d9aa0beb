"""Wide and mixed tables: every dtype, thousands of categories, and unusable values."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError, Study, load_sampler
from gen_augment.data.export import write_parts
from gen_augment.data.sources import load_data
from gen_augment.filters import FilteredSampler, Novelty, Outliers, Realism
from tests.conftest import CLASSICAL, NETWORKS, small_sampler

EVERY = [*NETWORKS, *CLASSICAL]


def make(name: str) -> Any:
    return small_sampler(name)


def every_dtype(n: int = 120) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    """A column of each common pandas dtype, with missing values where the dtype has them."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "category": pd.Categorical(rng.choice(list("abc"), n)),
            "bool": rng.random(n) < 0.5,
            "Int64": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "boolean": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "string": pd.array(rng.choice(["u", "v"], n), dtype="string"),
            "tz": pd.date_range("2024-01-01", periods=n, freq="7h", tz="Europe/Oslo"),
            "float32": rng.normal(size=n).astype(np.float32),
            "object": pd.Series(rng.choice(["p", "q", "r"], n), dtype=object),
            "duration": pd.to_timedelta(rng.integers(0, 1000, n), unit="s"),
            "empty": np.full(n, np.nan),
        }
    )
    for name in X.columns.drop("bool"):
        X.loc[rng.random(n) < 0.1, name] = None
    y = pd.Categorical(np.where(rng.random(n) < 0.3, "yes", "no"), ["yes", "no"], ordered=True)
    return X, pd.Series(y, name="bought")


@pytest.mark.parametrize("name", EVERY)
def test_every_dtype_is_fitted_saved_sampled_and_written(name: str, tmp_path: Path) -> None:
    X, y = every_dtype()
    sampler = make(name).fit(X, y)
    rows, labels = sampler.sample(40, random_state=1)
    assert rows.dtypes.equals(X.dtypes)
    assert labels.dtype == y.dtype
    assert rows["empty"].isna().all()
    sampler.save(tmp_path / "model")
    again = load_sampler(tmp_path / "model", device="cpu")
    pd.testing.assert_frame_equal(again.sample(40, random_state=1)[0], rows)
    write_parts(tmp_path / "rows.parquet", [(rows, labels)], again.codec_)
    data = load_data(tmp_path / "rows.parquet", target="bought")
    same = X.columns.drop("object")  # a file has no objects, only strings
    assert data.rows.X.dtypes[same].equals(X.dtypes[same])
    assert data.rows.y.tolist() == labels.tolist()


def test_every_dtype_goes_through_filters_and_a_study() -> None:
    X, y = every_dtype()
    for keep in (Realism(), Novelty(), Outliers()):
        filtered = FilteredSampler(make("kde"), [keep], draws_per_row=200).fit(X, y)
        assert filtered.sample(y={"yes": 10}, random_state=0)[0].dtypes.equals(X.dtypes)
    samplers = {"kde": make("kde"), "vae": make("vae")}
    arms = ["real", "weights", "smote", "kde", "vae"]
    result = Study(X, y, arms=arms, samplers=samplers, n_seeds=1, random_state=0).run()
    assert result.trials["error"].isna().all()


@pytest.mark.parametrize("name", ["flow", "gan", "vae", "smote", "kde"])
def test_ten_thousand_categories_take_bounded_memory(name: str) -> None:
    rng = np.random.default_rng(0)
    n = 12_000
    ids = np.concatenate([np.arange(10_000), rng.integers(0, 10_000, n - 10_000)])
    X = pd.DataFrame({"id": [f"customer {i}" for i in ids], "x": rng.normal(size=n)})
    tracemalloc.start()  # one-hot, they would take 10,000 x 12,000 x 4 bytes: 480 MB
    try:
        sampler = make(name).fit(X, np.arange(n) % 2)
        rows, _ = sampler.sample(1000, random_state=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sampler.codec_.shape[0] < 1000
    assert set(rows["id"]) <= set(X["id"])
    assert rows["id"].nunique() > 300
    assert peak < 150e6


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda X, y: (
                X,
                pd.Series(y).replace({"no": "only one"}).where(np.arange(30) > 0, "rare"),
            ),
            "'rare': 1",
        ),
        (lambda X, y: (X.assign(x=np.inf), y), "column 'x' of X contains infinity"),
        (lambda X, y: (X.set_axis(["a", "a"], axis=1), y), r"column names occur twice: \['a'\]"),
        (lambda X, y: (X, [None, *y[1:]]), "y has no label in row 0"),
        (
            lambda X, y: (X, pd.Series(y, dtype="category").where(np.arange(30) != 4)),
            "y .*(no label in row|NaN).*4",
        ),
    ],
    ids=["one row of a class", "infinity", "twice a name", "no label", "no category"],
)
def test_what_cannot_be_fitted_is_named(name: str, change: Any, message: str) -> None:
    X = pd.DataFrame({"x": np.arange(30.0), "kind": ["a", "b", "c"] * 10})
    changed = change(X, ["yes", "no"] * 15)
    if name == "bootstrap" and "rare" in message:
        assert make(name).fit(*changed).sample(y={"rare": 3})[0]["x"].tolist() == [0.0] * 3
        return
    with pytest.raises(InputError, match=message):
        make(name).fit(*changed)

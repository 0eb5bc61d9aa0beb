"""Samplers of several sites as one: whose rows it has, wherever a sampler is used."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader

from gen_augment import (
    AugmentedDataset,
    BootstrapSampler,
    FilteredSampler,
    GenerativeOverSampler,
    InputError,
    KDESampler,
    MixedSampler,
    NotFittedError,
    SampleBank,
    Study,
    audit,
    augment_loader,
    load_sampler,
    pool,
)
from gen_augment.filters import Realism
from gen_augment.modalities import Audio
from tests.conftest import toy_images, toy_table


def numbered(labels: list[Any], start: float, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose value names their site."""
    y = np.repeat(np.array(labels), n)
    return np.arange(len(y))[:, None] * 1e-3 + start + np.zeros(2), y


def three_sites() -> MixedSampler:
    """Sites 10, 20 and 30; class 1 is known to two of them."""
    data = [([0, 1], 10.0, 30), ([1, 2], 20.0, 90), ([7, 8], 30.0, 30)]
    parts = [BootstrapSampler(random_state=s).fit(*numbered(*d)) for s, d in enumerate(data)]
    return pool(parts, sites=["oslo", "bergen", "voss"])


def site_of(rows: np.ndarray) -> np.ndarray:
    return np.array(["", "oslo", "bergen", "voss"])[(rows[:, 0] / 10).astype(int)]


def test_classes_counts_and_prior_are_those_of_pooled_rows() -> None:
    sampler = three_sites()
    assert sampler.classes_.tolist() == [0, 1, 2, 7, 8]
    assert sampler.class_count_.tolist() == [30, 120, 90, 30, 30]
    np.testing.assert_allclose(sampler.class_prior_, np.array([30, 120, 90, 30, 30]) / 300)


def test_origins_name_the_site_of_each_row() -> None:
    sampler = three_sites()
    index = np.arange(4000)
    y = sampler.classes_[index % 5]
    rows = sampler.generate(index, y, seed=3)
    origins = sampler.origins(index, y, seed=3)
    assert (site_of(rows) == origins).all()
    assert set(origins[y == 0]) == {"oslo"}
    assert set(origins[y == 7]) == {"voss"}
    n_oslo = int((origins[y == 1] == "oslo").sum())  # 30 of the 120 rows of class 1
    assert stats.binomtest(n_oslo, int((y == 1).sum()), 30 / 120).pvalue > 1e-3


def test_weights_change_classes_and_sites_alike() -> None:
    parts = three_sites().samplers
    sampler = pool(parts, weights=[1, 1, 2])  # each has a prior of 1/2
    np.testing.assert_allclose(sampler.class_prior_, [1 / 8, 1 / 4, 1 / 8, 1 / 4, 1 / 4])
    index = np.arange(2000)
    share = (sampler.origins(index, 1, seed=0) == "0").mean()
    assert abs(share - 0.5) < 0.05


def rows_of(arguments: tuple[Path, np.ndarray, np.ndarray]) -> np.ndarray:
    path, index, y = arguments
    rows: np.ndarray = load_sampler(path).generate(index, y, seed=5)
    return rows


def test_a_row_is_the_same_in_any_batch_order_and_process(tmp_path: Path) -> None:
    sampler = three_sites()
    sampler.save(tmp_path / "all.safetensors")
    index = np.arange(700)
    y = sampler.classes_[index % 5]
    whole = sampler.generate(index, y, seed=5)
    order = np.random.default_rng(0).permutation(700)
    for size in (1, 7, 300):
        parts = np.split(order, range(size, 700, size)) if size > 1 else order[:50, None]
        for part in parts:
            np.testing.assert_array_equal(
                sampler.generate(index[part], y[part], seed=5), whole[part]
            )
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as processes:
        there = processes.submit(rows_of, (tmp_path / "all.safetensors", index, y)).result()
    np.testing.assert_array_equal(there, whole)


def test_one_archive_of_everything(tmp_path: Path) -> None:
    sampler = three_sites()
    sampler.save(tmp_path / "all.safetensors")
    loaded: Any = load_sampler(tmp_path / "all.safetensors")
    assert loaded.fingerprint() == sampler.fingerprint()
    assert loaded.origins([0], [0]).tolist() == ["oslo"]
    np.testing.assert_array_equal(
        loaded.sample(40, random_state=1)[0], sampler.sample(40, random_state=1)[0]
    )
    outer = pool([loaded, KDESampler(random_state=0).fit(*numbered([8, 9], 40.0))])
    assert outer.classes_.tolist() == [0, 1, 2, 7, 8, 9]


def test_images_of_other_ranges_and_classes() -> None:
    X, y = toy_images(40)
    dark = BootstrapSampler().fit((X / 255).astype(np.float32), y)
    bright = BootstrapSampler().fit((X / 100).astype(np.float32), y + 1)
    sampler = pool([dark, bright])
    rows = sampler.generate(np.arange(60), 2)
    assert rows.dtype == np.float32
    assert rows.max() > 1
    assert sampler.codec_.encode(rows).abs().max() <= 1
    np.testing.assert_allclose(sampler.codec_.decode(sampler.codec_.encode(rows)), rows, atol=1e-5)


def test_series_recordings_and_texts() -> None:
    y = np.arange(12) % 2
    short, long = ([np.sin(np.arange(n) * 0.1 * (i + 1)) for i in range(12)] for n in (20, 30))
    series = pool([BootstrapSampler(modality="series").fit(X, y) for X in (short, long)])
    assert sorted({len(row) for row in series.generate(np.arange(40), 0)}) == [20, 30]
    assert series.codec_.lengths == (20, 30)  # type: ignore[attr-defined]
    audio = Audio(sample_rate=8000)
    tones = ([np.sin(np.arange(n) * 0.1 * (i + 1)) for i in range(12)] for n in (2000, 3000))
    recordings = pool([BootstrapSampler(modality=audio).fit(X, y) for X in tones])
    assert recordings.codec_.lengths == (2000, 3000)  # type: ignore[attr-defined]
    both = recordings.generate(np.arange(8), 0)
    again = recordings.codec_.decode(recordings.codec_.encode(both))
    assert [len(row) for row in again] == [len(row) for row in both]
    texts = (["one word", "two more words"] * 6, ["a rather longer text than any other"] * 12)
    words = pool([BootstrapSampler(modality="text").fit(X, y) for X in texts])
    rows = words.generate(np.arange(20), 0)
    assert words.codec_.decode(words.codec_.encode(rows)) == rows


def mismatched() -> dict[str, tuple[Any, Any, str]]:
    images, y = toy_images(20)
    table, _ = toy_table(20)
    pil = [Image.fromarray(row[..., 0]) for row in images]
    strings = np.array(["a", "b"])[y]
    return {
        "image sizes": ((images, y), (toy_images(20, size=16)[0], y), "image shapes"),
        "image dtypes": ((images, y), (images / 255.0, y), "image dtypes"),
        "containers": ((images, y), (pil, y), "image containers"),
        "modalities": ((images, y), (table, y), "modalities"),
        "numbers of columns": ((table, y), (table[:, 1:], y), "numbers of columns"),
        "label types": ((table, y), (table, strings), "labels of samplers 0 and 1"),
        "label containers": ((table, y), (table, y.tolist()), "labels of samplers 0 and 1"),
        "label floats": ((table, y), (table, y * 1.0), "labels of samplers 0 and 1"),
        "array dtypes": ((table, y), (table.astype(np.float32), y), "table dtypes"),
        "tensors": ((table, y), (torch.from_numpy(table), y), "table containers"),
    }


@pytest.mark.parametrize("case", mismatched())
def test_forms_that_cannot_be_joined(case: str) -> None:
    first, second, message = mismatched()[case]
    with pytest.raises(InputError, match=message):
        pool([BootstrapSampler().fit(*first), BootstrapSampler().fit(*second)])


@pytest.mark.parametrize("given", [5, None, KDESampler()])
def test_what_is_no_list_of_samplers(given: Any) -> None:
    with pytest.raises(InputError, match="give a list of fitted samplers"):
        pool(given)


def test_bad_arguments() -> None:
    part = KDESampler().fit(*toy_table())
    with pytest.raises(InputError, match="samplers is empty"):
        pool([])
    with pytest.raises(NotFittedError, match=r"samplers\[1\]"):
        pool([part, KDESampler()])
    with pytest.raises(InputError, match=r"samplers\[0\] is a str"):
        pool(["a.safetensors"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="weights="):
        pool([part, part], weights=[1])
    with pytest.raises(InputError, match="sites="):
        pool([part, part], sites=["a", "a"])
    with pytest.raises(InputError, match="class 8 is known to samplers of weight 0"):
        pool([part, KDESampler().fit(toy_table()[0], 8 + np.arange(60) % 2)], weights=[1, 0])


def two_sites() -> tuple[MixedSampler, np.ndarray, np.ndarray]:
    X, y = toy_table(120)
    y = y + 2 * (np.arange(120) % 4 > 1)
    parts = [KDESampler(random_state=s).fit(X[y // 2 == s], y[y // 2 == s]) for s in (0, 1)]
    return pool(parts), X, y


def test_bank_dataset_loader_filter_and_over_sampler(tmp_path: Path) -> None:
    sampler, X, y = two_sites()
    bank = SampleBank.build(sampler, {0: 5, 3: 4}, tmp_path / "bank")
    rows = sampler.generate(
        bank.addresses(np.arange(9)), bank.labels(np.arange(9)), seed=sampler.seed_
    )
    np.testing.assert_array_equal(bank.rows(np.arange(9)), rows)
    real = list(zip(torch.from_numpy(X).float().numpy().astype(X.dtype), y, strict=True))
    dataset: Any = AugmentedDataset(real, sampler, counts={0: 3, 2: 2}, return_provenance=True)
    origins = [dataset[i][2] for i in range(len(real), len(dataset))]
    assert [origin.site for origin in origins] == ["0"] * 3 + ["1"] * 2
    for origin, i in zip(origins, range(len(real), len(dataset)), strict=True):
        again = sampler.generate([origin.row], [dataset[i][1]], seed=origin.seed)[0]
        np.testing.assert_array_equal(again, dataset[i][0])
    loader = augment_loader(DataLoader(real, batch_size=20), sampler, ratio=0.5)
    assert sum(len(batch[1]) for batch in loader) == 120
    kept = FilteredSampler(sampler, [Realism().fit(X, y)]).sample(10)
    assert len(kept[0]) == 10
    few = np.flatnonzero((y != 3) | (np.arange(120) < 20))
    given = X[few] + 1000.0
    X_new, y_new = GenerativeOverSampler(sampler).fit_resample(given, y[few])
    assert len(set(np.bincount(y_new))) == 1
    assert X_new[len(few) :].max() < 1000  # rows of the sites, and not of a fit to the given ones


def test_audit_and_study() -> None:
    sampler, X, y = two_sites()
    found = audit(sampler, X[::2], y[::2], holdout=(X[1::2], y[1::2]), model=LogisticRegression())
    assert "membership_auc" in found.figures
    trials = (
        Study(X + shift, y, model=LogisticRegression(), samplers=[sampler], arms=["mixed:1"])
        .run()
        .trials
        for shift in (0, 0.5)
    )
    leaking, apart = trials
    assert leaking["error"].str.contains("equal to rows of the test part").all()
    assert apart["error"].isna().all()


def test_columns_that_some_sites_lack_are_missing_there() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    one = pd.DataFrame({"age": rng.integers(20, 60, 30), "city": ["Oslo", "Bergen", None] * 10})
    two = pd.DataFrame({"age": rng.integers(0, 99, 30), "dose": rng.random(30)})
    sampler = pool([BootstrapSampler(random_state=0).fit(X, y) for X in (one, two)])
    index = np.arange(100)
    rows, origins = sampler.generate(index, 0), sampler.origins(index, 0)
    assert list(rows.columns) == ["age", "city", "dose"]
    assert rows.dtypes.astype(str).tolist() == ["int64", str(one["city"].dtype), "float64"]
    assert rows.loc[origins == "0", "dose"].isna().all()
    assert rows.loc[origins == "0", "city"].notna().any()
    assert rows.loc[origins == "1", "city"].isna().all()
    assert rows.loc[origins == "1", "dose"].notna().all()
    again = sampler.codec_.decode(sampler.codec_.encode(rows))
    pd.testing.assert_frame_equal(again, rows, check_exact=False, atol=1e-5)
    adults = sampler.sample(10, where={"age": (30, None)})[0]
    assert (adults["age"] >= 30).all()


def test_a_pool_of_pools_and_of_one_sampler_twice_is_saved(tmp_path: Path) -> None:
    X, y = np.arange(60.0)[:, None], np.repeat([0, 1, 2], 20)
    first, second, third = (
        BootstrapSampler(random_state=i).fit(X[i : 40 + i], y[i : 40 + i]) for i in (0, 10, 20)
    )
    whole = pool([pool([first, second]), third, third])
    sites = [np.arange(60) + start for start in (0, 100, 200, 300)]
    inner = [BootstrapSampler().fit(site[:, None], site % 2) for site in sites]
    nested = pool([pool(inner[:2]), pool(inner[2:])]).sample(1000)[0]
    assert np.bincount(nested[:, 0] // 100).min() > 200  # each level chooses by its own noise
    whole.save(tmp_path / "pool")
    index, labels = np.arange(30), np.arange(30) % 3
    again = load_sampler(tmp_path / "pool").generate(index, labels)
    np.testing.assert_array_equal(again, whole.generate(index, labels))

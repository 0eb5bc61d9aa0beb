"""`PairedVAE`: varied rows, and the source rows of samples."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from gen_augment import InputError
from gen_augment.samplers.paired import PairedVAE
from gen_augment.samplers.paired.network import PairNetwork
from tests.bank.toys import assert_same_rows
from tests.conftest import FORMS, as_form, toy_images, toy_table
from tests.samplers.forms import describe

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")

DATA = pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])


def fit(X: Any, y: Any, **params: Any) -> PairedVAE:
    small: dict[str, Any] = {
        "max_steps": 8,
        "batch_size": 8,
        "width": 4,
        "latent_dim": 3,
        "random_state": 0,
    }
    return PairedVAE(**({**small, "device": "cpu", "n_sources": 100} | params)).fit(X, y)


def squares(n: int, size: int = 12, seed: int = 0) -> np.ndarray:
    """Bright squares that differ in position alone."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n, size, size), dtype=np.uint8)
    for row, (top, left) in zip(X, rng.integers(1, size - 5, (n, 2)), strict=True):
        row[top : top + 4, left : left + 4] = 255
    return X


@pytest.mark.parametrize("form", FORMS)
def test_the_form_is_kept(form: str) -> None:
    X, y = as_form(form)
    sampler = fit(X, y)
    for new in (sampler.vary(X, y, strength=0.7, random_state=0), sampler.sample(7)[0]):
        assert type(new) is type(X)
        assert hasattr(X, "columns") or describe(new[0]) == describe(X[0])
    at_0 = [sampler.vary(X, y, strength=0, random_state=state) for state in (1, 2)]
    assert_same_rows(*at_0)


@DATA
def test_the_distance_to_the_row_grows_with_the_strength(data: Any) -> None:
    X, y = data(200)
    sampler = fit(X.astype(np.float32), y, max_steps=200)
    whole = [
        sampler.vary(X.astype(np.float32), y, strength=s, random_state=0) for s in (0, 0.1, 0.4, 1)
    ]
    away = [np.abs(rows - whole[0]).mean() for rows in whole]
    assert away == sorted(away)
    assert away[1] < 0.5 * away[-1]
    np.testing.assert_array_equal(
        sampler.vary(X.astype(np.float32), y[::-1], strength=1, random_state=0), whole[-1]
    )


def test_strength_0_reconstructs_a_row_and_strength_1_uses_the_code() -> None:
    X, y = squares(300), np.arange(300) % 3
    sampler = fit(X, y, max_steps=400, batch_size=32, width=8, latent_dim=4)
    new = squares(40, seed=1)
    same = sampler.vary(new, 0, strength=0).astype(float)
    others = np.roll(new, 1, axis=0)
    assert np.abs(same - new).mean() < 0.4 * np.abs(others - new.astype(float)).mean()
    one = sampler.vary(np.repeat(new[:1], 50, axis=0), 0, strength=1, random_state=0).astype(float)
    assert one.std(axis=0).max() > 25  # the code moves the only square


def test_a_class_of_two_rows_varies_as_a_frequent_one_does() -> None:
    """Frequent squares move. A rare cross moves too, although training had two unmoved ones."""
    X, y = squares(300), np.zeros(300, dtype=int)
    cross = np.zeros((12, 12), dtype=np.uint8)
    cross[3:9, 5:7] = cross[5:7, 3:9] = 255
    sampler = fit(
        np.concatenate([X, [cross, cross]]),
        np.append(y, [1, 1]),
        max_steps=400,
        batch_size=32,
        width=8,
    )
    rare = sampler.sample(50, y=1, random_state=0)[0].astype(float)
    frequent = sampler.vary(np.repeat(X[:1], 50, axis=0), 0, strength=1, random_state=0).astype(
        float
    )
    assert rare.std(axis=0).mean() > 0.3 * frequent.std(axis=0).mean()


@DATA
def test_samples_start_from_all_rows_of_their_class_equally_often(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data()
    sampler = fit(X, y)
    monkeypatch.setattr(PairNetwork, "generate", lambda self, source, z, columns: source)
    new = np.asarray(
        sampler.generate(np.arange(6000), np.ones(6000, dtype=int)), dtype=float
    ).reshape(6000, -1)
    mine = np.asarray(X[y == 1], dtype=float).reshape(sum(y == 1), -1)
    gap = np.abs(new[:, None] - mine[None]).max(axis=2)
    assert gap.min(axis=1).max() < 1e-4
    assert stats.chisquare(np.bincount(gap.argmin(axis=1), minlength=len(mine))).pvalue > 1e-3


@DATA
def test_saved_and_pickled_samplers_keep_their_rows(data: Any, tmp_path: Path) -> None:
    sampler = fit(*data())
    expected = sampler.generate([0, 300, 7], [0, 1, 1])
    sampler.save(tmp_path / "a")
    for other in (PairedVAE.load(tmp_path / "a"), pickle.loads(pickle.dumps(sampler))):
        np.testing.assert_allclose(other.generate([0, 300, 7], [0, 1, 1]), expected, rtol=1e-5)
        assert other.fingerprint() == sampler.fingerprint()


def test_rows_without_a_label_are_sources_of_the_inferred_class() -> None:
    X, y = toy_table()[0], np.arange(60) % 3
    rows = np.concatenate([X, X + 50])
    sampler = fit(rows, np.append(y, np.full(60, -1)), n_sources=200)
    network: Any = sampler.network_
    counts = np.bincount(sampler.transduction_, minlength=3)
    assert counts.sum() == 120
    assert network.sources.count(torch.arange(3)).tolist() == counts.tolist()
    kept = sampler.codec_.encode(rows)[np.argsort(sampler.transduction_, kind="stable")]
    for mine in np.split(np.arange(120), np.cumsum(counts)[:-1]):
        torch.testing.assert_close(
            network.sources.rows[mine].sort(dim=0).values, kept[mine].sort(dim=0).values
        )


def test_a_class_without_a_row_to_start_from_is_named() -> None:
    sampler = fit(*toy_table())
    sampler.network_.sources.clear()  # type: ignore[union-attr, operator]
    with pytest.raises(
        InputError, match="no row of class 1 was kept to start from: fit with rows of every class"
    ):
        sampler.sample(2, y=1)


@pytest.mark.parametrize("name", ["latent_dim", "n_sources", "width"])
def test_bad_parameters_are_named(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}=0"):
        fit(*toy_table(), **{name: 0})
